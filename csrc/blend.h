// Blend: mixes a face at crop size into a picture's own Y'CbCr planes.
#pragma once

#include "colorspace.h"
#include "plane.h"
#include "sample.h"

namespace fs {

// Crop-size planes of alpha and alpha times Y, U and V, as window values: filtering these and not the colour
// alone keeps what the generator drew outside the mask from bleeding in. Alpha 1 is 65535.
struct PremultiplyParams {
  const float* rgb[3];
  const float* mask;
  float opacity;
  YuvTransform color;
  std::uint16_t* out[4];  // A, AY, AU, AV
  int count;              // pixels
};

template <class F>
FS_HD void premultiply(const PremultiplyParams& p, int i) {
  using L = Lanes<F>;
  const int left = p.count - i, count = left < L::width ? left : L::width;
  const F alpha = clamp_unit(L::load(p.mask + i, count)) * L::set(p.opacity);
  const F r = clamp_unit(L::load(p.rgb[0] + i, count)), g = clamp_unit(L::load(p.rgb[1] + i, count)),
          b = clamp_unit(L::load(p.rgb[2] + i, count));
  const auto& m = p.color.from_rgb;
  const auto& o = p.color.from_rgb_offset;
  L::store_u16(p.out[0] + i, alpha * L::set(65535.0f), count);
  for (int c = 0; c < 3; ++c) L::store_u16(p.out[c + 1] + i, alpha * row3(m[c], o[c], r, g, b), count);
}

// One sample: code value `old` under filtered alpha (0..65535) and alpha times colour (window value).
// unit: 2^(bits - 16). Rounds to nearest; alpha 0 leaves `old` as it is.
FS_HD float blend_code(float old, float alpha, float color, float unit, float most) {
  const float mixed = old + (color * unit - alpha * (1.0f / 65535.0f) * old);
  return lower(upper(mixed + 0.5f, 0.0f), most);
}

template <class T>
struct BlendJob {
  Picture<T> picture;
  Affine to_coded;    // crop pixels to the picture's luma samples
  const float* face;  // 3 x size x size
  const float* mask;  // size x size
};

// Later jobs draw over earlier ones. Samples where the mask is 0 keep their bytes. A map without area draws
// nothing.
template <class T>
void blend(const BlendJob<T>* jobs, int count, int size, float opacity);

}  // namespace fs
