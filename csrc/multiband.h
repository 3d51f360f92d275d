// Multi-band: each band of detail of the new face fades into the target over a width of its own.
//
// Burt and Adelson, "A Multiresolution Spline with Application to Image Mosaics" (1983), in terms of the
// difference D between new face and target: their splined picture is the target plus the sum over the levels
// l of G_l(mask) L_l(D), enlarged, with L the Laplacian and G the Gaussian pyramid. Two changes keep it
// inside the mask's support, since no sample outside may change and nothing is known of the new face there:
// - D's Gaussian pyramid is normalised by that of the support s (where the mask is above 0), so it holds
// means over
//   the support alone;
// - a band fades as 2 G_l(s) - 1, which is 0 at the support's edge and 1 where the band sees nothing but the
// support. The result is drawn by the mask, so the finest detail fades over the mask's soft edge, and coarse
// colour over up to size / kCoarsest pixels.
#pragma once

#include "pyramid.h"
#include "seam.h"

namespace fs {

inline constexpr int kCoarsest = 8;  // cells of the coarsest band across the crop, about

// How many times the crop is halved: to about kCoarsest cells.
FS_HD int band_levels(int size) {
  int levels = 0;
  while (size > kCoarsest * 3 / 2) {
    size = (size + 1) / 2;
    ++levels;
  }
  return levels;
}

// A level's mean over the support, from the halved sums.
template <class F>
FS_HD F band_mean(F sum, F support) {
  using L = Lanes<F>;
  return choose_less(L::set(0.0f), support, sum / upper(support, L::set(1e-30f)), L::set(0.0f));
}

template <class F>
FS_HD F band_weight(F support) {
  using L = Lanes<F>;
  return upper(fmadd(L::set(2.0f), support, L::set(-1.0f)), L::set(0.0f));
}

// The finest level, rows y0..y1-1: the support, and face less target where there is any.
struct BandRows {
  PixelRows face;  // with the mask
  const float* target[3];
  std::ptrdiff_t target_pitch;
  int x, y;  // of the face's first pixel in the grid
  Grid grid;
  float* support;
  float* sum[3];
};

// One level of one channel: band += weight (mean - coarse), where `coarse` is the next level's mean,
// enlarged. `mean` comes as the halved sums and becomes the mean.
struct BandStep {
  float* mean;
  const float *support, *coarse;
  float* band;
  int count;
};

struct BandFinish {
  const float* band;
  std::ptrdiff_t band_pitch;
  const float* target;
  std::ptrdiff_t target_pitch;
  float* face;
  std::ptrdiff_t face_pitch;
  int width, height;
};

// Pixels x, x+1, ... (n of them) of row y of the face.
template <class F>
FS_HD void band_pixels(const BandRows& p, int x, int y, int n) {
  using L = Lanes<F>;
  const F zero = L::set(0.0f), alpha = clamp_unit(L::load(p.face.mask + y * p.face.mask_pitch + x, n));
  const std::ptrdiff_t to = (y + p.y) * p.grid.pitch + p.x + x;
  L::store(p.support + to, choose_less(zero, alpha, L::set(1.0f), zero), n);
  for (int c = 0; c < 3; ++c) {
    const F target = clamp_unit(L::load(p.target[c] + y * p.target_pitch + x, n));
    const F face = L::load(p.face.channel[c] + y * p.face.pitch + x, n);
    L::store(p.sum[c] + to, choose_less(zero, alpha, face - target, zero), n);
  }
}

// Cells i, i+1, ... of a level.
template <class F>
FS_HD void band_cells(const BandStep& p, int i, int n) {
  using L = Lanes<F>;
  const F support = L::load(p.support + i, n), mean = band_mean(L::load(p.mean + i, n), support);
  const F detail = band_weight(support) * (mean - L::load(p.coarse + i, n));
  L::store(p.mean + i, mean, n);
  L::store(p.band + i, L::load(p.band + i, n) + detail, n);
}

// Corrects `faces` in place.
void multiband(const SeamFace* faces, int count);

}  // namespace fs
