// The noise of a picture where a face is, measured on the frame's own samples.
#pragma once

#include "plane.h"

namespace fs {

// What is measured: how many luma samples were looked at, and that times the variance of Y, U and V, as
// fractions of 2^bits squared. All are sums, so those of several frames may be averaged.
inline constexpr int kNoiseNumbers = 4;

// The operator of Immerkaer, "Fast noise variance estimation" (1996): blind to slopes, 6 times the deviation
// of white noise. `up`, `here` and `down` point to the sample in the middle of each row.
template <class T>
FS_HD int noise_response(const T* up, const T* here, const T* down, std::ptrdiff_t step) {
  const auto at = [&](const T* p, std::ptrdiff_t i) { return static_cast<int>(p[i * step]); };
  return 4 * at(here, 0) - 2 * (at(here, -1) + at(here, 1) + at(up, 0) + at(down, 0)) + at(up, -1) +
         at(up, 1) + at(down, -1) + at(down, 1);
}

template <class T>
struct NoiseJob {
  Picture<const T> picture;
  Affine to_coded;    // crop pixels to luma samples
  const float* mask;  // size x size
  double* out;        // kNoiseNumbers
};

// The deviation is the median of the response's magnitude over 6 x 0.6745, over the samples whose place in
// the crop has a mask above 1/2 and that have neighbours on all sides; every second row and column counts.
// Under 64 luma samples give 0.
template <class T>
void noise_statistics(const NoiseJob<T>* jobs, int count, int size);

}  // namespace fs
