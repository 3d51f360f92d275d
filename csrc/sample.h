// Sampling of a small window of a picture: bilinear and anti-aliased where the map shrinks, on wish by a
// wider filter where it enlarges.
#pragma once

#include "lanes.h"

namespace fs {

// So many numbers after the last of a window may be read, though their values do not matter.
inline constexpr int kSamplerMargin = 64;

// How a map that enlarges reads between samples.
enum class Enlarge { kBilinear, kBicubic, kLanczos };

// Samples along each axis that a filter needs.
FS_HD constexpr int taps_of(Enlarge filter) {
  return filter == Enlarge::kBilinear ? 2 : filter == Enlarge::kBicubic ? 4 : 6;
}

// Zeros that a filter needs around what it reads, so that it ends within them.
FS_HD constexpr int rings_of(Enlarge filter) { return filter == Enlarge::kBilinear ? 1 : taps_of(filter); }

// Reads up to three planes of one shape through an affine map.
//
// The planes are windows (window.h): 16-bit copies of the part of a picture that the map can reach,
// box-reduced by a power of two where it shrinks a lot, with one ring of border cells. Coordinates are
// clamped to the window, so what lies beyond the ring equals the ring. Where the map shrinks, count_1 x
// count_2 bilinear taps spread along two directions make up the rest of the pixel's footprint; see `plan` in
// window.h for their positions.
struct Sampler {
  const std::uint16_t* plane[3];
  int stride;
  int last_u, last_v;     // last index that has a right (lower) neighbour
  float max_u, max_v;     // largest coordinate
  float du, dv;           // step for one pixel to the right
  double row_du, row_dv;  // step for one pixel down
  double base_u, base_v;  // coordinate of pixel (0, 0)'s centre; whole numbers are sample centres
  int count_1, count_2;
  float first_u, first_v;                // offset of the first tap
  float tap_1u, tap_1v, tap_2u, tap_2v;  // steps between taps
  float weight;                          // of one tap
  bool in_turns;                         // plane[0] holds the numbers of two planes in turns
  Enlarge filter;
  float most;   // of alpha: what a wide filter overshoots is cut off
  bool exact;   // weights may not be rounded to 15 bits: each of 16 bits matters
  bool paired;  // count_1 is 2, its taps lie side by side, at most two samples apart, and tap_2u is 0
};

// A position between four samples.
template <class F>
struct Position {
  typename Lanes<F>::Int index;  // of the sample before
  F fraction;
};

template <class F>
FS_HD Position<F> position(F x, float most, int last) {
  using L = Lanes<F>;
  const F inside = lower(upper(x, L::set(0.0f)), L::set(most));
  const auto index = lower(truncate(inside), last);
  return {index, inside - to_float(index)};
}

// Four neighbours: the samples at (x, y) and (x + 1, y), and those below.
template <class F>
struct Square {
  F a, b, p, q;
};

template <class F>
FS_HD F interpolate(const Square<F>& s, F fx, F fy) {
  const F top = fmadd(fx, s.b - s.a, s.a), bottom = fmadd(fx, s.q - s.p, s.p);
  return fmadd(fy, bottom - top, top);
}

// Where the lanes of a row of pixels lie in a plane: on a straight line, so its ends are the first lane and
// the last.
struct Reach {
  int x0, y0, columns, rows;  // columns and rows beyond the first
};

template <class I>
FS_HD Reach reach_of(I x, I y) {
  const int xa = first_lane(x), xb = last_lane(x), ya = first_lane(y), yb = last_lane(y);
  return {lower(xa, xb), lower(ya, yb), xa < xb ? xb - xa : xa - xb, ya < yb ? yb - ya : ya - yb};
}

// Loads of squares, sample by sample. SIMD levels overload these by loads of whole rows where the lanes lie
// close together.
template <class F, class I>
FS_HD void load_square(const std::uint16_t* data, int stride, I x, I y, Square<F>& s) {
  const auto index = y * stride + x;
  load_pair(data, index, s.a, s.b);
  load_pair(data + stride, index, s.p, s.q);
}

// Of two planes whose numbers lie in turns.
template <class F, class I>
FS_HD void load_square_in_turns(const std::uint16_t* data, int stride, I x, I y, Square<F> (&s)[2]) {
  const auto index = y * stride + x;
  F a[2], b[2], p[2], q[2];
  load_pair_in_turns(data, index, a, b);
  load_pair_in_turns(data + 2 * stride, index, p, q);
  for (int c = 0; c < 2; ++c) s[c] = {a[c], b[c], p[c], q[c]};
}

// Of two positions in a row, at most two samples apart.
template <class F, class I>
FS_HD void load_two_squares(const std::uint16_t* data, int stride, I x, I x2, I y, Square<F>& s,
                            Square<F>& t) {
  const auto index = y * stride + x, apart = x2 - x;
  load_two_pairs(data, index, apart, s.a, s.b, t.a, t.b);
  load_two_pairs(data + stride, index, apart, s.p, s.q, t.p, t.q);
}

template <int C, class F>
FS_HD void interpolate_planes(const Sampler& s, const Position<F>& x, const Position<F>& y, F (&out)[C]) {
  for (int c = 0; c < C; ++c) {
    Square<F> square;
    load_square(s.plane[c], s.stride, x.index, y.index, square);
    out[c] = interpolate(square, x.fraction, y.fraction);
  }
}

// The same of two planes whose numbers lie in turns.
template <class F>
FS_HD void interpolate_in_turns(const Sampler& s, const Position<F>& x, const Position<F>& y, F (&out)[2]) {
  Square<F> squares[2];
  load_square_in_turns(s.plane[0], s.stride, x.index, y.index, squares);
  for (int c = 0; c < 2; ++c) out[c] = interpolate(squares[c], x.fraction, y.fraction);
}

// One tap at (u, v).
template <int C, class F>
FS_HD void add_tap(const Sampler& s, F u, F v, F (&total)[C]) {
  const Position<F> x = position(u, s.max_u, s.last_u), y = position(v, s.max_v, s.last_v);
  F taken[C];
  if constexpr (C == 2) {
    s.in_turns ? interpolate_in_turns(s, x, y, taken) : interpolate_planes<C>(s, x, y, taken);
  } else {
    interpolate_planes<C>(s, x, y, taken);
  }
  for (int c = 0; c < C; ++c) total[c] = total[c] + taken[c];
}

// The sum of two taps in a row whose distance is at most two samples: both lie within four neighbours, which
// one load brings.
template <class F>
FS_HD F interpolate_twice(const std::uint16_t* data, int stride, const Position<F>& x, const Position<F>& x2,
                          const Position<F>& y) {
  Square<F> left, right;
  load_two_squares(data, stride, x.index, x2.index, y.index, left, right);
  return interpolate(left, x.fraction, y.fraction) + interpolate(right, x2.fraction, y.fraction);
}

// The planes' values (0..65535) for pixels x, x+1, ... of a row; u and v: coordinates at that row's pixel 0.
template <int C, class F>
FS_HD void sample(const Sampler& s, float row_u, float row_v, int x, F (&out)[C]) {
  using L = Lanes<F>;
  const F column = L::index() + L::set(static_cast<float>(x));
  const F u = fmadd(column, L::set(s.du), L::set(row_u + s.first_u));
  const F v = fmadd(column, L::set(s.dv), L::set(row_v + s.first_v));
  for (int c = 0; c < C; ++c) out[c] = L::set(0.0f);
  if (s.paired) {  // then tap_2u is 0 as well, see `plan`
    const Position<F> x1 = position(u, s.max_u, s.last_u);
    const Position<F> x2 = position(u + L::set(s.tap_1u), s.max_u, s.last_u);
    for (int j = 0; j < s.count_2; ++j) {
      const Position<F> y = position(v + L::set(static_cast<float>(j) * s.tap_2v), s.max_v, s.last_v);
      for (int c = 0; c < C; ++c) out[c] = out[c] + interpolate_twice(s.plane[c], s.stride, x1, x2, y);
    }
  } else if (s.count_1 * s.count_2 == 1) {
    add_tap(s, u, v, out);
    return;  // its weight is 1
  } else {
    for (int i = 0; i < s.count_1; ++i) {
      for (int j = 0; j < s.count_2; ++j) {
        const float fi = static_cast<float>(i), fj = static_cast<float>(j);
        add_tap(s, u + L::set(fi * s.tap_1u + fj * s.tap_2u), v + L::set(fi * s.tap_1v + fj * s.tap_2v), out);
      }
    }
  }
  for (int c = 0; c < C; ++c) out[c] = out[c] * L::set(s.weight);
}

// Weights of the samples around a position a part f of the way between the middle two. Bicubic: Keys,
// "Cubic convolution interpolation for digital image processing" (1981), a = -1/2.
template <class F>
FS_HD void filter_weights(F f, F (&w)[4]) {
  using L = Lanes<F>;
  const auto cubic = [&](float a, float b, float c, float d) {
    return fmadd(f, fmadd(f, fmadd(f, L::set(a), L::set(b)), L::set(c)), L::set(d));
  };
  w[0] = cubic(-0.5f, 1.0f, -0.5f, 0.0f);
  w[1] = cubic(1.5f, -2.5f, 0.0f, 1.0f);
  w[2] = cubic(-1.5f, 2.0f, 0.5f, 0.0f);
  w[3] = cubic(0.5f, -0.5f, 0.0f, 0.0f);
}

template <class F>
FS_HD F polynomial(F x, const float (&c)[8]) {
  F y = Lanes<F>::set(c[0]);
  for (int i = 1; i < 8; ++i) y = fmadd(y, x, Lanes<F>::set(c[i]));
  return y;
}

// Lanczos of three lobes, sinc(x) sinc(x / 3), divided by the sum of its samples: Duchon, "Lanczos filtering
// in one and two dimensions" (1979). The weights are polynomials fitted to within 5e-6; the last three are
// the first three seen from the other side.
template <class F>
FS_HD void filter_weights(F f, F (&w)[6]) {
  using L = Lanes<F>;
  constexpr float kFirst[8] = {0.081362682f, -0.21874988f, -0.0069049893f, 0.42669339f,
                               -0.15764886f, -0.33147722f, 0.20672495f,    0.0f};
  constexpr float kSecond[8] = {-0.18953478f, 0.67354002f, -0.51441384f, -0.52161618f,
                                0.21952236f,  1.1597073f,  -0.82720508f, 0.0f};
  constexpr float kThird[8] = {0.37886848f,  -1.4022275f, 1.3357956f,     0.42732434f,
                               0.025970176f, -1.7661158f, 0.00038515389f, 1.0f};
  const F g = L::set(1.0f) - f;
  w[0] = polynomial(f, kFirst);
  w[1] = polynomial(f, kSecond);
  w[4] = polynomial(g, kSecond);
  w[5] = polynomial(g, kFirst);
  w[3] = polynomial(g, kThird);
  // A flat picture stays flat.
  w[2] = L::set(1.0f) - (w[0] + w[1]) - (w[4] + w[5]) - w[3];
}

// The sums of the T x T samples around each position times their weights; x and y are those of the sample
// before it.
template <int T, int C, class F, class I>
FS_HD void filter_squares(const Sampler& s, I x, I y, const F (&wu)[T], const F (&wv)[T], F (&out)[C]) {
  using L = Lanes<F>;
  constexpr int kBefore = T / 2 - 1;
  const auto index = y * s.stride + x;
  for (int c = 0; c < C; ++c) out[c] = L::set(0.0f);
  for (int j = 0; j < T; ++j) {
    const std::ptrdiff_t row = static_cast<std::ptrdiff_t>(j - kBefore) * s.stride - kBefore;
    F sums[C];
    for (int c = 0; c < C; ++c) sums[c] = L::set(0.0f);
    for (int i = 0; i < T; i += 2) {
      if constexpr (C == 2) {
        F left[2], right[2];
        load_pair_in_turns(s.plane[0] + 2 * (row + i), index, left, right);
        for (int c = 0; c < 2; ++c) sums[c] = fmadd(wu[i], left[c], fmadd(wu[i + 1], right[c], sums[c]));
      } else {
        for (int c = 0; c < C; ++c) {
          F left, right;
          load_pair(s.plane[c] + row + i, index, left, right);
          sums[c] = fmadd(wu[i], left, fmadd(wu[i + 1], right, sums[c]));
        }
      }
    }
    for (int c = 0; c < C; ++c) out[c] = fmadd(wv[j], sums[c], out[c]);
  }
}

// As `sample`, by a filter of T samples along each axis: plane 0 is alpha, the others are alpha times a
// colour. The filters overshoot; alpha is kept within 0..s.most, and where it is 0 so are the others. The
// window has a ring of zeros as wide as the filter reaches beyond its middle.
template <int T, int C, class F>
FS_HD void sample_wide(const Sampler& s, float row_u, float row_v, int x, F (&out)[C]) {
  using L = Lanes<F>;
  constexpr int kBefore = T / 2 - 1, kAfter = T / 2;
  const F column = L::index() + L::set(static_cast<float>(x));
  const F u = upper(fmadd(column, L::set(s.du), L::set(row_u)), L::set(static_cast<float>(kBefore)));
  const F v = upper(fmadd(column, L::set(s.dv), L::set(row_v)), L::set(static_cast<float>(kBefore)));
  const Position<F> px = position(u, s.max_u - static_cast<float>(kAfter), s.last_u + 1 - kAfter);
  const Position<F> py = position(v, s.max_v - static_cast<float>(kAfter), s.last_v + 1 - kAfter);
  F wu[T], wv[T];
  filter_weights(px.fraction, wu);
  filter_weights(py.fraction, wv);
  filter_squares(s, px.index, py.index, wu, wv, out);
  const F zero = L::set(0.0f);
  out[0] = lower(upper(out[0], zero), L::set(s.most));
  for (int c = 1; c < C; ++c) out[c] = lower(upper(out[c], zero), out[0]);
}

FS_HD float row_u(const Sampler& s, int y) { return static_cast<float>(s.base_u + s.row_du * y); }
FS_HD float row_v(const Sampler& s, int y) { return static_cast<float>(s.base_v + s.row_dv * y); }

}  // namespace fs
