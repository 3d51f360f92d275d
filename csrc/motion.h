// Motion blur of a face at crop size, along the way that its track takes while the shutter is open.
#pragma once

#include "lanes.h"
#include "plane.h"

namespace fs {

inline constexpr int kMostMotionTaps = 32;

// How a pixel moves while the shutter is open, in pixels, and how many points of that way are averaged.
struct MotionParams {
  float xx, xy, x0, yx, yy, y0;
  int taps;
};

// The mean of `taps` points evenly spread over the way, whose middle is the pixel's centre (u, v); (0.5, 0.5)
// is that of the first. Bilinear, with the nearest pixel beyond the edges.
template <class F>
FS_HD void blurred(const MotionParams& p, const float* picture, int size, F u, F v, F (&out)[3]) {
  using L = Lanes<F>;
  if (size == 1) {  // no pixel has a neighbour
    for (int c = 0; c < 3; ++c) out[c] = L::set(picture[c]);
    return;
  }
  const F du = L::set(p.xx) * u + L::set(p.xy) * v + L::set(p.x0);
  const F dv = L::set(p.yx) * u + L::set(p.yy) * v + L::set(p.y0);
  const std::ptrdiff_t area = static_cast<std::ptrdiff_t>(size) * size;
  const F none = L::set(0.0f), half = L::set(0.5f), most = L::set(static_cast<float>(size - 1));
  for (F& value : out) value = none;
  for (int k = 0; k < p.taps; ++k) {
    const F part = L::set((static_cast<float>(k) + 0.5f) / static_cast<float>(p.taps) - 0.5f);
    const F x = lower(upper(u + part * du - half, none), most),
            y = lower(upper(v + part * dv - half, none), most);
    const auto left = lower(truncate(x), size - 2), top = lower(truncate(y), size - 2);
    const F fx = x - to_float(left), fy = y - to_float(top);
    const auto index = top * size + left;
    for (int c = 0; c < 3; ++c) {
      const float* plane = picture + c * area;
      F a, b, d, e;
      gather_pair(plane, index, a, b);
      gather_pair(plane + size, index, d, e);
      const F above = a + fx * (b - a), below = d + fx * (e - d);
      out[c] = out[c] + (above + fy * (below - above));
    }
  }
  for (F& value : out) value = value * L::set(1.0f / static_cast<float>(p.taps));
}

// One point for each pixel that the crop's fastest corner moves, at most kMostMotionTaps.
MotionParams motion_params(const Affine& motion, int size);

// faces: count x 3 x size x size; masks: count x size x size, where they are 0 pixels are only copied;
// out must not be faces. Throws std::invalid_argument for a motion that is not finite.
void motion_blur(const float* faces, const float* masks, const Affine* motions, int count, int size,
                 float* out);

}  // namespace fs
