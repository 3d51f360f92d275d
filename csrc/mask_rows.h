// The loops over masks. Part of the SIMD kernels (rows.h): plain code that the compiler vectorises for each
// instruction set.
#pragma once

#include <cstring>

#include "hd.h"
#include "mask.h"

namespace fs {

struct CombineParams {
  const float* cells;      // of fill_outline, or null for coverage 1
  const float* generated;  // first pixel of the rectangle, or null
  std::ptrdiff_t generated_pitch;
  int width, height;
  float* totals;  // scratch, one row
  std::int16_t* out;
};

template <class F>
struct MaskRows {
  static void combine(const CombineParams& p) {
    memset(p.totals, 0, static_cast<std::size_t>(p.width) * sizeof(float));
    for (int y = 0; y < p.height; ++y) {
      const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(y) * p.width;
      const float* drawn = p.generated ? p.generated + y * p.generated_pitch : nullptr;
      if (p.cells) add_row(p.cells + at, p.width, p.totals);
      if (p.cells && drawn) {
        for (int x = 0; x < p.width; ++x)
          p.out[at + x] = mask_fixed(mask_unit(covered(p.totals[x])) * mask_unit(drawn[x]));
      } else if (p.cells) {
        for (int x = 0; x < p.width; ++x) p.out[at + x] = mask_fixed(mask_unit(covered(p.totals[x])));
      } else {
        for (int x = 0; x < p.width; ++x) p.out[at + x] = mask_fixed(mask_unit(drawn[x]));
      }
    }
  }

  // out[y][x] = the least of in[y][x] and in[y + dy][x + dx], for dy >= 0; beyond the edges lies 0.
  static void least_of_two(const std::int16_t* in, std::int16_t* out, int width, int height, int dx, int dy) {
    const int begin = dx < 0 ? -dx : 0, end = dx > 0 ? width - dx : width;
    if (end <= begin) {
      memset(out, 0,
             static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * sizeof(std::int16_t));
      return;
    }
    for (int y = 0; y < height; ++y) {
      std::int16_t* to = out + static_cast<std::ptrdiff_t>(y) * width;
      if (y + dy >= height) {
        memset(to, 0, static_cast<std::size_t>(width) * sizeof(std::int16_t));
        continue;
      }
      const std::int16_t* a = in + static_cast<std::ptrdiff_t>(y) * width;
      const std::int16_t* b = a + static_cast<std::ptrdiff_t>(dy) * width + dx;
      for (int x = 0; x < begin; ++x) to[x] = 0;
      for (int x = begin; x < end; ++x) to[x] = a[x] < b[x] ? a[x] : b[x];
      for (int x = end; x < width; ++x) to[x] = 0;
    }
  }

  // out[y][x] = the greatest of in[y][x] and in[y + dy][x + dx], for dy >= 0; beyond the edges lies 0.
  static void greatest_of_two(const std::int16_t* in, std::int16_t* out, int width, int height, int dx,
                              int dy) {
    const int begin = dx < 0 ? -dx : 0, end = dx > 0 ? width - dx : width;
    for (int y = 0; y < height; ++y) {
      const std::int16_t* a = in + static_cast<std::ptrdiff_t>(y) * width;
      std::int16_t* to = out + static_cast<std::ptrdiff_t>(y) * width;
      memcpy(to, a, static_cast<std::size_t>(width) * sizeof(std::int16_t));
      if (y + dy >= height) continue;
      const std::int16_t* b = a + static_cast<std::ptrdiff_t>(dy) * width + dx;
      for (int x = begin; x < end; ++x) to[x] = a[x] < b[x] ? b[x] : a[x];
    }
  }

  // mask = its product with `other`, or the greater of the two.
  static void join(std::int16_t* mask, const std::int16_t* other, int count, bool unite) {
    if (unite) {
      for (int i = 0; i < count; ++i) mask[i] = mask[i] < other[i] ? other[i] : mask[i];
    } else {
      for (int i = 0; i < count; ++i) {
        mask[i] =
            mask_rounded(static_cast<float>(mask[i]) * static_cast<float>(other[i]) * (1.0f / kMaskOne));
      }
    }
  }

  // mask *= matte, row by row.
  static void multiply(float* mask, const float* matte, std::ptrdiff_t matte_pitch, int width, int height) {
    for (int y = 0; y < height; ++y) {
      float* row = mask + static_cast<std::ptrdiff_t>(y) * width;
      for (int x = 0; x < width; ++x) row[x] *= mask_unit(matte[y * matte_pitch + x]);
    }
  }

  // One box filter of width 2 radius + 1 down the columns; sums: scratch, one row.
  static void box_columns(const std::int16_t* in, std::int16_t* out, std::uint32_t* sums, int width,
                          int height, int radius) {
    memset(sums, 0, static_cast<std::size_t>(width) * sizeof(std::uint32_t));
    const float scale = 1.0f / static_cast<float>(2 * radius + 1);
    for (int y = -radius; y < height; ++y) {
      const std::int16_t* enter =
          y + radius < height ? in + static_cast<std::ptrdiff_t>(y + radius) * width : nullptr;
      if (enter) {
        for (int x = 0; x < width; ++x) sums[x] += static_cast<std::uint32_t>(enter[x]);
      }
      if (y < 0) continue;
      std::int16_t* to = out + static_cast<std::ptrdiff_t>(y) * width;
      const std::int16_t* leave =
          y >= radius ? in + static_cast<std::ptrdiff_t>(y - radius) * width : nullptr;
      for (int x = 0; x < width; ++x)
        to[x] = mask_rounded(static_cast<float>(static_cast<std::int32_t>(sums[x])) * scale);
      if (leave) {
        for (int x = 0; x < width; ++x) sums[x] -= static_cast<std::uint32_t>(leave[x]);
      }
    }
  }

  static void transpose(const std::int16_t* in, std::int16_t* out, int width, int height) {
    for (int y = 0; y < height; y += 8) {
      for (int x = 0; x < width; x += 8) {
        const std::int16_t* from = in + static_cast<std::ptrdiff_t>(y) * width + x;
        std::int16_t* to = out + static_cast<std::ptrdiff_t>(x) * height + y;
        if (x + 8 <= width && y + 8 <= height) {
          transpose_8x8(from, width, to, height);
        } else {
          for (int j = 0; j < 8 && y + j < height; ++j) {
            for (int i = 0; i < 8 && x + i < width; ++i) {
              to[static_cast<std::ptrdiff_t>(i) * height + j] =
                  from[static_cast<std::ptrdiff_t>(j) * width + i];
            }
          }
        }
      }
    }
  }

  static void to_float(const std::int16_t* in, float* out, int count) {
    for (int i = 0; i < count; ++i) out[i] = mask_float(in[i]);
  }

 private:
  static FS_HD void add_row(const float* cells, int width, float* totals) {
    for (int x = 0; x < width; ++x) totals[x] += cells[x];
  }
  static FS_HD float covered(float total) { return total < 0.0f ? -total : total; }
  // Three rounds of interleaving row i with row i + 4.
  static FS_HD void transpose_8x8(const std::int16_t* in, int in_pitch, std::int16_t* out, int out_pitch) {
    typedef std::int16_t Eight __attribute__((vector_size(16)));
    Eight a[8], b[8];
    for (int i = 0; i < 8; ++i) memcpy(&a[i], in + static_cast<std::ptrdiff_t>(i) * in_pitch, sizeof(Eight));
    for (int round = 0; round < 3; ++round) {
      for (int i = 0; i < 4; ++i) {
        b[2 * i] = __builtin_shufflevector(a[i], a[i + 4], 0, 8, 1, 9, 2, 10, 3, 11);
        b[2 * i + 1] = __builtin_shufflevector(a[i], a[i + 4], 4, 12, 5, 13, 6, 14, 7, 15);
      }
      for (int i = 0; i < 8; ++i) a[i] = b[i];
    }
    for (int i = 0; i < 8; ++i)
      memcpy(out + static_cast<std::ptrdiff_t>(i) * out_pitch, &a[i], sizeof(Eight));
  }
};

}  // namespace fs
