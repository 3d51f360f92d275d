#include "raster.h"

#include <algorithm>
#include <cmath>

namespace raster {

namespace {

constexpr int kGrid = 2;             // samples a pixel, each way
constexpr float kNear = 1.0F;        // triangles nearer than this are dropped
constexpr float kSmooth = 3.0F;      // texture levels from here on show no relief
constexpr float kSameDepth = 0.01F;  // samples closer than this (relative) share one shading

struct Projected {
  std::vector<Corner> corners;
  float left = 1e9F, top = 1e9F, right = -1e9F, bottom = -1e9F;
};

Projected project(const Mesh& mesh, const Camera& camera) {
  Projected out;
  out.corners.resize(static_cast<std::size_t>(mesh.vertices));
  for (std::int32_t i = 0; i < mesh.vertices; ++i) {
    const Vec3 p = mesh.positions[i];
    const float inverse = p.z > kNear ? 1.0F / p.z : 0.0F;
    const Corner c{(camera.focal * p.x * inverse + camera.cx) * kGrid,
                   (camera.focal * p.y * inverse + camera.cy) * kGrid, inverse};
    out.corners[static_cast<std::size_t>(i)] = c;
    if (inverse > 0) {
      out.left = std::min(out.left, c.x);
      out.right = std::max(out.right, c.x);
      out.top = std::min(out.top, c.y);
      out.bottom = std::max(out.bottom, c.y);
    }
  }
  return out;
}

// Perspective-correct weights of a triangle's corners at a sample.
Vec3 weights(const Corner& a, const Corner& b, const Corner& c, float x, float y) {
  float wa = (b.x - x) * (c.y - y) - (b.y - y) * (c.x - x);
  float wb = (c.x - x) * (a.y - y) - (c.y - y) * (a.x - x);
  float wc = (a.x - x) * (b.y - y) - (a.y - y) * (b.x - x);
  wa *= a.depth;
  wb *= b.depth;
  wc *= c.depth;
  const float sum = wa + wb + wc;
  const float scale = sum != 0.0F ? 1.0F / sum : 0.0F;
  return {wa * scale, wb * scale, wc * scale};
}

// Number of the level whose texels are about as large as pixels, given how many of the finest a pixel covers.
float level_number(float texels) {
  float level = 0;
  for (; texels > 1.6F; texels *= 0.5F) level += 1;
  return level;
}

const Level& level_of(const Material& material, float texels) {
  const auto last = static_cast<float>(material.levels.size()) - 1.0F;
  return material.levels[static_cast<std::size_t>(std::min(last, level_number(texels)))];
}

class Shader {
 public:
  Shader(const Mesh& mesh, const Camera& camera, const std::vector<Material>& materials,
         const Lighting& light, const std::vector<Corner>& corners)
      : mesh_(mesh),
        camera_(camera),
        materials_(materials),
        light_(light),
        corners_(corners),
        fibres_(static_cast<std::size_t>(mesh.vertices)),
        known_(static_cast<std::size_t>(mesh.vertices), 0) {}

  // Colour at a sample of triangle t; `face` receives how much of it is inner face.
  Vec3 at(std::int32_t t, float x, float y, float* face) {
    const std::int32_t i = mesh_.triangles[t][0], j = mesh_.triangles[t][1], k = mesh_.triangles[t][2];
    const Vec3 w = weights(corner(i), corner(j), corner(k), x, y);
    const Vec3 position = mix(mesh_.positions, i, j, k, w);
    const Material& material = materials_[mesh_.material[t]];
    const float level = level_number(material.density * position.z / camera_.focal);
    if (material.fibre) {
      *face = 0;
      const auto u = [&](int axis) {
        return mesh_.uv[2 * i + axis] * w.x + mesh_.uv[2 * j + axis] * w.y + mesh_.uv[2 * k + axis] * w.z;
      };
      return shade_fibre(fibre(i, j, k, w, material), u(0), u(1), level, material, light_);
    }
    Surface s;
    s.normal = normalized(mix(mesh_.normals, i, j, k, w));
    s.toward_eye = normalized(position * -1.0F);
    s.exposure = mix(mesh_.exposure, i, j, k, w);
    s.u = mesh_.uv[2 * i] * w.x + mesh_.uv[2 * j] * w.y + mesh_.uv[2 * k] * w.z;
    s.v = mesh_.uv[2 * i + 1] * w.x + mesh_.uv[2 * j + 1] * w.y + mesh_.uv[2 * k + 1] * w.z;
    s.level = level;
    if (material.two_sided && dot(s.normal, s.toward_eye) < 0) s.normal = s.normal * -1.0F;
    if (material.levels[0].relief != nullptr && level < kSmooth) tangents(i, j, k, s);
    *face = s.exposure.z;
    return shade(s, material, light_);
  }

 private:
  const Corner& corner(std::int32_t i) const { return corners_[static_cast<std::size_t>(i)]; }

  static Vec3 mix(const Vec3* values, std::int32_t i, std::int32_t j, std::int32_t k, Vec3 w) {
    return values[i] * w.x + values[j] * w.y + values[k] * w.z;
  }

  FibreLight fibre(std::int32_t i, std::int32_t j, std::int32_t k, Vec3 w, const Material& material) {
    const FibreLight &a = fibre_at(i, material), &b = fibre_at(j, material), &c = fibre_at(k, material);
    return {a.tinted * w.x + b.tinted * w.y + c.tinted * w.z, a.white * w.x + b.white * w.y + c.white * w.z};
  }

  const FibreLight& fibre_at(std::int32_t i, const Material& material) {
    const auto at = static_cast<std::size_t>(i);
    if (known_[at] == 0) {
      known_[at] = 1;
      fibres_[at] = light_fibre(mesh_.normals[i], normalized(mesh_.positions[i] * -1.0F), mesh_.exposure[i],
                                material, light_);
    }
    return fibres_[at];
  }

  // Directions of growing u and v on the surface (Lengyel's tangent space, one a triangle).
  void tangents(std::int32_t i, std::int32_t j, std::int32_t k, Surface& s) const {
    const Vec3 e1 = mesh_.positions[j] - mesh_.positions[i];
    const Vec3 e2 = mesh_.positions[k] - mesh_.positions[i];
    const float du1 = mesh_.uv[2 * j] - mesh_.uv[2 * i], dv1 = mesh_.uv[2 * j + 1] - mesh_.uv[2 * i + 1];
    const float du2 = mesh_.uv[2 * k] - mesh_.uv[2 * i], dv2 = mesh_.uv[2 * k + 1] - mesh_.uv[2 * i + 1];
    const float sign = du1 * dv2 - du2 * dv1 < 0 ? -1.0F : 1.0F;
    s.tangent = normalized((e1 * dv2 - e2 * dv1) * sign);
    s.bitangent = normalized((e2 * du1 - e1 * du2) * sign);
  }

  const Mesh& mesh_;
  const Camera& camera_;
  const std::vector<Material>& materials_;
  const Lighting& light_;
  const std::vector<Corner>& corners_;
  std::vector<FibreLight> fibres_;  // by vertex, found when first seen
  std::vector<std::uint8_t> known_;
};

struct Pixel {
  Vec3 sum;
  float covered = 0;  // samples
  float face = 0;
};

// Shades one pixel: samples that see the same smooth surface share one shading, fibres get one a triangle.
Pixel resolve(const Window& window, const Mesh& mesh, const std::vector<Material>& materials, Shader& shader,
              std::int32_t px, std::int32_t py) {
  constexpr int kSamples = kGrid * kGrid;
  std::int32_t ids[kSamples];
  float depths[kSamples];
  Vec3 colors[kSamples];
  float faces[kSamples];
  Pixel out;
  for (int s = 0; s < kSamples; ++s) {
    const std::int32_t x = px * kGrid + s % kGrid, y = py * kGrid + s / kGrid;
    const std::size_t at = static_cast<std::size_t>(y - window.y0) * static_cast<std::size_t>(window.width) +
                           static_cast<std::size_t>(x - window.x0);
    ids[s] = window.id[at];
    depths[s] = window.depth[at];
    if (ids[s] < 0) continue;
    int twin = -1;
    for (int q = 0; q < s && twin < 0; ++q) {
      if (ids[q] < 0 || mesh.material[ids[q]] != mesh.material[ids[s]]) continue;
      const bool smooth = !materials[mesh.material[ids[s]]].fibre;
      if (ids[q] == ids[s] || (smooth && std::fabs(depths[q] - depths[s]) < kSameDepth * depths[s])) twin = q;
    }
    if (twin >= 0) {
      colors[s] = colors[twin];
      faces[s] = faces[twin];
    } else {
      colors[s] = shader.at(ids[s], static_cast<float>(x) + 0.5F, static_cast<float>(y) + 0.5F, &faces[s]);
    }
    out.sum = out.sum + colors[s];
    out.face += faces[s];
    out.covered += 1;
  }
  return out;
}

void fill_all(Window& window, const Mesh& mesh, const std::vector<Corner>& corners,
              const std::vector<Material>& materials, const Camera& camera) {
  for (std::int32_t t = 0; t < mesh.count; ++t) {
    const Material& material = materials[mesh.material[t]];
    Corner a = corners[static_cast<std::size_t>(mesh.triangles[t][0])];
    Corner b = corners[static_cast<std::size_t>(mesh.triangles[t][1])];
    Corner c = corners[static_cast<std::size_t>(mesh.triangles[t][2])];
    if (a.depth <= 0 || b.depth <= 0 || c.depth <= 0) continue;
    const float area = (b.x - a.x) * (c.y - a.y) - (b.y - a.y) * (c.x - a.x);
    if (area > 0 && !material.two_sided) continue;  // seen from behind (y points down)
    if (material.shift != 0.0F) {
      for (Corner* k : {&a, &b, &c}) k->depth *= 1.0F + material.shift * k->depth;
    }
    if (material.cutout) {
      const std::int32_t* corner = mesh.triangles[t];
      const float* uv[3] = {mesh.uv + 2 * corner[0], mesh.uv + 2 * corner[1], mesh.uv + 2 * corner[2]};
      fill_cutout(window, a, b, c, t, uv, level_of(material, material.density / (a.depth * camera.focal)));
    } else {
      fill(window, a, b, c, t);
    }
  }
}

std::uint8_t to_byte(float value) {
  return static_cast<std::uint8_t>(std::clamp(value + 0.5F, 0.0F, 255.0F));
}

}  // namespace

void draw(const Mesh& mesh, const Camera& camera, const std::vector<Material>& materials,
          const Lighting& light, std::uint8_t* rgb, std::uint8_t* cover, std::uint8_t* face,
          std::int32_t width, std::int32_t height) {
  const Projected projected = project(mesh, camera);
  const auto pixel = [](float v, std::int32_t top) {
    return static_cast<std::int32_t>(std::clamp(std::floor(v / kGrid), 0.0F, static_cast<float>(top)));
  };
  const std::int32_t x0 = pixel(projected.left, width), x1 = pixel(projected.right + kGrid, width);
  const std::int32_t y0 = pixel(projected.top, height), y1 = pixel(projected.bottom + kGrid, height);
  if (x0 >= x1 || y0 >= y1) return;
  thread_local Window kept;  // fresh pages would cost more than the clearing
  Window& window = kept;
  window.reset(x0 * kGrid, y0 * kGrid, (x1 - x0) * kGrid, (y1 - y0) * kGrid, true);
  fill_all(window, mesh, projected.corners, materials, camera);
  Shader shader(mesh, camera, materials, light, projected.corners);
  constexpr float kShare = 1.0F / (kGrid * kGrid);
  for (std::int32_t y = y0; y < y1; ++y) {
    for (std::int32_t x = x0; x < x1; ++x) {
      const Pixel p = resolve(window, mesh, materials, shader, x, y);
      if (p.covered <= 0) continue;
      const std::size_t at =
          static_cast<std::size_t>(y) * static_cast<std::size_t>(width) + static_cast<std::size_t>(x);
      const float rest = 1.0F - p.covered * kShare;
      std::uint8_t* out = rgb + 3 * at;
      out[0] = to_byte(p.sum.x * kShare + static_cast<float>(out[0]) * rest);
      out[1] = to_byte(p.sum.y * kShare + static_cast<float>(out[1]) * rest);
      out[2] = to_byte(p.sum.z * kShare + static_cast<float>(out[2]) * rest);
      cover[at] = to_byte(255.0F * p.covered * kShare + static_cast<float>(cover[at]) * rest);
      face[at] = to_byte(255.0F * p.face * kShare + static_cast<float>(face[at]) * rest);
    }
  }
}

}  // namespace raster
