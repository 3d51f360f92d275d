#include "layers.h"

#include <algorithm>

namespace fs {
namespace {

constexpr int kAlign = 16;  // columns: the widest vector, so that vectors fall on the same pixels everywhere

}  // namespace

Rect extent_of(const float* mask, std::ptrdiff_t pitch, const Rect& within, int size) {
  int left = within.width, right = 0, top = 0, bottom = 0;
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
  }
  if (right == 0) return {};
  const int x0 = (within.x0 + left) / kAlign * kAlign;
  const int x1 = std::min(size, (within.x0 + right + kAlign - 1) / kAlign * kAlign);
  return {x0, within.y0 + top, x1 - x0, bottom - top};
}

Layers make_room(const Rect& rect, Buffer<std::uint16_t>& memory) {
  Layers layers{{}, {rect.x0 - 1, rect.y0 - 1, rect.width + 2, rect.height + 2}};
  const std::size_t area = (layers.rect.area() + 4 + 31) / 32 * 32;  // readable beyond its end, see Sampler
  std::uint16_t* at = memory.get(4 * area);
  const int pitch = layers.rect.width, height = layers.rect.height;
  for (std::uint16_t*& plane : layers.plane) {
    plane = at;
    at += area;
    std::fill_n(plane, pitch, std::uint16_t{0});
    for (int y = 1; y + 1 < height; ++y) {
      std::uint16_t* row = plane + static_cast<std::ptrdiff_t>(y) * pitch;
      row[0] = row[pitch - 1] = 0;
    }
    std::fill_n(plane + static_cast<std::ptrdiff_t>(height - 1) * pitch, pitch, std::uint16_t{0});
  }
  return layers;
}

}  // namespace fs
