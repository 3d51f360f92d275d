// Checks and arithmetic on 2x3 maps.
#pragma once

#include <cmath>
#include <initializer_list>
#include <stdexcept>

#include "plane.h"

namespace fs {

// Larger maps are mistakes: no picture is that big, and the bound keeps every later step inside float and
// int.
inline constexpr double kMaxScale = 4096.0;
inline constexpr double kMaxOffset = 1e7;

inline void require_sane(const Affine& map) {
  for (const double part : {map.xx, map.xy, map.yx, map.yy}) {
    if (!(std::abs(part) <= kMaxScale)) {
      throw std::invalid_argument("the affine map is not finite or scales by more than 4096");
    }
  }
  if (!(std::abs(map.x0) <= kMaxOffset) || !(std::abs(map.y0) <= kMaxOffset)) {
    throw std::invalid_argument("the affine map is not finite or moves by more than 1e7 pixels");
  }
}

inline double determinant(const Affine& map) { return map.xx * map.yy - map.xy * map.yx; }

// The inverse of a map whose determinant is not zero.
inline Affine inverse(const Affine& map) {
  const double d = 1.0 / determinant(map);
  Affine r;
  r.xx = map.yy * d;
  r.xy = -map.xy * d;
  r.yx = -map.yx * d;
  r.yy = map.xx * d;
  r.x0 = -(r.xx * map.x0 + r.xy * map.y0);
  r.y0 = -(r.yx * map.x0 + r.yy * map.y0);
  return r;
}

// a after b.
inline Affine compose(const Affine& a, const Affine& b) {
  return {a.xx * b.xx + a.xy * b.yx, a.xx * b.xy + a.xy * b.yy, a.xx * b.x0 + a.xy * b.y0 + a.x0,
          a.yx * b.xx + a.yy * b.yx, a.yx * b.xy + a.yy * b.yy, a.yx * b.x0 + a.yy * b.y0 + a.y0};
}

// Luma coordinates to the coordinates of the chroma planes.
inline Affine chroma_from_luma(const ColorSpec& color) {
  const double sub_x = 1 << color.log2_sub_x, sub_y = 1 << color.log2_sub_y;
  // Where the first chroma sample's centre lies, in luma coordinates.
  const double first_x = color.siting == Siting::kCenter ? 0.5 * sub_x : 0.5;
  const double first_y = color.siting == Siting::kTopLeft ? 0.5 : 0.5 * sub_y;
  return {1.0 / sub_x, 0.0, 0.5 - first_x / sub_x, 0.0, 1.0 / sub_y, 0.5 - first_y / sub_y};
}

}  // namespace fs
