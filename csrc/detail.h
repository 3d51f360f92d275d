// Sharpness: the contrast of a picture's fine detail, in two bands, measured and matched at crop size.
#pragma once

#include "lanes.h"

namespace fs {

// Bands of the a-trous wavelet transform (Holschneider et al. 1989) of luma, with the smoothing (1 2 1) / 4
// along both axes and holes of 1 and 2 pixels; beyond the edges lies the nearest pixel. A band is what one
// smoothing takes away, so luma is the sum of the bands and the rest.
inline constexpr int kBands = 2;

// What is measured of a picture: the weight in pixels, then for each band the weighted sum of squares, and
// the weight times the variance of the band's noise. All are sums, so those of several frames may be
// averaged.
inline constexpr int kDetailNumbers = 1 + 2 * kBands;

FS_HD float smoothed(float before, float here, float after) { return 0.25f * (before + after) + 0.5f * here; }

// BT.709's weights, whatever the picture's own matrix: both pictures are measured alike.
template <class F>
FS_HD F luma_of(F r, F g, F b) {
  using L = Lanes<F>;
  return L::set(0.2126f) * r + L::set(0.7152f) * g + L::set(0.0722f) * b;
}

// What is added to R', G' and B' alike.
FS_HD float sharpening(const float (&bands)[kBands], const float (&gains)[kBands]) {
  float total = 0.0f;
  for (int i = 0; i < kBands; ++i) total += (gains[i] - 1.0f) * bands[i];
  return total;
}

// Luma and its smoothings, each as large as the picture, and room for what sharpening adds.
struct DetailBands {
  float *luma, *smooth[kBands], *more;
};

// The noise of a band is the median of its magnitude where the mask is above 1/2, over 0.6745 (the deviation
// of a Gaussian with that median): edges are few and strong, noise is everywhere. pictures: count x 3 x size
// x size; masks: count x size x size; out: count x kDetailNumbers.
void detail_statistics(const float* pictures, const float* masks, int count, int size, double* out);

// Multiplies the bands by gains, count x kBands. out: count x 3 x size x size, may be pictures.
void sharpen(const float* pictures, const float* gains, int count, int size, float* out);

}  // namespace fs
