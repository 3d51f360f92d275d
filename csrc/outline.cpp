// Anti-aliased polygon filling by signed areas.
//
// Each edge adds, to the pixels it crosses, the change of coverage that it causes below it; a running sum
// down the column then gives exact coverage (the method of font rasterisers such as FreeType's "smooth" and
// font-rs, turned by a quarter so that the sums of neighbouring columns run side by side).
#include <algorithm>
#include <cmath>

#include "mask.h"

namespace fs {
namespace {

struct Point {
  double x, y;
};

class Accumulator {
 public:
  Accumulator(float* cells, const Rect& rect) : cells_(cells), rect_(rect) {}

  // An edge of the outline. What lies above the rectangle is moved onto its top edge, where it covers as
  // much.
  void add_clipped(Point a, Point b) {
    const double top = rect_.y0, bottom = rect_.y0 + rect_.height;
    double cuts[4] = {0.0};
    int count = 1;
    const double dy = b.y - a.y;
    if (dy != 0.0) {
      const double at_top = (top - a.y) / dy, at_bottom = (bottom - a.y) / dy;
      for (const double cut : {std::min(at_top, at_bottom), std::max(at_top, at_bottom)}) {
        if (cut > 0.0 && cut < 1.0) cuts[count++] = cut;
      }
    }
    cuts[count] = 1.0;
    const auto at = [&](double t) {
      return Point{a.x + t * (b.x - a.x), std::clamp(a.y + t * dy, top, bottom)};
    };
    for (int i = 0; i < count; ++i) add(at(cuts[i]), at(cuts[i + 1]));
  }

 private:
  // An edge between the rectangle's top and bottom; one that runs to the right counts positive.
  void add(Point a, Point b) {
    if (a.x == b.x) return;
    const double sign = a.x < b.x ? 1.0 : -1.0;
    if (sign < 0) std::swap(a, b);
    const double slope = (b.y - a.y) / (b.x - a.x);
    const double low = std::min(a.y, b.y), high = std::max(a.y, b.y);
    const double left = std::max<double>(a.x, rect_.x0),
                 right = std::min<double>(b.x, rect_.x0 + rect_.width);
    const auto y_at = [&](double x) { return std::clamp(a.y + (x - a.x) * slope, low, high) - rect_.y0; };
    for (int column = static_cast<int>(left); column < right; ++column) {
      const double x0 = std::max<double>(column, left), x1 = std::min<double>(column + 1, right);
      if (x1 > x0) add_in_column(column - rect_.x0, y_at(x0), y_at(x1), sign * (x1 - x0));
    }
  }

  // The part of an edge within one column, from y0 to y1, whose signed width is `width`.
  void add_in_column(int column, double y0, double y1, double width) {
    if (y0 > y1) std::swap(y0, y1);
    float* cells = cells_ + column;
    const auto cell = [&](int row) -> float& {
      return cells[static_cast<std::ptrdiff_t>(row) * rect_.width];
    };
    const int first = std::min(static_cast<int>(y0), rect_.height - 1);
    const int last = std::min(static_cast<int>(y1), rect_.height - 1);
    const double per_y = y1 > y0 ? width / (y1 - y0) : 0.0;
    // What the edge covers of each row grows row by row; the differences go into the cells.
    double passed = 0.0, before = 0.0;
    for (int row = first; row <= last; ++row) {
      const double from = std::max<double>(row, y0), to = std::min<double>(row + 1, y1);
      const double step = first == last ? width : (to - from) * per_y;
      const double covered = passed + step * (row + 1 - 0.5 * (from + to));
      cell(row) += static_cast<float>(covered - before);
      before = covered;
      passed += step;
    }
    cell(last + 1) += static_cast<float>(width - before);
  }

  float* cells_;
  Rect rect_;
};

}  // namespace

void fill_outline(const float* outline, int points, const Rect& rect, float* cells) {
  std::fill_n(cells, rect.area() + static_cast<std::size_t>(rect.width), 0.0f);
  Accumulator accumulator(cells, rect);
  for (int i = 0; i < points; ++i) {
    const int j = i + 1 < points ? i + 1 : 0;
    accumulator.add_clipped({outline[2 * i], outline[2 * i + 1]}, {outline[2 * j], outline[2 * j + 1]});
  }
}

}  // namespace fs
