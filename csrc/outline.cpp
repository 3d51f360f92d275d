// Anti-aliased polygon filling by signed areas.
//
// Each edge adds, to the pixels it crosses, the change of coverage that it causes to its right; a running sum
// along the row then gives exact coverage (the method of font rasterisers such as FreeType's "smooth" and
// font-rs).
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
  Accumulator(float* cells, int size) : cells_(cells), size_(size) {}

  // An edge inside 0 <= x <= size; downward edges count positive.
  void add(Point a, Point b) {
    if (a.y == b.y) return;
    const double sign = a.y < b.y ? 1.0 : -1.0;
    if (sign < 0) std::swap(a, b);
    const double slope = (b.x - a.x) / (b.y - a.y);
    const double top = std::max(a.y, 0.0), bottom = std::min(b.y, static_cast<double>(size_));
    for (int row = static_cast<int>(top); row < bottom; ++row) {
      const double y0 = std::max<double>(row, top), y1 = std::min<double>(row + 1, bottom);
      if (y1 <= y0) continue;
      const auto x_at = [&](double y) {
        return std::clamp(a.x + (y - a.y) * slope, std::min(a.x, b.x), std::max(a.x, b.x));
      };
      add_in_row(row, x_at(y0), x_at(y1), sign * (y1 - y0));
    }
  }

 private:
  // The part of an edge within one row, from x0 to x1, whose signed height is `height`.
  void add_in_row(int row, double x0, double x1, double height) {
    if (x0 > x1) std::swap(x0, x1);
    float* cells = cells_ + static_cast<std::ptrdiff_t>(row) * (size_ + 2);
    const int first = std::min(static_cast<int>(x0), size_),
              last = std::min(static_cast<int>(std::ceil(x1)), size_);
    if (last <= first + 1) {
      const double inside = height * (1.0 - (0.5 * (x0 + x1) - first));
      cells[first] += static_cast<float>(inside);
      cells[first + 1] += static_cast<float>(height - inside);
      return;
    }
    // Coverage to the right of the edge grows pixel by pixel; its differences go into the cells.
    const double per_x = height / (x1 - x0);
    double before = 0.0, area_before = 0.0;
    for (int column = first; column <= last; ++column) {
      const double from = std::max<double>(column, x0), to = std::min<double>(column + 1, x1);
      const double passed = to > from ? (to - from) * per_x : 0.0;
      const double covered = before + (to > from ? passed * (column + 1 - 0.5 * (from + to)) : 0.0);
      cells[column] += static_cast<float>(covered - area_before);
      area_before = covered;
      before += passed;
    }
    cells[last + 1] += static_cast<float>(height - area_before);
  }

  float* cells_;
  int size_;
};

// Splits an edge where it crosses x = 0 and x = size, and moves what lies outside onto those lines.
void add_clipped(Accumulator& to, Point a, Point b, double size) {
  double cuts[4] = {0.0, 0.0, 0.0, 1.0};
  int count = 1;
  const double dx = b.x - a.x;
  if (dx != 0.0) {
    double t0 = (0.0 - a.x) / dx, t1 = (size - a.x) / dx;
    if (t0 > t1) std::swap(t0, t1);
    if (t0 > 0.0 && t0 < 1.0) cuts[count++] = t0;
    if (t1 > 0.0 && t1 < 1.0) cuts[count++] = t1;
  }
  cuts[count] = 1.0;
  const auto at = [&](double t) { return Point{std::clamp(a.x + t * dx, 0.0, size), a.y + t * (b.y - a.y)}; };
  for (int i = 0; i < count; ++i) to.add(at(cuts[i]), at(cuts[i + 1]));
}

}  // namespace

void fill_outline(const float* outline, int points, int size, float* coverage) {
  // Rows are two cells longer than the picture; the caller's buffer has room for them.
  const std::ptrdiff_t pitch = size + 2;
  std::fill_n(coverage, pitch * size, 0.0f);
  Accumulator accumulator(coverage, size);
  for (int i = 0; i < points; ++i) {
    const int j = i + 1 < points ? i + 1 : 0;
    add_clipped(accumulator, {outline[2 * i], outline[2 * i + 1]}, {outline[2 * j], outline[2 * j + 1]},
                size);
  }
  for (int y = 0; y < size; ++y) {
    const float* cells = coverage + y * pitch;
    float* row = coverage + static_cast<std::ptrdiff_t>(y) * size;  // never ahead of what is still to be read
    double total = 0.0;
    for (int x = 0; x < size; ++x) {
      total += cells[x];
      row[x] = static_cast<float>(std::min(std::abs(total), 1.0));
    }
  }
}

}  // namespace fs
