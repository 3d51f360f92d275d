// The loops over rows that are sampled from windows: crops, and faces drawn into pictures. Part of the SIMD
// kernels (rows.h).
#pragma once

#include "kernels.h"
#include "tone.h"

namespace fs {

template <class F>
struct SampledRows {
  using L = Lanes<F>;

  static FS_HD void apply_tone(const float* table, float* row, int count) {
    for (int x = 0; x < count; ++x) row[x] = tone(table, row[x]);
  }

  // Pixels that are sampled at a time, so that they stay in the first-level cache.
  static constexpr int kPiece = 512;

  // Pixels x0..x1-1 of row y, at most kPiece; whole vectors of them. A function of its own, so that what does
  // not change along the row stays in registers.
  template <int C, int kTaps = 2>
  [[gnu::noinline]] static void sample_piece(const Sampler& sampler, int y, int x0, int x1,
                                             float (&out)[C][kPiece]) {
    const Sampler s = sampler;  // a copy that the stores below cannot touch
    const float u = row_u(s, y), v = row_v(s, y);
    for (int x = x0; x < x1; x += L::width) {
      F value[C];
      if constexpr (kTaps == 2) {
        sample<C>(s, u, v, x, value);
      } else {
        sample_wide<kTaps>(s, u, v, x, value);
      }
      for (int c = 0; c < C; ++c) L::store(out[c] + (x - x0), value[c], L::width);
    }
  }

  // The columns of row y that are not black throughout their vector.
  static void crop_columns(const CropParams& p, int y, int& x0, int& x1) {
    const float u = row_u(p.luma, y), v = row_v(p.luma, y);
    while (x0 < x1 && crop_is_outside<F>(p, u, v, x0)) x0 += L::width;
    const int whole = x0 + (x1 - x0 + L::width - 1) / L::width * L::width;
    int end = whole;
    while (end > x0 && crop_is_outside<F>(p, u, v, end - L::width)) end -= L::width;
    x1 = end < x1 ? end : x1;
  }

  static void crop_row(const CropParams& p, int y) {
    int x0 = 0, x1 = p.size;
    if (p.skips) {
      crop_columns(p, y, x0, x1);
      for (float* plane : p.out) {
        float* row = plane + static_cast<std::ptrdiff_t>(y) * p.size;
        for (int x = 0; x < x0 && x < p.size; ++x) row[x] = 0.0f;
        for (int x = x1; x < p.size; ++x) row[x] = 0.0f;
      }
    }
    alignas(64) float luma[1][kPiece], chroma[2][kPiece];
    for (int start = x0; start < x1; start += kPiece) {
      const int end = x1 - start < kPiece ? x1 : start + kPiece;
      sample_piece<1>(p.luma, y, start, end, luma);
      sample_piece<2>(p.chroma, y, start, end, chroma);
      const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(y) * p.size + start;
      along_row<F>(end - start, [&](int x, int n) __attribute__((always_inline)) {
        const Triple<F> rgb = crop_rgb(p.color, L::load(luma[0] + x, L::width),
                                       L::load(chroma[0] + x, L::width), L::load(chroma[1] + x, L::width));
        L::store(p.out[0] + at + x, rgb.a, n);
        L::store(p.out[1] + at + x, rgb.b, n);
        L::store(p.out[2] + at + x, rgb.c, n);
      });
    }
  }

  static void crop_rows(const CropParams& p, int y0, int y1) {
    for (int y = y0; y < y1; ++y) {
      crop_row(p, y);
      if (p.tone) {
        for (float* plane : p.out)
          apply_tone(p.tone, plane + static_cast<std::ptrdiff_t>(y) * p.size, p.size);
      }
    }
  }

  template <class T, int C, int kTaps>
  static void blend_planes(const BlendRow<T>& p) {
    alignas(64) float samples[C + 1][kPiece];
    for (int start = p.x0; start < p.x1; start += kPiece) {
      const int end = p.x1 - start < kPiece ? p.x1 : start + kPiece;
      sample_piece<C + 1, kTaps>(p.sampler, p.y, start, end, samples);
      for (int c = 0; c < C; ++c) {
        if (p.grain[c] > 0.0f) {
          add_grain(samples[c + 1], samples[0], end - start, start, p.y, p.grain[c], p.seed[c]);
        }
        mix(p, p.row[c] + start * p.step[c], p.step[c], samples[0], samples[c + 1], end - start);
      }
    }
  }

  static FS_HD void add_grain(float* color, const float* alpha, int count, int x0, int y, float deviation,
                              std::uint32_t seed) {
    for (int i = 0; i < count; ++i)
      color[i] += deviation * grain_strength(alpha[i]) * grain_at(x0 + i, y, seed);
  }

  template <class T>
  static FS_HD void mix(const BlendRow<T>& p, T* row, std::ptrdiff_t step, const float* alpha,
                        const float* color, int count) {
    const float unit = p.unit, most = p.most;
    const int shift = sizeof(T) == 1 ? 0 : p.shift;
    const auto one = [&](T& word, int i) {
      const float mixed = blend_code(static_cast<float>(word >> shift), alpha[i], color[i], unit, most);
      word = static_cast<T>(static_cast<int>(mixed) << shift);
    };
    if (step == 1) {
      for (int i = 0; i < count; ++i) one(row[i], i);
    } else {
      for (int i = 0; i < count; ++i) one(row[i * step], i);
    }
  }

  template <class T>
  static void blend_row(const BlendRow<T>& p) {
    switch (p.sampler.filter) {
      case Enlarge::kBilinear:
        return p.count == 1 ? blend_planes<T, 1, 2>(p) : blend_planes<T, 2, 2>(p);
      case Enlarge::kBicubic:
        return p.count == 1 ? blend_planes<T, 1, 4>(p) : blend_planes<T, 2, 4>(p);
      case Enlarge::kLanczos:
        return p.count == 1 ? blend_planes<T, 1, 6>(p) : blend_planes<T, 2, 6>(p);
    }
  }
};

}  // namespace fs
