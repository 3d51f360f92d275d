// Crop: Y'CbCr planes through an affine map to an aligned R'G'B' picture.
#pragma once

#include "colorspace.h"
#include "plane.h"
#include "sample.h"

namespace fs {

// Luma coordinates between which a pixel's footprint may touch the picture.
struct CropLimits {
  float least_u, most_u, least_v, most_v;
};

struct CropParams {
  Sampler luma, chroma;  // chroma.plane holds U and V
  bool skips;            // on the CPU: pixels beyond `limits` are black without a look at the window
  CropLimits limits;
  YuvTransform color;
  const float* tone;  // to_sdr of HDR pictures, else null
  float* out[3];      // R, G, B rows of `size` floats each
  int size;
};

// R'G'B' in 0..1 of samples that were taken from the windows.
template <class F>
FS_HD Triple<F> crop_rgb(const YuvTransform& color, F luma, F u, F v) {
  const auto& m = color.to_rgb;
  const auto& o = color.to_rgb_offset;
  return {clamp_unit(row3(m[0], o[0], luma, u, v)), clamp_unit(row3(m[1], o[1], luma, u, v)),
          clamp_unit(row3(m[2], o[2], luma, u, v))};
}

// True when all of these pixels lie beyond the limits.
template <class F>
FS_HD bool crop_is_outside(const CropParams& p, float luma_u, float luma_v, int x) {
  using L = Lanes<F>;
  const F column = L::index() + L::set(static_cast<float>(x));
  const F u = fmadd(column, L::set(p.luma.du), L::set(luma_u)),
          v = fmadd(column, L::set(p.luma.dv), L::set(luma_v));
  const F inside_u = lower(u - L::set(p.limits.least_u), L::set(p.limits.most_u) - u);
  const F inside_v = lower(v - L::set(p.limits.least_v), L::set(p.limits.most_v) - v);
  return !any_above_zero(lower(inside_u, inside_v));
}

// One face: the picture it is cut from, the map from crop pixels to its luma samples, and where it goes.
template <class T>
struct CropJob {
  Picture<const T> picture;
  Affine to_coded;
  float* out;  // 3 x size x size
};

// Throws std::invalid_argument for a map that is not finite or absurdly large.
template <class T>
void crop(const CropJob<T>* jobs, int count, int size, Border border);

}  // namespace fs
