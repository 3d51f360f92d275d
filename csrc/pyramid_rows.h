// The loops over pyramids. Part of the SIMD kernels (rows.h): first along the columns, then along the rows,
// as the cells in pyramid.h do.
#pragma once

#include "pyramid.h"

namespace fs {

template <class F>
struct PyramidRows {
  using L = Lanes<F>;

  static void halve(const PyramidStep& p) {
    if constexpr (L::width == 1) return cell_by_cell(p, [](auto... at) { return halved_cell(at...); });
    const int width = p.from.width;
    float* line = p.line + 4;
    line[-1] = line[width] = line[width + 1] = 0.0f;
    for (int y = 0; y < p.to.height; ++y) {
      const float* row[4];
      for (int j = 0; j < 4; ++j) row[j] = row_or_null(p, 2 * y - 1 + j);
      along_row<F>(width, [&](int x, int n) __attribute__((always_inline)) {
        const auto at = [&](const float* r) { return r ? L::load(r + x, n) : L::set(0.0f); };
        L::store(line + x, halved_line(at(row[0]), at(row[1]), at(row[2]), at(row[3])), n);
      });
      fours(line, p.out + y * p.to.pitch, p.to.width);
    }
  }

  static void sum(const PyramidStep& p) {
    if constexpr (L::width == 1) return cell_by_cell(p, [](auto... at) { return summed_cell(at...); });
    const int width = p.from.width;
    p.line[width] = 0.0f;
    for (int y = 0; y < p.to.height; ++y) {
      const float *row = row_or_null(p, 2 * y), *below = row_or_null(p, 2 * y + 1);
      along_row<F>(width, [&](int x, int n) __attribute__((always_inline)) {
        L::store(p.line + x, L::load(row + x, n) + (below ? L::load(below + x, n) : L::set(0.0f)), n);
      });
      pairs(p.line, p.out + y * p.to.pitch, p.to.width);
    }
  }

  // out[x] = line[2x] + line[2x + 1].
  static FS_HD void pairs(const float* line, float* out, int count) {
    for (int x = 0; x < count; ++x) out[x] = line[2 * x] + line[2 * x + 1];
  }

  static void enlarge(const PyramidStep& p) {
    if constexpr (L::width == 1) return cell_by_cell(p, [](auto... at) { return doubled_cell(at...); });
    const int width = p.from.width;
    float* line = p.line + 4;
    for (int y = 0; y < p.to.height; ++y) {
      const float* near = p.in + y / 2 * p.from.pitch;
      const float* far = p.in + coarse_beside(y, p.from.height) * p.from.pitch;
      along_row<F>(width, [&](int x, int n) __attribute__((always_inline)) {
        L::store(line + x, doubled_line(L::load(near + x, n), L::load(far + x, n)), n);
      });
      line[-1] = line[0];
      line[width] = line[width - 1];
      float* out = p.out + y * p.to.pitch;
      const float* scale = p.scale ? p.scale + y * p.to.pitch : nullptr;
      if (p.adds) {
        scale ? spread<true, true>(line, scale, out, p.to.width)
              : spread<true, false>(line, scale, out, p.to.width);
      } else {
        scale ? spread<false, true>(line, scale, out, p.to.width)
              : spread<false, false>(line, scale, out, p.to.width);
      }
    }
  }

 private:
  // The reference.
  template <class Cell>
  static void cell_by_cell(const PyramidStep& p, const Cell& cell) {
    for (int y = 0; y < p.to.height; ++y) {
      for (int x = 0; x < p.to.width; ++x) {
        const std::ptrdiff_t at = y * p.to.pitch + x;
        const float value = cell(p.in, p.from, x, y) * (p.scale ? p.scale[at] : 1.0f);
        p.out[at] = p.adds ? p.out[at] + value : value;
      }
    }
  }

  static FS_HD const float* row_or_null(const PyramidStep& p, int y) {
    return y < 0 || y >= p.from.height ? nullptr : p.in + y * p.from.pitch;
  }

  static FS_HD void fours(const float* line, float* out, int count) {
    for (int x = 0; x < count; ++x) {
      const float* at = line + 2 * x;
      out[x] = halved_line(at[-1], at[0], at[1], at[2]);
    }
  }

  template <bool kAdds, bool kScaled>
  static FS_HD void spread(const float* line, const float* scale, float* out, int count) {
    const auto put = [&](int x, float value) __attribute__((always_inline)) {
      const float scaled = kScaled ? scale[x] * value : value;
      out[x] = kAdds ? out[x] + scaled : scaled;
    };
    for (int x = 0; x < count / 2; ++x) {
      put(2 * x, doubled_line(line[x], line[x - 1]));
      put(2 * x + 1, doubled_line(line[x], line[x + 1]));
    }
    if (count % 2 == 1) put(count - 1, doubled_line(line[count / 2], line[count / 2 - 1]));
  }
};

}  // namespace fs
