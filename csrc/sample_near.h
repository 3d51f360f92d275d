// Wide filters where the lanes of a vector lie so close together that loads of whole rows reach them all.
// Part of vec_avx2.h and vec_avx512.h.
#pragma once

#include "sample.h"

namespace fs {

// What a SIMD level F has for it. Near<F>::nearest(F): whole numbers; pack(low, high): these as the halves of
// 32-bit numbers; Pairs<C>: where each lane's samples lie in such a load, of C planes, two of them in turns.
// Its `weigh` gives pairs of samples, each less 2^15, times their weights; its kMostColumns is how many
// columns the lanes may lie apart.
template <class F>
struct Near;

// Weights are rounded to 16 bits, so that two samples are weighed at a time as integers. Below 2^15, since a
// middle weight may be a little more than 1.
inline constexpr int kWideUnit = 0x7f00;

// The weights of each two samples; the sum of all is kWideUnit, so a flat picture stays flat.
template <int T, class F, class I>
FS_HD void pack_weights(const F (&w)[T], I (&pairs)[T / 2]) {
  using L = Lanes<F>;
  constexpr int kMiddle = T / 2 - 1;
  I n[T];
  F rest = L::set(static_cast<float>(kWideUnit));
  for (int i = 0; i < T; ++i) {
    if (i == kMiddle) continue;
    n[i] = Near<F>::nearest(w[i] * L::set(static_cast<float>(kWideUnit)));
    rest = rest - to_float(n[i]);
  }
  n[kMiddle] = Near<F>::nearest(rest);
  for (int i = 0; i < T; i += 2) pairs[i / 2] = Near<F>::pack(n[i], n[i + 1]);
}

// As `filter_squares`: each row that the lanes touch is filtered once, for all of them, and counts for each
// lane by its place among that lane's rows.
template <int T, int C, class F, class I>
FS_HD void filter_near(const Sampler& s, const Reach& reach, I x, I y, const F (&wu)[T], const F (&wv)[T],
                       F (&out)[C]) {
  using L = Lanes<F>;
  constexpr int kBefore = T / 2 - 1, kMost = L::width - 1;
  const typename Near<F>::template Pairs<C> places(x, reach.x0);
  I weights[T / 2];
  pack_weights(wu, weights);
  F rows[kMost + T + kMost];  // weights, and as many zeros before and after as it takes
  for (int j = 0; j < T; ++j) rows[kMost + j] = wv[j];
  for (int k = 0; k < reach.rows; ++k) rows[kMost - 1 - k] = rows[kMost + T + k] = L::set(0.0f);
  const F below = to_float(y) - L::set(static_cast<float>(reach.y0));
  for (int c = 0; c < C; ++c) out[c] = L::set(0.0f);
  for (int row = 0; row < T + reach.rows; ++row) {
    F weight = rows[kMost + row - reach.rows];
    for (int k = reach.rows - 1; k >= 0; --k) {
      weight = choose_less(below, L::set(static_cast<float>(k) + 0.5f), rows[kMost + row - k], weight);
    }
    const std::ptrdiff_t at =
        static_cast<std::ptrdiff_t>(reach.y0 + row - kBefore) * s.stride + reach.x0 - kBefore;
    I sums[C];
    for (int i = 0; i < T; i += 2) {
      I taken[C];
      places.weigh(s, at + i, weights[i / 2], taken);
      for (int c = 0; c < C; ++c) sums[c] = i == 0 ? taken[c] : sums[c] + taken[c];
    }
    for (int c = 0; c < C; ++c) out[c] = fmadd(weight, to_float(sums[c]), out[c]);
  }
  for (int c = 0; c < C; ++c) out[c] = fmadd(out[c], L::set(1.0f / kWideUnit), L::set(32768.0f));
}

}  // namespace fs
