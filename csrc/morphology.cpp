// Erosion and feathering of masks.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels.h"
#include "mask.h"

namespace fs {
namespace {

std::size_t bytes_of(const MaskPlane& plane) {
  return static_cast<std::size_t>(plane.width) * static_cast<std::size_t>(plane.height) *
         sizeof(std::int16_t);
}

// a[y][x] = the least over k = 0..length-1 of a[y + k dy][x + k dx], by doubling. Swaps a and b as it goes.
void least_of_line(std::int16_t*& a, std::int16_t*& b, const MaskPlane& plane, int length, int dx, int dy) {
  for (int covered = 1; covered < length;) {
    const int shift = std::min(covered, length - covered);
    kernels().mask_least(a, b, plane.width, plane.height, shift * dx, shift * dy);
    std::swap(a, b);
    covered += shift;
  }
}

// Moves the picture by (dx, dy) >= 0, filling with 0.
void shift_by(const std::int16_t* in, std::int16_t* out, const MaskPlane& plane, int dx, int dy) {
  const int kept = std::max(0, plane.width - dx);
  for (int y = 0; y < plane.height; ++y) {
    std::int16_t* to = out + static_cast<std::ptrdiff_t>(y) * plane.width;
    const std::ptrdiff_t from = y - dy;
    const bool filled = from >= 0 && kept > 0;
    std::fill_n(to, filled ? plane.width - kept : plane.width, std::int16_t{0});
    if (filled) {
      std::memcpy(to + (plane.width - kept), in + from * plane.width,
                  static_cast<std::size_t>(kept) * sizeof(std::int16_t));
    }
  }
}

}  // namespace

void erode(MaskPlane mask, std::int16_t* spare, int radius) {
  if (radius <= 0) return;
  // An octagon is a square of half-width `square` widened by a diamond of radius `diamond`. Two diagonal
  // lines alone reach every second pixel only; the square, which is never empty, fills the gaps.
  const int square = std::max(1, static_cast<int>(std::lround(radius * (std::sqrt(2.0) - 1.0))));
  const int diamond = radius - square;
  std::int16_t *a = mask.data, *b = spare;
  // Each line starts at a pixel and extends right, down, down right, down left; shifting centres the sum of
  // all.
  least_of_line(a, b, mask, 2 * square + 1, 1, 0);
  least_of_line(a, b, mask, 2 * square + 1, 0, 1);
  least_of_line(a, b, mask, diamond + 1, 1, 1);
  least_of_line(a, b, mask, diamond + 1, -1, 1);
  shift_by(a, b, mask, square, square + diamond);
  if (b != mask.data) std::memcpy(mask.data, b, bytes_of(mask));
}

void feather(MaskPlane mask, std::int16_t* spare, Buffer<std::uint32_t>& sums, int radius) {
  if (radius <= 0) return;
  std::uint32_t* row = sums.get(static_cast<std::size_t>(std::max(mask.width, mask.height)));
  std::int16_t *a = mask.data, *b = spare;
  int width = mask.width, height = mask.height;
  for (int pass = 0; pass < 2; ++pass) {
    for (int i = 0; i < 3; ++i) {
      const int part = (radius + i) / 3;  // the three parts add up to the radius
      if (part == 0) continue;
      kernels().mask_box(a, b, row, width, height, part);
      std::swap(a, b);
    }
    kernels().mask_transpose(a, b, width, height);
    std::swap(a, b);
    std::swap(width, height);
  }
  if (a != mask.data) std::memcpy(mask.data, a, bytes_of(mask));
}

}  // namespace fs
