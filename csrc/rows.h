// The row loops, written once over the lane type; kernels_*.cpp instantiate them.
//
// Every function here is a template over the lane type even where it does not use it, so that code compiled
// for one instruction set never stands in for another's.
#pragma once

#include "kernels.h"

namespace fs {

template <class F>
struct Rows {
  using L = Lanes<F>;

  static void crop_rows(const CropParams& p, int y0, int y1) {
    for (int y = y0; y < y1; ++y) {
      for (int x = 0; x < p.size; x += L::width) crop_store<F>(p, x, y);
    }
  }

  template <int C>
  static void sample_planes(const Sampler& s, int x0, int x1, int y, float* const* out) {
    const float u = row_u(s, y), v = row_v(s, y);
    for (int x = x0; x < x1; x += L::width) {
      F value[C];
      sample<C>(s, u, v, x, value);
      for (int c = 0; c < C; ++c) L::store(out[c] + (x - x0), value[c], L::width);
    }
  }

  static void sample_row(const Sampler& s, int count, int x0, int x1, int y, float* const* out) {
    count == 2 ? sample_planes<2>(s, x0, x1, y, out) : sample_planes<3>(s, x0, x1, y, out);
  }

  template <bool kLab>
  static void add_moments(const PixelRun& run, Moments& total) {
    constexpr int kFlush = 256;  // floats lose digits over longer sums
    for (int start = 0; start < run.count; start += kFlush) {
      const int end = start + kFlush < run.count ? start + kFlush : run.count;
      F weight = L::set(0.0f), first[3] = {weight, weight, weight};
      F second[6] = {weight, weight, weight, weight, weight, weight};
      for (int i = start; i < end; i += L::width) {
        const int n = end - i < L::width ? end - i : L::width;
        const F w = clamp_unit(L::load(run.mask + i, n));
        if (sum(w) == 0.0f) continue;
        const auto t =
            pivoted<kLab>(L::load(run.rgb[0] + i, n), L::load(run.rgb[1] + i, n), L::load(run.rgb[2] + i, n));
        const F wa = w * t.a, wb = w * t.b, wc = w * t.c;
        weight = weight + w;
        first[0] = first[0] + wa;
        first[1] = first[1] + wb;
        first[2] = first[2] + wc;
        second[0] = fmadd(wa, t.a, second[0]);
        second[1] = fmadd(wa, t.b, second[1]);
        second[2] = fmadd(wa, t.c, second[2]);
        second[3] = fmadd(wb, t.b, second[3]);
        second[4] = fmadd(wb, t.c, second[4]);
        second[5] = fmadd(wc, t.c, second[5]);
      }
      total.weight += sum(weight);
      for (int i = 0; i < 3; ++i) total.first[i] += sum(first[i]);
      for (int i = 0; i < 6; ++i) total.second[i] += sum(second[i]);
    }
  }

  static void moments(const PixelRun& run, bool lab, Moments& total) {
    lab ? add_moments<true>(run, total) : add_moments<false>(run, total);
  }

  static void apply(const ColorMap& map, const PixelRun& run, float* const* out) {
    for (int i = 0; i < run.count; i += L::width) {
      const int n = run.count - i < L::width ? run.count - i : L::width;
      const auto t = apply_color(map, L::load(run.rgb[0] + i, n), L::load(run.rgb[1] + i, n),
                                 L::load(run.rgb[2] + i, n));
      L::store(out[0] + i, t.a, n);
      L::store(out[1] + i, t.b, n);
      L::store(out[2] + i, t.c, n);
    }
  }

  static void premultiply_run(const PremultiplyParams& p) {
    for (int i = 0; i < p.count; i += L::width) premultiply<F>(p, i);
  }

  static constexpr Kernels table(const char* name) {
    return {name, crop_rows, sample_row, moments, apply, premultiply_run};
  }
};

}  // namespace fs
