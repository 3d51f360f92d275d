// Blend: mixes a face at crop size into a picture's own Y'CbCr planes.
#pragma once

#include "affine.h"
#include "layers.h"
#include "plane.h"
#include "sample.h"

namespace fs {

// What is added to a new face where it is drawn.
struct Grain {
  float deviation[3] = {0, 0, 0};  // of Y, U and V, as fractions of 2^bits; 0 is none
  std::uint32_t seed = 0;
  bool any() const { return deviation[0] > 0.0f || deviation[1] > 0.0f || deviation[2] > 0.0f; }
};

struct DrawOptions {
  float opacity = 1.0f;  // that the layers were made with
  Enlarge enlarge = Enlarge::kBilinear;
  Grain grain;
};

// One plane or two of the picture, at the same positions, and the sampler of alpha and their layers.
template <class T>
struct BlendRow {
  Sampler sampler;  // count + 1 planes
  int count;
  T* row[2];
  std::ptrdiff_t step[2];
  int x0, x1, y;
  float unit;      // 2^(bits - 16): window values to code values
  int shift;       // of code values in their words, see ColorSpec
  float most;      // the largest code value
  float grain[2];  // deviation of the planes' grain, in window values
  std::uint32_t seed[2];
};

// A number of mean 0 and deviation 1 from a sample's position: the sum of four evenly spread bytes of a hash,
// near to a Gaussian and cut off at 3.45. The hash's mixer is C. Wellons' "lowbias32".
FS_HD float grain_at(int x, int y, std::uint32_t seed) {
  std::uint32_t h = static_cast<std::uint32_t>(x) * 0x9e3779b1u + static_cast<std::uint32_t>(y) * 0x85ebca77u;
  h ^= seed;
  h ^= h >> 16;
  h *= 0x7feb352du;
  h ^= h >> 15;
  h *= 0x846ca68bu;
  h ^= h >> 16;
  const std::uint32_t pairs = (h & 0x00ff00ffu) + ((h >> 8) & 0x00ff00ffu);
  const int total = static_cast<int>((pairs & 0xffffu) + (pairs >> 16));
  return static_cast<float>(total - 510) * (1.0f / 147.7994f);
}

// How much grain a sample gets under filtered alpha (0..65535), so that target and new face together have as
// much as the target alone: (1 - a)^2 + strength^2 = 1.
FS_HD float grain_strength(float alpha) {
  const float rest = 1.0f - lower(alpha * (1.0f / 65535.0f), 1.0f);
  return sqrtf(1.0f - rest * rest);
}

// One sample: code value `old` under filtered alpha (0..65535) and alpha times colour (window value).
// Rounds to nearest; alpha 0 leaves `old` as it is.
FS_HD float blend_code(float old, float alpha, float color, float unit, float most) {
  const float mixed = old + (color * unit - alpha * (1.0f / 65535.0f) * old);
  return lower(upper(mixed + 0.5f, 0.0f), most);
}

struct DrawScratch {
  Buffer<std::uint16_t> reduced[2];
  Buffer<std::uint32_t> sums;
};

// Draws layers into a picture. Samples where alpha is 0 keep their bytes; a map without area draws nothing.
template <class T>
void draw(const Picture<T>& picture, const Affine& to_coded, const Layers& layers, const DrawOptions& options,
          DrawScratch& scratch);

template <class T>
struct BlendJob {
  Picture<T> picture;
  Affine to_coded;    // crop pixels to the picture's luma samples
  const float* face;  // 3 x size x size
  const float* mask;  // size x size; 0 beyond its edges
  Grain grain;
};

// Later jobs draw over earlier ones.
template <class T>
void blend(const BlendJob<T>* jobs, int count, int size, float opacity, Enlarge enlarge);

}  // namespace fs
