#include "mask.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>

#include "kernels.h"
#include "parallel.h"

namespace fs {
namespace {

constexpr int kAlign =
    16;  // columns; see `Moments`: sums over rows must not depend on where a rectangle starts

// The crop's outermost ring is 0, so that interpolation ends at 0 there.
void clear_border(std::int16_t* mask, const Rect& rect, int size) {
  const auto row = [&](int y) { return mask + static_cast<std::ptrdiff_t>(y - rect.y0) * rect.width; };
  if (rect.y0 == 0) std::fill_n(row(0), rect.width, std::int16_t{0});
  if (rect.y0 + rect.height == size) std::fill_n(row(size - 1), rect.width, std::int16_t{0});
  for (int y = rect.y0; y < rect.y0 + rect.height; ++y) {
    if (rect.x0 == 0) row(y)[0] = 0;
    if (rect.x0 + rect.width == size) row(y)[rect.width - 1] = 0;
  }
}

bool empty(const MaskPlane& mask) {
  const std::ptrdiff_t area = static_cast<std::ptrdiff_t>(mask.width) * mask.height;
  return std::all_of(mask.data, mask.data + area, [](std::int16_t v) { return v == 0; });
}

}  // namespace

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

namespace {

// The joined shape, not yet shrunk: one pass where there is one outline or none, else one for each further
// picture.
void join_shapes(const MaskParams& p, const MaskSource& source, const Rect& rect, MaskScratch& scratch,
                 std::int16_t* out, std::int16_t* spare) {
  const std::size_t area = rect.area();
  const auto row = static_cast<std::size_t>(rect.width);
  const bool unite = p.join == MaskJoin::kUnion;
  float* cells = scratch.cells.get(area + 2 * row);
  const float* generated =
      source.generated ? source.generated + static_cast<std::ptrdiff_t>(rect.y0) * p.size + rect.x0 : nullptr;
  const auto combine = [&](int shape, const float* drawn, std::int16_t* to) {
    if (shape >= 0) {
      const auto first = 2 * std::ptrdiff_t{shape} * source.points;
      fill_outline(source.outlines + first, source.points, rect, cells);
    }
    kernels().mask_combine(
        {shape >= 0 ? cells : nullptr, drawn, p.size, rect.width, rect.height, cells + area + row, to});
  };
  const int shapes = source.outlines ? source.shapes : 0;
  combine(shapes > 0 ? 0 : -1, unite && shapes > 0 ? nullptr : generated, out);
  for (int shape = 1; shape < shapes; ++shape) {
    combine(shape, nullptr, spare);
    kernels().mask_join(out, spare, static_cast<int>(area), unite);
  }
  if (unite && shapes > 0 && generated) {
    combine(-1, generated, spare);
    kernels().mask_join(out, spare, static_cast<int>(area), true);
  }
}

}  // namespace

void build_mask(const MaskParams& p, const MaskSource& source, const Rect& rect, MaskScratch& scratch,
                float* out) {
  const std::size_t area = rect.area();
  if (area == 0) return;
  std::int16_t* shape = scratch.planes[0].get(area);
  const MaskPlane mask{scratch.planes[1].get(area), rect.width, rect.height};
  std::int16_t* spare = scratch.planes[2].get(area);
  join_shapes(p, source, rect, scratch, mask.data, spare);
  dilate(mask, scratch.wide, -p.erode);
  clear_border(mask.data, rect, p.size);
  erode(mask, spare, p.erode);
  std::memcpy(shape, mask.data, area * sizeof(std::int16_t));
  int radius = p.feather;
  erode(mask, spare, radius);
  while (radius > 0 && empty(mask)) {
    radius /= 2;
    std::memcpy(mask.data, shape, area * sizeof(std::int16_t));
    erode(mask, spare, radius);
  }
  feather(mask, spare, scratch.sums, radius);
  kernels().mask_to_float(mask.data, out, static_cast<int>(area));
  if (source.matte) {
    const float* matte = source.matte + static_cast<std::ptrdiff_t>(rect.y0) * p.size + rect.x0;
    kernels().mask_multiply(out, matte, p.size, rect.width, rect.height);
  }
}

void mask(const MaskSource* sources, int count, const MaskParams& params, float* out) {
  const std::size_t area = static_cast<std::size_t>(params.size) * static_cast<std::size_t>(params.size);
  for (int n = 0; n < count; ++n) require_sane(sources[n]);
  parallel_for(count, [&](int n) {
    thread_local MaskScratch scratch;
    thread_local Buffer<float> part;
    const MaskSource& source = sources[n];
    const Rect rect = mask_rect(source, params);
    float* to = out + static_cast<std::size_t>(n) * area;
    if (rect.width == params.size && rect.height == params.size)
      return build_mask(params, source, rect, scratch, to);
    float* from = part.get(rect.area());
    build_mask(params, source, rect, scratch, from);
    std::fill_n(to, area, 0.0f);
    for (int y = 0; y < rect.height; ++y) {
      std::memcpy(to + static_cast<std::ptrdiff_t>(y + rect.y0) * params.size + rect.x0,
                  from + static_cast<std::ptrdiff_t>(y) * rect.width,
                  static_cast<std::size_t>(rect.width) * sizeof(float));
    }
  });
}

}  // namespace fs
