// The loops of the bands. Part of the SIMD kernels (rows.h).
#pragma once

#include <cstring>

#include "multiband.h"

namespace fs {

template <class F>
struct MultibandRows {
  using L = Lanes<F>;

  // Rows y0..y1-1 of the finest level.
  static void prepare(const BandRows& p, int y0, int y1) {
    for (int y = y0; y < y1; ++y) {
      const std::ptrdiff_t row = static_cast<std::ptrdiff_t>(y) * p.grid.width;
      const bool covered = y >= p.y && y < p.y + p.face.height;
      const int left = covered ? p.x : p.grid.width, right = p.grid.width - p.x - p.face.width;
      for (float* plane : {p.support, p.sum[0], p.sum[1], p.sum[2]}) {
        memset(plane + row, 0, static_cast<std::size_t>(left) * sizeof(float));
        if (covered)
          memset(plane + row + p.grid.width - right, 0, static_cast<std::size_t>(right) * sizeof(float));
      }
      if (covered) {
        along_row<F>(p.face.width,
                     [&](int x, int n) __attribute__((always_inline)) { band_pixels<F>(p, x, y - p.y, n); });
      }
    }
  }

  static void add_band(const BandStep& p) {
    along_row<F>(p.count, [&](int i, int n) __attribute__((always_inline)) { band_cells<F>(p, i, n); });
  }

  // The face that fits: the target and what was kept of the difference to it.
  static void finish(const BandFinish& p) {
    const float *band = p.band, *target = p.target;
    float* face = p.face;
    for (int y = 0; y < p.height; ++y, band += p.band_pitch, target += p.target_pitch, face += p.face_pitch) {
      along_row<F>(p.width, [&](int x, int n) __attribute__((always_inline)) {
        L::store(face + x, clamp_unit(clamp_unit(L::load(target + x, n)) + L::load(band + x, n)), n);
      });
    }
  }
};

}  // namespace fs
