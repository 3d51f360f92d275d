// A small triangle rasteriser for the synthetic actors: z-buffer, perspective-correct attributes, 2x2 samples
// a pixel. Camera space: x right, y down, z away from the camera, any unit of length.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

namespace raster {

struct Vec3 {
  float x = 0, y = 0, z = 0;
};

inline Vec3 operator+(Vec3 a, Vec3 b) { return {a.x + b.x, a.y + b.y, a.z + b.z}; }
inline Vec3 operator-(Vec3 a, Vec3 b) { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
inline Vec3 operator*(Vec3 a, Vec3 b) { return {a.x * b.x, a.y * b.y, a.z * b.z}; }
inline Vec3 operator*(Vec3 a, float s) { return {a.x * s, a.y * s, a.z * s}; }
inline float dot(Vec3 a, Vec3 b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
inline Vec3 cross(Vec3 a, Vec3 b) {
  return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}

// 1 / sqrt(x) to about 5e-6: the well-known bit trick with two of Newton's steps. Directions are normalised
// several times a pixel and an exact root and division cost more than the rest of the shading.
inline float inverse_sqrt(float x) {
  float y = std::bit_cast<float>(0x5F375A86 - (std::bit_cast<std::int32_t>(x) >> 1));
  y *= 1.5F - 0.5F * x * y * y;
  return y * (1.5F - 0.5F * x * y * y);
}

inline Vec3 normalized(Vec3 a) {
  const float square = dot(a, a);
  return square > 0 ? a * inverse_sqrt(square) : Vec3{0, 0, -1};
}

using Triangle = std::int32_t[3];

// The geometry of one picture. Arrays are borrowed, `vertices` long.
struct Mesh {
  const Vec3* positions = nullptr;
  const Vec3* normals = nullptr;  // of fibres: the tangent
  const float* uv = nullptr;      // two a vertex, 0..1 over the texture
  const Vec3* exposure =
      nullptr;  // ambient openness 0..1, visibility of the key light 0..1, inner face 0 or 1
  std::int32_t vertices = 0;
  const Triangle* triangles = nullptr;
  const std::uint8_t* material = nullptr;  // one a triangle
  std::int32_t count = 0;
};

struct Camera {
  float focal = 1;  // pixels
  float cx = 0, cy = 0;
};

// An 8-bit texture with the levels of its pyramid, each half the size of the one before.
struct Level {
  const std::uint8_t* rgba = nullptr;   // alpha is the gloss
  const std::int8_t* relief = nullptr;  // slope along u and v in units of 1/64, or null
  std::int32_t width = 0, height = 0;
};

struct Material {
  std::vector<Level> levels;
  Vec3 wrap;               // how far diffuse light reaches past the terminator, by channel (subsurface look)
  float specular = 0.04F;  // reflectance at normal incidence
  float strength = 1.0F;   // of the highlights
  std::int32_t gloss = 4;  // highlight exponent is 2^gloss
  float sheen = 0.0F;      // light of the surroundings reflected at grazing angles
  bool fibre = false;      // hair: normals are tangents
  bool two_sided = false;
  bool cutout = false;   // texels of alpha near 0 are holes
  float density = 0.0F;  // texels a unit of length, chooses the level
  float shift = 0.0F;    // pulls the surface toward the camera, in units of length (decals, lashes)
};

struct Lighting {
  Vec3 key_direction, key;  // toward the light; linear RGB
  Vec3 fill_direction, fill;
  Vec3 rim_direction, rim;
  Vec3 sky, ground;  // ambient light from above and from below
  float exposure = 1.0F;
};

// Draws over `rgb` (and adds the inner face's coverage to `face`, everything's to `cover`), both `width` x
// `height`.
void draw(const Mesh& mesh, const Camera& camera, const std::vector<Material>& materials,
          const Lighting& light, std::uint8_t* rgb, std::uint8_t* cover, std::uint8_t* face,
          std::int32_t width, std::int32_t height);

// Unit normals from triangles; vertices with the same `weld` number share theirs.
void vertex_normals(const Vec3* positions, std::int32_t vertices, const Triangle* triangles,
                    std::int32_t count, const std::int32_t* weld, Vec3* normals);

// How much of a distant light from `toward` reaches each receiver, 0..1, from a depth map of the triangles.
// radius: softness; bias: how far the receivers are lifted, more where light grazes `normals`; units of
// length.
void visibility(const Vec3* positions, std::int32_t vertices, const Triangle* triangles, std::int32_t count,
                const Vec3* receivers, const Vec3* normals, std::int32_t receiver_count, Vec3 toward,
                float radius, float bias, std::int32_t resolution, float* out);

// Averages values at vertices with those of their triangles.
void smooth(float* values, std::int32_t vertices, const Triangle* triangles, std::int32_t count,
            std::int32_t rounds);

// --- shared by the passes
// -------------------------------------------------------------------------------------

// A window of samples: depth (larger is nearer) and the triangle seen there, -1 for none.
struct Window {
  std::int32_t x0 = 0, y0 = 0, width = 0, height = 0;
  std::vector<float> depth;
  std::vector<std::int32_t> id;
  void reset(std::int32_t x, std::int32_t y, std::int32_t w, std::int32_t h, bool ids);
};

struct Corner {
  float x, y, depth;
};

// Fills the samples of one triangle; `id` < 0 fills depth alone.
void fill(Window& window, const Corner& a, const Corner& b, const Corner& c, std::int32_t id);

// The same for a texture with holes. uv: of the three corners; pieces are small, so it is taken as affine.
void fill_cutout(Window& window, const Corner& a, const Corner& b, const Corner& c, std::int32_t id,
                 const float* uv[3], const Level& texture);

// One lit sample.
struct Surface {
  Vec3 normal, toward_eye;  // unit
  Vec3 tangent, bitangent;  // along u and v, unit; zero where relief does not matter
  float u = 0, v = 0;
  Vec3 exposure;
  float level = 0;  // of the texture pyramid
};

// Light that leaves the surface toward the eye, display R'G'B' 0..255.
Vec3 shade(const Surface& surface, const Material& material, const Lighting& light);

// Light on a fibre: it changes slowly along one, so it is found at its vertices and interpolated.
struct FibreLight {
  Vec3 tinted;  // to be multiplied by the texture
  Vec3 white;   // to be added
};
FibreLight light_fibre(Vec3 tangent, Vec3 toward_eye, Vec3 exposure, const Material& material,
                       const Lighting& light);
Vec3 shade_fibre(const FibreLight& incoming, float u, float v, float level, const Material& material,
                 const Lighting& light);

}  // namespace raster
