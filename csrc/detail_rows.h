// The loops of detail.h over whole pictures. Part of the SIMD kernels (rows.h).
//
// Most are plain: the compiler vectorises them for each instruction set.
#pragma once

#include "detail.h"
#include "lanes.h"

namespace fs {

template <class F>
struct DetailRows {
  using L = Lanes<F>;

  static void luma(const float* picture, std::ptrdiff_t area, float* out) {
    const float *r = picture, *g = r + area, *b = g + area;
    along_row<F>(static_cast<int>(area), [&](int i, int n) __attribute__((always_inline)) {
      L::store(out + i,
               luma_of(clamp_unit(L::load(r + i, n)), clamp_unit(L::load(g + i, n)),
                       clamp_unit(L::load(b + i, n))),
               n);
    });
  }

  // One smoothing with holes of `hole` pixels; row: room for `size` numbers.
  static void smooth(const float* from, int size, int hole, float* row, float* to) {
    const int last = size - 1;
    for (int y = 0; y < size; ++y, to += size) {
      const float* up = from + static_cast<std::ptrdiff_t>(lower(y, hole) == hole ? y - hole : 0) * size;
      const float* here = from + static_cast<std::ptrdiff_t>(y) * size;
      const float* down = from + static_cast<std::ptrdiff_t>(lower(y + hole, last)) * size;
      for (int x = 0; x < size; ++x) row[x] = smoothed(up[x], here[x], down[x]);
      const auto at_edge = [&](int x) {
        to[x] = smoothed(row[x < hole ? 0 : x - hole], row[x], row[lower(x + hole, last)]);
      };
      const int inner = size - hole < hole ? hole : size - hole;
      for (int x = 0; x < lower(hole, size); ++x) at_edge(x);
      for (int x = hole; x < size - hole; ++x) to[x] = smoothed(row[x - hole], row[x], row[x + hole]);
      for (int x = inner; x < size; ++x) at_edge(x);
    }
  }

  // out, 3 x area, may be the picture.
  static void sharpen(const DetailBands& s, const float* gains, const float* picture, std::ptrdiff_t area,
                      float* out) {
    const float gain[kBands] = {gains[0], gains[1]};
    for (std::ptrdiff_t i = 0; i < area; ++i) {
      const float bands[kBands] = {s.luma[i] - s.smooth[0][i], s.smooth[0][i] - s.smooth[1][i]};
      s.more[i] = sharpening(bands, gain);
    }
    for (int c = 0; c < 3; ++c, picture += area, out += area) {
      for (std::ptrdiff_t i = 0; i < area; ++i) out[i] = clamp_unit(picture[i] + s.more[i]);
    }
  }
};

}  // namespace fs
