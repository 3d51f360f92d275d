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

using Shifted = decltype(Kernels::mask_least);

// a[y][x] = the least, or greatest, over k = 0..length-1 of a[y + k dy][x + k dx], by doubling. Swaps a and b
// as it goes.
void along_line(Shifted of_two, std::int16_t*& a, std::int16_t*& b, const MaskPlane& plane, int length,
                int dx, int dy) {
  for (int covered = 1; covered < length;) {
    const int shift = std::min(covered, length - covered);
    of_two(a, b, plane.width, plane.height, shift * dx, shift * dy);
    std::swap(a, b);
    covered += shift;
  }
}

// Each line starts at a pixel and extends right, down, down right, down left: the octagon's middle lies
// `square` to the right of that pixel and the radius below it.
void over_octagon(Shifted of_two, std::int16_t*& a, std::int16_t*& b, const MaskPlane& plane,
                  const Octagon& o) {
  along_line(of_two, a, b, plane, 2 * o.square + 1, 1, 0);
  along_line(of_two, a, b, plane, 2 * o.square + 1, 0, 1);
  along_line(of_two, a, b, plane, o.diamond + 1, 1, 1);
  along_line(of_two, a, b, plane, o.diamond + 1, -1, 1);
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
  const Octagon octagon(radius);
  std::int16_t *a = mask.data, *b = spare;
  over_octagon(kernels().mask_least, a, b, mask, octagon);
  shift_by(a, b, mask, octagon.square, radius);
  if (b != mask.data) std::memcpy(mask.data, b, bytes_of(mask));
}

void dilate(MaskPlane mask, Buffer<std::int16_t> (&wide)[2], int radius) {
  if (radius <= 0) return;
  // In a plane with room for the octagon all around, so that it may begin beyond the edges.
  const MaskPlane room{nullptr, mask.width + 2 * radius, mask.height + 2 * radius};
  const auto area = static_cast<std::size_t>(room.width) * static_cast<std::size_t>(room.height);
  std::int16_t *a = wide[0].get(area), *b = wide[1].get(area);
  std::fill_n(a, area, std::int16_t{0});
  const auto row = static_cast<std::size_t>(mask.width) * sizeof(std::int16_t);
  const auto at = [&](std::int16_t* plane, int x, int y) {
    return plane + static_cast<std::ptrdiff_t>(y) * room.width + x;
  };
  for (int y = 0; y < mask.height; ++y) {
    std::memcpy(at(a, radius, y + radius), mask.data + static_cast<std::ptrdiff_t>(y) * mask.width, row);
  }
  const Octagon octagon(radius);
  over_octagon(kernels().mask_greatest, a, b, room, octagon);
  for (int y = 0; y < mask.height; ++y) {
    std::memcpy(mask.data + static_cast<std::ptrdiff_t>(y) * mask.width, at(a, octagon.diamond, y), row);
  }
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
