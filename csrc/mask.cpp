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

MaskParams mask_params(int size, double erode, double feather) {
  if (!(erode >= 0.0 && erode <= 0.5)) throw std::invalid_argument("mask: erode must lie in 0..0.5");
  if (!(feather >= 0.0 && feather <= 0.5)) throw std::invalid_argument("mask: feather must lie in 0..0.5");
  return {size, static_cast<int>(std::lround(erode * size)),
          static_cast<int>(std::lround(0.5 * feather * size))};
}

void require_sane(const MaskSource& source) {
  if (!source.outline && !source.generated) {
    throw std::invalid_argument("mask: neither outlines nor a generated mask was given");
  }
  if (source.outline &&
      !std::all_of(source.outline, source.outline + 2 * static_cast<std::ptrdiff_t>(source.points),
                   [](float v) { return std::abs(v) <= 1e7f; })) {
    throw std::invalid_argument("mask: an outline has a point that is not finite or far outside the crop");
  }
}

Rect mask_rect(const MaskSource& source, int size) {
  if (!source.outline) return {0, 0, size, size};
  float left = static_cast<float>(size), top = left, right = 0.0f, bottom = 0.0f;
  for (int i = 0; i < source.points; ++i) {
    left = std::min(left, source.outline[2 * i]);
    right = std::max(right, source.outline[2 * i]);
    top = std::min(top, source.outline[2 * i + 1]);
    bottom = std::max(bottom, source.outline[2 * i + 1]);
  }
  const auto inside = [&](float v) {
    return static_cast<int>(std::clamp(v, 0.0f, static_cast<float>(size)));
  };
  const int x0 = inside(std::floor(left)) / kAlign * kAlign, y0 = inside(std::floor(top));
  const int x1 = std::min(size, (inside(std::ceil(right)) + kAlign - 1) / kAlign * kAlign),
            y1 = inside(std::ceil(bottom));
  if (x0 >= x1 || y0 >= y1) return {};
  return {x0, y0, x1 - x0, y1 - y0};
}

void build_mask(const MaskParams& p, const MaskSource& source, const Rect& rect, MaskScratch& scratch,
                float* out) {
  const std::size_t area = rect.area();
  if (area == 0) return;
  const auto row = static_cast<std::size_t>(rect.width);
  float* cells = scratch.cells.get(area + 2 * row);
  if (source.outline) fill_outline(source.outline, source.points, rect, cells);
  std::int16_t* shape = scratch.planes[0].get(area);
  const MaskPlane mask{scratch.planes[1].get(area), rect.width, rect.height};
  std::int16_t* spare = scratch.planes[2].get(area);
  const std::ptrdiff_t corner = static_cast<std::ptrdiff_t>(rect.y0) * p.size + rect.x0;
  kernels().mask_combine({source.outline ? cells : nullptr,
                          source.generated ? source.generated + corner : nullptr, p.size, rect.width,
                          rect.height, cells + area + row, mask.data});
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
}

void mask(const float* outlines, int points, const float* generated, int count, const MaskParams& params,
          float* out) {
  const std::size_t area = static_cast<std::size_t>(params.size) * static_cast<std::size_t>(params.size);
  const auto source_of = [&](int n) {
    const auto at = static_cast<std::size_t>(n);
    return MaskSource{outlines ? outlines + 2 * at * static_cast<std::size_t>(points) : nullptr, points,
                      generated ? generated + at * area : nullptr};
  };
  for (int n = 0; n < count; ++n) require_sane(source_of(n));
  parallel_for(count, [&](int n) {
    thread_local MaskScratch scratch;
    thread_local Buffer<float> part;
    const MaskSource source = source_of(n);
    const Rect rect = mask_rect(source, params.size);
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
