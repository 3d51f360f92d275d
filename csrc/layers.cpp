#include "layers.h"

#include <algorithm>

namespace fs {
namespace {

constexpr int kAlign = 16;  // columns: the widest vector, so that vectors fall on the same pixels everywhere

// Sets the outermost `ring` rows and columns to 0; a pixel is `step` numbers.
void clear_rings(std::uint16_t* plane, const Rect& rect, int step, int ring) {
  const std::ptrdiff_t pitch = static_cast<std::ptrdiff_t>(rect.width) * step;
  std::fill_n(plane, ring * pitch, std::uint16_t{0});
  for (int y = ring; y + ring < rect.height; ++y) {
    std::uint16_t* row = plane + y * pitch;
    for (int i = 0; i < step * ring; ++i) row[i] = row[pitch - 1 - i] = 0;
  }
  std::fill_n(plane + (rect.height - ring) * pitch, ring * pitch, std::uint16_t{0});
}

}  // namespace

Extent extent_of(const float* mask, std::ptrdiff_t pitch, const Rect& within, int size) {
  int left = within.width, right = 0, top = 0, bottom = 0;
  const double far = 4.0 * size;
  Extent e{{}, far, -far, far, -far};
  for (int y = 0; y < within.height; ++y) {
    const float* row = mask + y * pitch;
    int first = 0;
    while (first < within.width && !(row[first] > 0.0f)) ++first;
    if (first == within.width) continue;
    int last = within.width - 1;
    while (!(row[last] > 0.0f)) --last;
    if (right == 0) top = y;
    left = std::min(left, first);
    right = std::max(right, last + 1);
    bottom = y + 1;
    // The pixels' outer corners.
    const double x0 = within.x0 + first, x1 = within.x0 + last + 1, y0 = within.y0 + y, y1 = y0 + 1;
    e.least_sum = std::min(e.least_sum, x0 + y0);
    e.most_sum = std::max(e.most_sum, x1 + y1);
    e.least_difference = std::min(e.least_difference, x0 - y1);
    e.most_difference = std::max(e.most_difference, x1 - y0);
  }
  if (right == 0) return e;
  const int x0 = (within.x0 + left) / kAlign * kAlign;
  const int x1 = std::min(size, (within.x0 + right + kAlign - 1) / kAlign * kAlign);
  e.rect = {x0, within.y0 + top, x1 - x0, bottom - top};
  return e;
}

Layers make_room(const Extent& extent, Enlarge enlarge, Buffer<std::uint16_t>& memory) {
  const Rect& rect = extent.rect;
  const int ring = rings_of(enlarge);
  Layers layers{nullptr,
                {},
                {rect.x0 - ring, rect.y0 - ring, rect.width + 2 * ring, rect.height + 2 * ring},
                extent,
                ring};
  const std::size_t area = (layers.rect.area() + kSamplerMargin + 31) / 32 * 32;
  std::uint16_t* memory_of_all = memory.get(5 * area);
  layers.luma = memory_of_all;
  clear_rings(layers.luma, layers.rect, 2, ring);
  for (int c = 0; c < 3; ++c) {
    layers.chroma[c] = memory_of_all + static_cast<std::size_t>(c + 2) * area;
    clear_rings(layers.chroma[c], layers.rect, 1, ring);
  }
  return layers;
}

}  // namespace fs
