// Erosion and feathering of masks.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>

#include "mask.h"

namespace fs {
namespace {

// out[y][x] = the least of in[y][x] and in[y + dy][x + dx]; 0 where that lies outside. dy >= 0. in and out
// may agree: rows go down and a row reads itself or rows below it that are not yet written, itself from left
// to right if dx >= 0.
void least_of_two(const std::int16_t* in, std::int16_t* out, int size, int dx, int dy) {
  const int begin = std::max(0, -dx), end = std::min(size, size - dx);
  for (int y = 0; y < size; ++y) {
    std::int16_t* to = out + static_cast<std::ptrdiff_t>(y) * size;
    if (y + dy >= size || end <= begin) {
      std::fill_n(to, size, std::int16_t{0});
      continue;
    }
    const std::int16_t* a = in + static_cast<std::ptrdiff_t>(y) * size;
    const std::int16_t* b = a + static_cast<std::ptrdiff_t>(dy) * size + dx;
    std::fill(to, to + begin, std::int16_t{0});
    for (int x = begin; x < end; ++x) to[x] = std::min(a[x], b[x]);
    std::fill(to + end, to + size, std::int16_t{0});
  }
}

// out[y][x] = the least over k = 0..length-1 of in[y + k dy][x + k dx], by doubling. Swaps a and b as it
// goes.
void least_of_line(std::int16_t*& a, std::int16_t*& b, int size, int length, int dx, int dy) {
  for (int covered = 1; covered < length;) {
    const int shift = std::min(covered, length - covered);
    least_of_two(a, b, size, shift * dx, shift * dy);
    std::swap(a, b);
    covered += shift;
  }
}

// Moves the picture by (dx, dy) >= 0, filling with 0.
void shift_by(const std::int16_t* in, std::int16_t* out, int size, int dx, int dy) {
  const int kept = std::max(0, size - dx);
  for (int y = 0; y < size; ++y) {
    std::int16_t* to = out + static_cast<std::ptrdiff_t>(y) * size;
    const std::ptrdiff_t from = y - dy;
    const bool filled = from >= 0 && kept > 0;
    std::fill_n(to, filled ? size - kept : size, std::int16_t{0});
    if (filled)
      std::memcpy(to + (size - kept), in + from * size,
                  static_cast<std::size_t>(kept) * sizeof(std::int16_t));
  }
}

// One box filter of width 2 radius + 1 down the columns.
void box_columns(const std::int16_t* in, std::int16_t* out, std::uint32_t* sums, int size, int radius) {
  const float scale = 1.0f / static_cast<float>(2 * radius + 1);
  const auto row = [&](int y) { return in + static_cast<std::ptrdiff_t>(y) * size; };
  std::fill_n(sums, size, 0u);
  for (int y = 0; y < std::min(radius, size); ++y) {
    const std::int16_t* enter = row(y);
    for (int x = 0; x < size; ++x) sums[x] += static_cast<std::uint32_t>(enter[x]);
  }
  for (int y = 0; y < size; ++y) {
    if (y + radius < size) {
      const std::int16_t* enter = row(y + radius);
      for (int x = 0; x < size; ++x) sums[x] += static_cast<std::uint32_t>(enter[x]);
    }
    std::int16_t* to = out + static_cast<std::ptrdiff_t>(y) * size;
    for (int x = 0; x < size; ++x) {
      to[x] =
          static_cast<std::int16_t>(static_cast<float>(static_cast<std::int32_t>(sums[x])) * scale + 0.5f);
    }
    if (y - radius >= 0) {
      const std::int16_t* leave = row(y - radius);
      for (int x = 0; x < size; ++x) sums[x] -= static_cast<std::uint32_t>(leave[x]);
    }
  }
}

void transpose(const std::int16_t* in, std::int16_t* out, int size) {
  constexpr int kTile = 16;
  for (int y0 = 0; y0 < size; y0 += kTile) {
    for (int x0 = 0; x0 < size; x0 += kTile) {
      for (int y = y0; y < std::min(size, y0 + kTile); ++y) {
        for (int x = x0; x < std::min(size, x0 + kTile); ++x) {
          out[static_cast<std::ptrdiff_t>(x) * size + y] = in[static_cast<std::ptrdiff_t>(y) * size + x];
        }
      }
    }
  }
}

}  // namespace

void erode(std::int16_t* mask, std::int16_t* spare, int size, int radius) {
  if (radius <= 0) return;
  // An octagon is a square of half-width `square` widened by a diamond of radius `diamond`. Two diagonal
  // lines alone reach every second pixel only; the square, which is never empty, fills the gaps.
  const int square = std::max(1, static_cast<int>(std::lround(radius * (std::sqrt(2.0) - 1.0))));
  const int diamond = radius - square;
  std::int16_t *a = mask, *b = spare;
  // Each line starts at a pixel and extends right, down, down right, down left; shifting centres the sum of
  // all.
  least_of_line(a, b, size, 2 * square + 1, 1, 0);
  least_of_line(a, b, size, 2 * square + 1, 0, 1);
  least_of_line(a, b, size, diamond + 1, 1, 1);
  least_of_line(a, b, size, diamond + 1, -1, 1);
  shift_by(a, b, size, square, square + diamond);
  if (b != mask)
    std::memcpy(mask, b,
                static_cast<std::size_t>(size) * static_cast<std::size_t>(size) * sizeof(std::int16_t));
}

void feather(std::int16_t* mask, std::int16_t* spare, MaskScratch& scratch, int size, int radius) {
  if (radius <= 0) return;
  std::uint32_t* sums = scratch.sums.get(static_cast<std::size_t>(size));
  for (int pass = 0; pass < 2; ++pass) {
    std::int16_t *a = mask, *b = spare;
    for (int i = 0; i < 3; ++i) {
      const int part = (radius + i) / 3;  // the three parts add up to the radius
      if (part == 0) continue;
      box_columns(a, b, sums, size, part);
      std::swap(a, b);
    }
    std::int16_t* other = a == mask ? spare : mask;
    transpose(a, other, size);
    if (other != mask)
      std::memcpy(mask, other,
                  static_cast<std::size_t>(size) * static_cast<std::size_t>(size) * sizeof(std::int16_t));
  }
}

}  // namespace fs
