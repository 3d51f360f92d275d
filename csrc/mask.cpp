#include "mask.h"

#include <algorithm>
#include <cstring>

#include "kernels.h"
#include "parallel.h"

namespace fs {
namespace {

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
