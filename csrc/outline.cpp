#include "outline.h"

#include <algorithm>

namespace fs {

void fill_outline(const float* outline, int points, const Rect& rect, float* cells) {
  std::fill_n(cells, rect.area() + static_cast<std::size_t>(rect.width), 0.0f);
  add_outline(outline, points, {cells, rect.width, rect});
}

}  // namespace fs
