// Motion blur of a face at crop size, along the way that its track takes while the shutter is open.
#pragma once

#include "lanes.h"
#include "plane.h"

namespace fs {

inline constexpr int kMostMotionTaps = 32;

// Bilinear, with the nearest pixel beyond the edges; (0.5, 0.5) is the first pixel's centre.
FS_HD float at_position(const float* plane, int size, float u, float v) {
  const float most = static_cast<float>(size - 1);
  const float x = lower(upper(u - 0.5f, 0.0f), most), y = lower(upper(v - 0.5f, 0.0f), most);
  const int left = lower(static_cast<int>(x), size > 1 ? size - 2 : 0);
  const int top = lower(static_cast<int>(y), size > 1 ? size - 2 : 0);
  const int right = size > 1 ? 1 : 0, down = size > 1 ? size : 0;
  const float fx = x - static_cast<float>(left), fy = y - static_cast<float>(top);
  const float* p = plane + static_cast<std::ptrdiff_t>(top) * size + left;
  const float above = p[0] + fx * (p[right] - p[0]);
  const float below = p[down] + fx * (p[down + right] - p[down]);
  return above + fy * (below - above);
}

// How a pixel moves while the shutter is open, in pixels, and how many points of that way are averaged.
struct MotionParams {
  float xx, xy, x0, yx, yy, y0;
  int taps;
};

// The mean of `taps` points evenly spread over the way, whose middle is the pixel's centre.
FS_HD void blurred(const MotionParams& p, const float* picture, int size, int x, int y, float (&out)[3]) {
  const float u = static_cast<float>(x) + 0.5f, v = static_cast<float>(y) + 0.5f;
  const float du = p.xx * u + p.xy * v + p.x0, dv = p.yx * u + p.yy * v + p.y0;
  const std::ptrdiff_t area = static_cast<std::ptrdiff_t>(size) * size;
  for (float& value : out) value = 0.0f;
  for (int k = 0; k < p.taps; ++k) {
    const float part = (static_cast<float>(k) + 0.5f) / static_cast<float>(p.taps) - 0.5f;
    for (int c = 0; c < 3; ++c) out[c] += at_position(picture + c * area, size, u + part * du, v + part * dv);
  }
  for (float& value : out) value *= 1.0f / static_cast<float>(p.taps);
}

// One point for each pixel that the crop's fastest corner moves, at most kMostMotionTaps.
MotionParams motion_params(const Affine& motion, int size);

// faces: count x 3 x size x size; masks: count x size x size, where they are 0 pixels are only copied;
// out must not be faces. Throws std::invalid_argument for a motion that is not finite.
void motion_blur(const float* faces, const float* masks, const Affine* motions, int count, int size,
                 float* out);

}  // namespace fs
