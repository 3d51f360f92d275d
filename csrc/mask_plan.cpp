// What a mask's settings mean in pixels, and where it may be above 0.
#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "mask.h"

namespace fs {

MaskParams mask_params(int size, double erode, double feather, MaskJoin join) {
  if (!(erode >= -0.5 && erode <= 0.5)) throw std::invalid_argument("mask: erode must lie in -0.5..0.5");
  if (!(feather >= 0.0 && feather <= 0.5)) throw std::invalid_argument("mask: feather must lie in 0..0.5");
  return {size, static_cast<int>(std::lround(erode * size)),
          static_cast<int>(std::lround(0.5 * feather * size)), join};
}

void require_sane(const MaskSource& source) {
  if (!source.outlines && !source.generated) {
    throw std::invalid_argument("mask: neither outlines nor a generated mask was given");
  }
  const std::ptrdiff_t numbers = source.outlines ? 2 * std::ptrdiff_t{source.shapes} * source.points : 0;
  if (!std::all_of(source.outlines, source.outlines + numbers, [](float v) { return std::abs(v) <= 1e7f; })) {
    throw std::invalid_argument("mask: an outline has a point that is not finite or far outside the crop");
  }
}

namespace {

// Columns; see `Moments`: sums over rows must not depend on where a rectangle starts.
constexpr int kAlign = 16;

struct Bounds {
  float left, top, right, bottom;
};

Bounds bounds_of(const float* outline, int points, float size) {
  Bounds b{size, size, 0.0f, 0.0f};
  for (int i = 0; i < points; ++i) {
    b.left = std::min(b.left, outline[2 * i]);
    b.right = std::max(b.right, outline[2 * i]);
    b.top = std::min(b.top, outline[2 * i + 1]);
    b.bottom = std::max(b.bottom, outline[2 * i + 1]);
  }
  return b;
}

// The part of the crop that a product lies within, or a union without a generated mask.
Bounds joint_bounds(const MaskSource& source, float size, bool unite) {
  Bounds all = unite ? Bounds{size, size, 0.0f, 0.0f} : Bounds{0.0f, 0.0f, size, size};
  for (int shape = 0; shape < source.shapes; ++shape) {
    const Bounds b =
        bounds_of(source.outlines + 2 * std::ptrdiff_t{shape} * source.points, source.points, size);
    const auto low = [&](float p, float q) { return unite ? std::min(p, q) : std::max(p, q); };
    const auto high = [&](float p, float q) { return unite ? std::max(p, q) : std::min(p, q); };
    all = {low(all.left, b.left), low(all.top, b.top), high(all.right, b.right), high(all.bottom, b.bottom)};
  }
  return all;
}

}  // namespace

Rect mask_rect(const MaskSource& source, const MaskParams& params) {
  const bool unite = params.join == MaskJoin::kUnion;
  const int size = params.size;
  if (!source.outlines || (unite && source.generated)) return {0, 0, size, size};
  const Bounds b = joint_bounds(source, static_cast<float>(size), unite);
  const auto grown = static_cast<float>(std::max(0, -params.erode));
  const auto inside = [&](float v) {
    return static_cast<int>(std::clamp(v, 0.0f, static_cast<float>(size)));
  };
  if (!(b.left < b.right && b.top < b.bottom)) return {};
  const int x0 = inside(std::floor(b.left) - grown) / kAlign * kAlign, y0 = inside(std::floor(b.top) - grown);
  const int x1 = std::min(size, (inside(std::ceil(b.right) + grown) + kAlign - 1) / kAlign * kAlign),
            y1 = inside(std::ceil(b.bottom) + grown);
  if (x0 >= x1 || y0 >= y1) return {};
  return {x0, y0, x1 - x0, y1 - y0};
}

}  // namespace fs
