#include "mask.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>

#include "parallel.h"

namespace fs {
namespace {

// The product of the outline and the generated mask, 0 on the outermost ring.
void combine(const float* coverage, const float* generated, int size, std::int16_t* out) {
  for (int y = 0; y < size; ++y) {
    for (int x = 0; x < size; ++x) {
      const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(y) * size + x;
      float value = coverage ? coverage[at] : 1.0f;
      if (generated) {
        const float g = generated[at];
        value *= g > 0.0f ? std::min(g, 1.0f) : 0.0f;  // NaN counts as 0
      }
      out[at] = static_cast<std::int16_t>(value * kMaskOne + 0.5f);
    }
  }
  for (int i = 0; i < size; ++i) {
    const std::ptrdiff_t last = static_cast<std::ptrdiff_t>(size - 1) * size;
    out[i] = out[last + i] = 0;
    out[static_cast<std::ptrdiff_t>(i) * size] = out[static_cast<std::ptrdiff_t>(i) * size + size - 1] = 0;
  }
}

bool empty(const std::int16_t* mask, int size) {
  return std::all_of(mask, mask + static_cast<std::ptrdiff_t>(size) * size,
                     [](std::int16_t v) { return v == 0; });
}

}  // namespace

void build_mask(const MaskParams& p, const float* outline, int points, const float* generated,
                MaskScratch& scratch, float* out) {
  const auto side = static_cast<std::size_t>(p.size);
  const std::size_t area = side * side;
  float* coverage = nullptr;
  if (outline) {
    coverage = scratch.coverage.get(side * (side + 2));
    fill_outline(outline, points, p.size, coverage);
  }
  std::int16_t* shape = scratch.planes[0].get(area);
  std::int16_t* mask = scratch.planes[1].get(area);
  std::int16_t* spare = scratch.planes[2].get(area);
  combine(coverage, generated, p.size, shape);
  erode(shape, spare, p.size, p.erode);
  int radius = p.feather;
  for (;;) {
    std::memcpy(mask, shape, area * sizeof(std::int16_t));
    erode(mask, spare, p.size, radius);
    if (radius == 0 || !empty(mask, p.size)) break;
    radius /= 2;
  }
  feather(mask, spare, scratch, p.size, radius);
  for (std::size_t i = 0; i < area; ++i) out[i] = static_cast<float>(mask[i]) * (1.0f / kMaskOne);
}

void mask(const float* outlines, int points, const float* generated, int count, int size, double erode_by,
          double feather_by, float* out) {
  if (!outlines && !generated)
    throw std::invalid_argument("mask: neither outlines nor a generated mask was given");
  if (!(erode_by >= 0.0 && erode_by <= 0.5)) throw std::invalid_argument("mask: erode must lie in 0..0.5");
  if (!(feather_by >= 0.0 && feather_by <= 0.5))
    throw std::invalid_argument("mask: feather must lie in 0..0.5");
  if (outlines) {
    const std::ptrdiff_t numbers = 2 * static_cast<std::ptrdiff_t>(count) * points;
    if (!std::all_of(outlines, outlines + numbers, [](float v) { return std::abs(v) <= 1e7f; })) {
      throw std::invalid_argument("mask: an outline has a point that is not finite or far outside the crop");
    }
  }
  const MaskParams params{size, static_cast<int>(std::lround(erode_by * size)),
                          static_cast<int>(std::lround(0.5 * feather_by * size))};
  parallel_for(count, [&](int n) {
    thread_local MaskScratch scratch;
    const auto at = static_cast<std::size_t>(n);
    const std::size_t area = static_cast<std::size_t>(size) * static_cast<std::size_t>(size);
    build_mask(params, outlines ? outlines + 2 * at * static_cast<std::size_t>(points) : nullptr, points,
               generated ? generated + at * area : nullptr, scratch, out + at * area);
  });
}

}  // namespace fs
