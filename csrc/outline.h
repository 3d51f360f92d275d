// Anti-aliased polygon filling by signed areas.
//
// Each edge adds, to the pixels it crosses, the change of coverage that it causes below it; a running sum
// down the column then gives exact coverage (the method of font rasterisers such as FreeType's "smooth" and
// font-rs, turned by a quarter so that the sums of neighbouring columns run side by side).
#pragma once

#include "mask.h"

namespace fs {

struct OutlinePoint {
  double x, y;
};

// Adds edges to the cells of a rectangle: rect.height + 1 rows that are `pitch` apart. On the GPU the
// rectangle is one column of a tile.
class OutlineCells {
 public:
  FS_HD OutlineCells(float* cells, std::ptrdiff_t pitch, const Rect& rect)
      : cells_(cells), pitch_(pitch), rect_(rect) {}

  // Whether an edge from column a to column b adds nothing.
  FS_HD bool misses(float a, float b) const {
    const float left = static_cast<float>(rect_.x0), right = static_cast<float>(rect_.x0 + rect_.width);
    return (a <= left && b <= left) || (a >= right && b >= right);
  }

  // An edge of the outline. What lies above the rectangle is moved onto its top edge, where it covers as
  // much.
  FS_HD void add_clipped(OutlinePoint a, OutlinePoint b) {
    const double top = rect_.y0, bottom = rect_.y0 + rect_.height;
    double cuts[4] = {0.0, 1.0, 1.0, 1.0};
    int count = 1;
    const double dy = b.y - a.y;
    if (dy != 0.0) {
      const double at_top = (top - a.y) / dy, at_bottom = (bottom - a.y) / dy;
      const double first = least(at_top, at_bottom), second = greatest(at_top, at_bottom);
      if (first > 0.0 && first < 1.0) cuts[count++] = first;
      if (second > 0.0 && second < 1.0) cuts[count++] = second;
    }
    cuts[count] = 1.0;
    const auto at = [&](double t) {
      return OutlinePoint{a.x + t * (b.x - a.x), within(a.y + t * dy, top, bottom)};
    };
    for (int i = 0; i < count; ++i) add(at(cuts[i]), at(cuts[i + 1]));
  }

 private:
  static FS_HD double least(double a, double b) { return a < b ? a : b; }
  static FS_HD double greatest(double a, double b) { return a > b ? a : b; }
  static FS_HD double within(double x, double low, double high) {
    return x < low ? low : x > high ? high : x;
  }

  // An edge between the rectangle's top and bottom; one that runs to the right counts positive.
  FS_HD void add(OutlinePoint a, OutlinePoint b) {
    if (a.x == b.x) return;
    const double sign = a.x < b.x ? 1.0 : -1.0;
    if (sign < 0) {
      const OutlinePoint other = a;
      a = b;
      b = other;
    }
    const double slope = (b.y - a.y) / (b.x - a.x);
    const double low = least(a.y, b.y), high = greatest(a.y, b.y);
    const double left = greatest(a.x, rect_.x0), right = least(b.x, rect_.x0 + rect_.width);
    const auto y_at = [&](double x) { return within(a.y + (x - a.x) * slope, low, high) - rect_.y0; };
    for (int column = static_cast<int>(left); column < right; ++column) {
      const double x0 = greatest(column, left), x1 = least(column + 1, right);
      if (x1 > x0) add_in_column(column - rect_.x0, y_at(x0), y_at(x1), sign * (x1 - x0));
    }
  }

  // The part of an edge within one column, from y0 to y1, whose signed width is `width`.
  FS_HD void add_in_column(int column, double y0, double y1, double width) {
    if (y0 > y1) {
      const double other = y0;
      y0 = y1;
      y1 = other;
    }
    float* cells = cells_ + column;
    const int most = rect_.height - 1;
    const int first = y0 < most ? static_cast<int>(y0) : most, last = y1 < most ? static_cast<int>(y1) : most;
    const double per_y = y1 > y0 ? width / (y1 - y0) : 0.0;
    // What the edge covers of each row grows row by row; the differences go into the cells.
    double passed = 0.0, before = 0.0;
    for (int row = first; row <= last; ++row) {
      const double from = greatest(row, y0), to = least(row + 1, y1);
      const double step = first == last ? width : (to - from) * per_y;
      const double covered = passed + step * (row + 1 - 0.5 * (from + to));
      cells[row * pitch_] += static_cast<float>(covered - before);
      before = covered;
      passed += step;
    }
    cells[(last + 1) * pitch_] += static_cast<float>(width - before);
  }

  float* cells_;
  std::ptrdiff_t pitch_;
  Rect rect_;
};

// All edges of a closed outline, the last to the first point included.
FS_HD void add_outline(const float* outline, int points, OutlineCells cells) {
  for (int i = 0; i < points; ++i) {
    const int j = i + 1 < points ? i + 1 : 0;
    if (cells.misses(outline[2 * i], outline[2 * j])) continue;
    cells.add_clipped({outline[2 * i], outline[2 * i + 1]}, {outline[2 * j], outline[2 * j + 1]});
  }
}

}  // namespace fs
