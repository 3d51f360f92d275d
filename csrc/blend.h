// Blend: mixes a face at crop size into a picture's own Y'CbCr planes.
#pragma once

#include "affine.h"
#include "layers.h"
#include "plane.h"
#include "sample.h"

namespace fs {

// One plane or two of the picture, at the same positions, and the sampler of alpha and their layers.
template <class T>
struct BlendRow {
  Sampler sampler;  // count + 1 planes
  int count;
  T* row[2];
  std::ptrdiff_t step[2];
  int x0, x1, y;
  float unit;  // 2^(bits - 16): window values to code values
  float most;  // the largest code value
};

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
void draw(const Picture<T>& picture, const Affine& to_coded, const Layers& layers, DrawScratch& scratch);

template <class T>
struct BlendJob {
  Picture<T> picture;
  Affine to_coded;    // crop pixels to the picture's luma samples
  const float* face;  // 3 x size x size
  const float* mask;  // size x size; 0 beyond its edges
};

// Later jobs draw over earlier ones.
template <class T>
void blend(const BlendJob<T>* jobs, int count, int size, float opacity);

}  // namespace fs
