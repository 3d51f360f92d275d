// Copies the part of a plane that a window covers, reducing it by powers of two. Part of the SIMD kernels
// (rows.h).
//
// The loops are plain so that the compiler can vectorise them for each instruction set.
#pragma once

#include <cstring>
#include <type_traits>

#include "window.h"

namespace fs {

template <class F, class T>
struct WindowRows {
  static constexpr int kFetchAhead = 4, kCacheLine = 64;

  // Sums of two samples over up to 128 rows fit.
  using Sum = std::conditional_t<sizeof(T) == 1, std::uint16_t, std::uint32_t>;

  // Two windows as one whose numbers lie in turns.
  static void zip(const std::uint16_t* a, const std::uint16_t* b, std::uint16_t* out, int count) {
    for (int i = 0; i < count; ++i) {
      out[2 * i] = a[i];
      out[2 * i + 1] = b[i];
    }
  }

  static void fill(const WindowFill<T>& p) {
    const Footprint& f = p.shape.footprint;
    const int end = p.shape.cell_x0 + p.shape.width;
    const int inside_begin = (p.origin_x + (1 << f.log2_x) - 1) >> f.log2_x;  // cells that hold samples alone
    const int inside_end = (p.origin_x + p.plane.width) >> f.log2_x;
    const int begin = p.shape.cell_x0 > inside_begin ? p.shape.cell_x0 : inside_begin;
    const int stop = end < inside_end ? end : inside_end;
    const int inside = stop > begin ? stop - begin : 0;
    const bool copies = f.log2_x == 0 && f.log2_y == 0;
    for (int row = 0; row < p.shape.height; ++row) {
      const int cell_y = p.shape.cell_y0 + row;
      std::uint16_t* out = p.out + static_cast<std::ptrdiff_t>(row) * p.shape.width;
      if (inside > 0)
        copies ? copy_row(p, cell_y, begin, inside, out) : reduce_row(p, cell_y, begin, inside, out);
      for (int x = p.shape.cell_x0; x < end; ++x) {
        if (inside > 0 && x == begin) x = stop;
        if (x < end) out[x - p.shape.cell_x0] = window_cell(p, x, cell_y);
      }
    }
  }

 private:
  static void copy_row(const WindowFill<T>& p, int cell_y, int begin, int count, std::uint16_t* out) {
    std::uint16_t* to = out + (begin - p.shape.cell_x0);
    const int y = cell_y - p.origin_y;
    // A product, as the compiler makes vectors of 16-bit numbers of it.
    const auto lift = static_cast<std::uint16_t>(1 << (16 - p.bits));
    const auto lifted = [lift](T code) __attribute__((always_inline)) {
      return static_cast<std::uint16_t>(static_cast<std::uint16_t>(code) * lift);
    };
    if (is_black(p, y)) {
      for (int i = 0; i < count; ++i) to[i] = lifted(static_cast<T>(p.black));
      return;
    }
    const T* in = source_row(p, y) + (begin - p.origin_x) * p.plane.step;
    fetch_ahead(p, y + kFetchAhead, begin - p.origin_x, count);
    if (p.plane.step == 1) {
      for (int i = 0; i < count; ++i) to[i] = lifted(in[i]);
    } else if (p.plane.step == 2) {
      for (int i = 0; i < count; ++i) to[i] = lifted(in[2 * i]);
    } else if (p.plane.step == 3) {
      for (int i = 0; i < count; ++i) to[i] = lifted(in[3 * i]);
    } else if (p.plane.step == 4) {
      for (int i = 0; i < count; ++i) to[i] = lifted(in[4 * i]);
    } else {
      for (int i = 0; i < count; ++i) to[i] = lifted(in[i * p.plane.step]);
    }
  }

  // Rows are short and far apart, so the processor does not see the next ones coming.
  static void fetch_ahead(const WindowFill<T>& p, int y, int x, int count) {
    if (y >= p.plane.height) return;
    const char* from = reinterpret_cast<const char*>(source_row(p, y) + x * p.plane.step);
    const std::ptrdiff_t bytes = count * p.plane.step * static_cast<std::ptrdiff_t>(sizeof(T));
    for (std::ptrdiff_t i = 0; i < bytes; i += kCacheLine) __builtin_prefetch(from + i);
  }

  // Rows are summed first, in pairs of samples, then the pairs of the summed row.
  static void reduce_row(const WindowFill<T>& p, int cell_y, int begin, int cells, std::uint16_t* out) {
    const Footprint& f = p.shape.footprint;
    const int pair = f.log2_x > 0 ? 2 : 1;
    const int halvings = f.log2_x > 0 ? f.log2_x - 1 : 0;
    const int count = cells << halvings;
    Sum* sums = reinterpret_cast<Sum*>(p.sums);
    memset(sums, 0, static_cast<std::size_t>(count) * sizeof(Sum));
    const auto black = static_cast<Sum>(p.black * pair);
    for (int j = 0; j < 1 << f.log2_y; ++j) {
      const int y = cell_y * (1 << f.log2_y) + j - p.origin_y;
      if (is_black(p, y)) {
        for (int i = 0; i < count; ++i) sums[i] = static_cast<Sum>(sums[i] + black);
        continue;
      }
      const std::ptrdiff_t first = (static_cast<std::ptrdiff_t>(begin) << f.log2_x) - p.origin_x;
      const T* in = source_row(p, y) + first * p.plane.step;
      pair == 2 ? add_pairs(in, p.plane.step, count, sums) : add_single(in, p.plane.step, count, sums);
    }
    std::uint32_t* wide = p.sums + window_scratch(p.shape);
    for (int i = 0; i < count; ++i) wide[i] = sums[i];
    for (int k = halvings; k > 0; --k) {
      const int half = cells << (k - 1);
      for (int i = 0; i < half; ++i) wide[i] = wide[2 * i] + wide[2 * i + 1];
    }
    const int shift = f.log2_x + f.log2_y;
    std::uint16_t* to = out + (begin - p.shape.cell_x0);
    for (int i = 0; i < cells; ++i) to[i] = cell_mean(wide[i], p.bits, shift);
  }

  static void add_single(const T* in, std::ptrdiff_t step, int count, Sum* sums) {
    for (int i = 0; i < count; ++i) sums[i] = static_cast<Sum>(sums[i] + in[i * step]);
  }

  static void add_pairs(const T* in, std::ptrdiff_t step, int count, Sum* sums) {
    if (step == 1 && sizeof(T) == 1) {
      // Two bytes read as one number: their sum does not depend on the byte order.
      for (int i = 0; i < count; ++i) {
        std::uint16_t both;
        memcpy(&both, in + 2 * i, 2);
        sums[i] = static_cast<Sum>(sums[i] + (both & 0xff) + (both >> 8));
      }
    } else if (step == 1) {
      for (int i = 0; i < count; ++i) sums[i] = static_cast<Sum>(sums[i] + in[2 * i] + in[2 * i + 1]);
    } else if (step == 2) {
      for (int i = 0; i < count; ++i) sums[i] = static_cast<Sum>(sums[i] + in[4 * i] + in[4 * i + 2]);
    } else {
      for (int i = 0; i < count; ++i)
        sums[i] = static_cast<Sum>(sums[i] + in[2 * i * step] + in[(2 * i + 1) * step]);
    }
  }
};

}  // namespace fs
