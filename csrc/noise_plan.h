// On which samples of a plane the noise is measured, and what their median says: shared by the CPU's loop and
// the GPU's launch.
#pragma once

#include <algorithm>
#include <cmath>

#include "affine.h"

namespace fs {

inline constexpr int kNoiseBins = 4096;
inline constexpr unsigned kLeastNoiseSamples = 64;

// Every second place of every second row, from (x0, y0), both odd, to (x1, y1); empty for a map without area.
struct NoisePlan {
  Affine to_crop;
  int x0, y0, x1, y1;
  int shift, bits;  // responses of 8 bits are whole numbers; deeper ones are counted in quarters of 8 bits
};

// The box around the crop, without the plane's outermost samples.
inline NoisePlan noise_plan(const Affine& to_plane, int size, int width, int height, int bits) {
  NoisePlan p{{}, 1, 1, 0, 0, std::max(0, bits - 10), bits};
  if (std::abs(determinant(to_plane)) < 1e-12) return p;
  p.to_crop = inverse(to_plane);
  double left = width, right = 0.0, top = height, bottom = 0.0;
  for (const double x : {0.0, static_cast<double>(size)}) {
    for (const double y : {0.0, static_cast<double>(size)}) {
      const double at_x = to_plane.xx * x + to_plane.xy * y + to_plane.x0;
      const double at_y = to_plane.yx * x + to_plane.yy * y + to_plane.y0;
      left = std::min(left, at_x);
      right = std::max(right, at_x);
      top = std::min(top, at_y);
      bottom = std::max(bottom, at_y);
    }
  }
  const auto first = [](double at, int samples) {
    return static_cast<int>(std::clamp(std::floor(at), 1.0, static_cast<double>(samples))) | 1;
  };
  const auto end = [](double at, int samples) {
    return static_cast<int>(std::clamp(std::ceil(at), 0.0, samples - 1.0));
  };
  p.x0 = first(left, width);
  p.x1 = end(right, width);
  p.y0 = first(top, height);
  p.y1 = end(bottom, height);
  return p;
}

// Whether a sample lies where the crop's mask, size x size, is above 1/2.
FS_HD bool is_in_mask(const NoisePlan& p, const float* mask, int size, int x, int y) {
  const double u = p.to_crop.xx * (x + 0.5) + p.to_crop.xy * (y + 0.5) + p.to_crop.x0;
  const double v = p.to_crop.yx * (x + 0.5) + p.to_crop.yy * (y + 0.5) + p.to_crop.y0;
  if (!(u >= 0.0 && v >= 0.0 && u < size && v < size)) return false;
  return mask[static_cast<std::ptrdiff_t>(v) * size + static_cast<std::ptrdiff_t>(u)] > 0.5f;
}

// The deviation, as a fraction of 2^bits, for a median that lies a part of the way, 0..1, into a bin.
FS_HD double noise_deviation(const NoisePlan& p, int bin, double part) {
  // A whole number k stands for k - 1/2 to k + 1/2, and 0 for 0 to 1/2.
  const double median = bin == 0 ? 0.5 * part : bin - 0.5 + part;
  return ldexp(median, p.shift - p.bits) / (6.0 * 0.6745);
}

}  // namespace fs
