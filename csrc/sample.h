// Bilinear sampling of a small window of a picture, anti-aliased where the map shrinks.
#pragma once

#include "lanes.h"

namespace fs {

// So many numbers after the last of a window may be read, though their values do not matter.
inline constexpr int kSamplerMargin = 4;

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
  bool paired;  // count_1 is 2 and its taps lie side by side, at most two samples apart
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

template <int C, class F>
FS_HD void add_bilinear(const Sampler& s, F u, F v, F (&total)[C]) {
  const Position<F> x = position(u, s.max_u, s.last_u), y = position(v, s.max_v, s.last_v);
  const auto index = y.index * s.stride + x.index;
  for (int c = 0; c < C; ++c) {
    F a, b, p, q;
    load_pair(s.plane[c], index, a, b);
    load_pair(s.plane[c] + s.stride, index, p, q);
    const F top = fmadd(x.fraction, b - a, a), bottom = fmadd(x.fraction, q - p, p);
    total[c] = total[c] + fmadd(y.fraction, bottom - top, top);
  }
}

// The same of two planes whose numbers lie in turns.
template <class F>
FS_HD void add_bilinear_in_turns(const Sampler& s, F u, F v, F (&total)[2]) {
  const Position<F> x = position(u, s.max_u, s.last_u), y = position(v, s.max_v, s.last_v);
  const auto index = y.index * s.stride + x.index;
  F a[2], b[2], p[2], q[2];
  load_pair_in_turns(s.plane[0], index, a, b);
  load_pair_in_turns(s.plane[0] + 2 * s.stride, index, p, q);
  for (int c = 0; c < 2; ++c) {
    const F top = fmadd(x.fraction, b[c] - a[c], a[c]), bottom = fmadd(x.fraction, q[c] - p[c], p[c]);
    total[c] = total[c] + fmadd(y.fraction, bottom - top, top);
  }
}

// Two taps in a row whose distance is at most two samples: both lie within four neighbours, which one load
// brings.
template <int C, class F>
FS_HD void add_bilinear_twice(const Sampler& s, F u, F v, F (&total)[C]) {
  const Position<F> x = position(u, s.max_u, s.last_u), y = position(v, s.max_v, s.last_v);
  const Position<F> x2 = position(u + Lanes<F>::set(s.tap_1u), s.max_u, s.last_u);
  const auto index = y.index * s.stride + x.index;
  for (int c = 0; c < C; ++c) {
    F sums[2];
    for (int row = 0; row < 2; ++row) {
      F a, b, p, q;
      load_two_pairs(s.plane[c] + row * s.stride, index, x2.index - x.index, a, b, p, q);
      sums[row] = fmadd(x.fraction, b - a, a) + fmadd(x2.fraction, q - p, p);
    }
    total[c] = total[c] + fmadd(y.fraction, sums[1] - sums[0], sums[0]);
  }
}

// The planes' values (0..65535) for pixels x, x+1, ... of a row; u and v: coordinates at that row's pixel 0.
template <int C, class F>
FS_HD void sample(const Sampler& s, float row_u, float row_v, int x, F (&out)[C]) {
  using L = Lanes<F>;
  const F column = L::index() + L::set(static_cast<float>(x));
  const F u = fmadd(column, L::set(s.du), L::set(row_u + s.first_u));
  const F v = fmadd(column, L::set(s.dv), L::set(row_v + s.first_v));
  for (int c = 0; c < C; ++c) out[c] = L::set(0.0f);
  if (s.paired) {
    for (int j = 0; j < s.count_2; ++j) {
      const float fj = static_cast<float>(j);
      add_bilinear_twice<C>(s, u + L::set(fj * s.tap_2u), v + L::set(fj * s.tap_2v), out);
    }
  } else {
    for (int i = 0; i < s.count_1; ++i) {
      for (int j = 0; j < s.count_2; ++j) {
        const float fi = static_cast<float>(i), fj = static_cast<float>(j);
        const F at_u = u + L::set(fi * s.tap_1u + fj * s.tap_2u);
        const F at_v = v + L::set(fi * s.tap_1v + fj * s.tap_2v);
        if constexpr (C == 2) {
          if (s.in_turns) {
            add_bilinear_in_turns(s, at_u, at_v, out);
            continue;
          }
        }
        add_bilinear<C>(s, at_u, at_v, out);
      }
    }
  }
  for (int c = 0; c < C; ++c) out[c] = out[c] * L::set(s.weight);
}

FS_HD float row_u(const Sampler& s, int y) { return static_cast<float>(s.base_u + s.row_du * y); }
FS_HD float row_v(const Sampler& s, int y) { return static_cast<float>(s.base_v + s.row_dv * y); }

}  // namespace fs
