#include "window.h"

#include <algorithm>
#include <cmath>

namespace fs {
namespace {

constexpr int kMaxTaps = 16;  // in each direction; only strongly skewed maps come near

struct Symmetric {
  double xx, xy, yy;
};

double smaller_eigenvalue(const Symmetric& m) {
  return 0.5 * (m.xx + m.yy) - std::hypot(0.5 * (m.xx - m.yy), m.xy);
}

// The symmetric root of the matrix's positive part.
Symmetric positive_root(const Symmetric& m) {
  const double mean = 0.5 * (m.xx + m.yy), half = std::hypot(0.5 * (m.xx - m.yy), m.xy);
  const double big = std::sqrt(std::max(0.0, mean + half)), small = std::sqrt(std::max(0.0, mean - half));
  if (half < 1e-12) return {big, 0.0, big};
  // Projections on the two eigenvectors are (m - lambda) / (difference of the eigenvalues).
  const double p = (big - small) / (2.0 * half), q = big - p * (mean + half);
  return {p * m.xx + q, p * m.xy, p * m.yy + q};
}

// Largest k with 3 * 4^k - 2 <= variance.
int reduction(double variance) {
  int k = 0;
  while (k < kMaxLog2 && 3.0 * std::ldexp(1.0, 2 * (k + 1)) - 2.0 <= variance) ++k;
  return k;
}

int tap_count(double width) {
  if (width < 0.35) return 1;
  if (width <= 3.0) return 2;
  return std::min(kMaxTaps, static_cast<int>(std::ceil(width / 1.5)));
}

double tap_step(int count) {
  return count > 1 ? 1.0 / std::sqrt(static_cast<double>(count) * count - 1.0) : 0.0;
}

int clamp_to_int(double x, int low, int high) {
  return static_cast<int>(std::clamp(x, static_cast<double>(low), static_cast<double>(high)));
}

}  // namespace

Footprint plan(const Affine& map) {
  const Symmetric v = {map.xx * map.xx + map.xy * map.xy, map.xx * map.yx + map.xy * map.yy,
                       map.yx * map.yx + map.yy * map.yy};
  Footprint f;
  f.log2_x = reduction(v.xx);
  f.log2_y = reduction(v.yy);
  const auto remainder = [&] {
    return Symmetric{v.xx + 2.0 - 3.0 * std::ldexp(1.0, 2 * f.log2_x), v.xy,
                     v.yy + 2.0 - 3.0 * std::ldexp(1.0, 2 * f.log2_y)};
  };
  // A box that is aligned with the samples must not be wider than a slanted footprint is across.
  while (smaller_eigenvalue(remainder()) < -1e-9 && (f.log2_x > 0 || f.log2_y > 0)) {
    (f.log2_x >= f.log2_y ? f.log2_x : f.log2_y) -= 1;
  }
  Symmetric k = positive_root(remainder());
  if (std::abs(k.xy) < 1e-6 * (k.xx + k.yy)) k.xy = 0.0;  // rounding of a similarity; see Sampler::paired
  const double rx = std::ldexp(1.0, -f.log2_x), ry = std::ldexp(1.0, -f.log2_y);
  f.count_1 = tap_count(std::hypot(k.xx * rx, k.xy * ry));
  f.count_2 = tap_count(std::hypot(k.xy * rx, k.yy * ry));
  const double step_1 = tap_step(f.count_1), step_2 = tap_step(f.count_2);
  f.tap_1x = k.xx * step_1;
  f.tap_1y = k.xy * step_1;
  f.tap_2x = k.xy * step_2;
  f.tap_2y = k.yy * step_2;
  return f;
}

WindowShape window_shape(const Affine& map, int plane_width, int plane_height, int x0, int x1, int y0,
                         int y1) {
  WindowShape shape{};
  const Footprint f = shape.footprint = plan(map);
  const double left = x0 + 0.5, right = x1 - 0.5, top = y0 + 0.5, bottom = y1 - 0.5;
  const auto span = [&](double a, double b, double offset, double spread, int log2, int samples, int& start,
                        int& count) {
    const double low = std::min(a * left, a * right) + std::min(b * top, b * bottom) + offset - spread;
    const double high = std::max(a * left, a * right) + std::max(b * top, b * bottom) + offset + spread;
    const int cells = (samples + (1 << log2) - 1) >> log2;
    // One cell more on each side than interpolation reads, for the rounding of float coordinates.
    const int begin = clamp_to_int(std::floor(std::ldexp(low, -log2) - 0.5) - 1.0, -1, cells - 1);
    const int end = clamp_to_int(std::floor(std::ldexp(high, -log2) - 0.5) + 3.0, begin + 2, cells + 1);
    start = begin;
    count = end - begin;
  };
  const double spread_x = 0.5 * ((f.count_1 - 1) * std::abs(f.tap_1x) + (f.count_2 - 1) * std::abs(f.tap_2x));
  const double spread_y = 0.5 * ((f.count_1 - 1) * std::abs(f.tap_1y) + (f.count_2 - 1) * std::abs(f.tap_2y));
  span(map.xx, map.xy, map.x0, spread_x, f.log2_x, plane_width, shape.cell_x0, shape.width);
  span(map.yx, map.yy, map.y0, spread_y, f.log2_y, plane_height, shape.cell_y0, shape.height);
  return shape;
}

Sampler window_sampler(const Affine& map, const WindowShape& shape) {
  const Footprint& f = shape.footprint;
  const double rx = std::ldexp(1.0, -f.log2_x), ry = std::ldexp(1.0, -f.log2_y);
  Sampler s{};
  s.stride = shape.width;
  s.last_u = shape.width - 2;
  s.last_v = shape.height - 2;
  s.max_u = static_cast<float>(shape.width - 1);
  s.max_v = static_cast<float>(shape.height - 1);
  s.du = static_cast<float>(map.xx * rx);
  s.dv = static_cast<float>(map.yx * ry);
  s.row_du = map.xy * rx;
  s.row_dv = map.yy * ry;
  s.base_u = (0.5 * (map.xx + map.xy) + map.x0) * rx - 0.5 - shape.cell_x0;
  s.base_v = (0.5 * (map.yx + map.yy) + map.y0) * ry - 0.5 - shape.cell_y0;
  s.count_1 = f.count_1;
  s.count_2 = f.count_2;
  s.tap_1u = static_cast<float>(f.tap_1x * rx);
  s.tap_1v = static_cast<float>(f.tap_1y * ry);
  s.tap_2u = static_cast<float>(f.tap_2x * rx);
  s.tap_2v = static_cast<float>(f.tap_2y * ry);
  s.first_u =
      -0.5f * (static_cast<float>(f.count_1 - 1) * s.tap_1u + static_cast<float>(f.count_2 - 1) * s.tap_2u);
  s.first_v =
      -0.5f * (static_cast<float>(f.count_1 - 1) * s.tap_1v + static_cast<float>(f.count_2 - 1) * s.tap_2v);
  s.paired = f.count_1 == 2 && s.tap_1v == 0.0f && s.tap_2u == 0.0f && s.tap_1u >= 0.0f && s.tap_1u <= 2.0f;
  s.weight = 1.0f / static_cast<float>(f.count_1 * f.count_2);
  return s;
}

}  // namespace fs
