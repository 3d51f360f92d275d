// The row loops, written once over the lane type; kernels_*.cpp instantiate them.
//
// Every function here is a template over the lane type even where it does not use it, so that code compiled
// for one instruction set never stands in for another's.
#pragma once

#include "detail_rows.h"
#include "kernels.h"
#include "multiband_rows.h"
#include "poisson_rows.h"
#include "sampled_rows.h"
#include "window_rows.h"

namespace fs {

template <class F>
struct Rows {
  using L = Lanes<F>;
  using Sampled = SampledRows<F>;

  template <class V>
  static FS_HD Triple<V> load(const float* const (&channel)[3], std::ptrdiff_t at, int n) {
    using M = Lanes<V>;
    return {M::load(channel[0] + at, n), M::load(channel[1] + at, n), M::load(channel[2] + at, n)};
  }
  template <class V>
  static FS_HD void store(float* const (&channel)[3], std::ptrdiff_t at, const Triple<V>& t, int n) {
    Lanes<V>::store(channel[0] + at, t.a, n);
    Lanes<V>::store(channel[1] + at, t.b, n);
    Lanes<V>::store(channel[2] + at, t.c, n);
  }

  template <bool kLab>
  static void add_moments(const PixelRows& p, Moments& total, const ChannelRows* values) {
    const F pivot = L::set(kLab ? kLabPivot : kRgbPivot), other_pivot = L::set(kLab ? 0.0f : kRgbPivot);
    for (int y = 0; y < p.height; ++y) {
      const std::ptrdiff_t at = y * p.pitch;
      F weight = L::set(0.0f), first[3] = {weight, weight, weight};
      F second[6] = {weight, weight, weight, weight, weight, weight};
      const auto add = [&](F w, const Triple<F>& t) __attribute__((always_inline)) {
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
      };
      along_row_abreast<F>(p.width, [&]<class V>(int x, int n) __attribute__((always_inline)) {
        // Rows are short and far apart, so the processor does not see the next ones coming.
        if (y + kRowsAhead < p.height) {
          for (const float* channel : p.channel) __builtin_prefetch(channel + at + kRowsAhead * p.pitch + x);
        }
        const V w = clamp_unit(Lanes<V>::load(p.mask + y * p.mask_pitch + x, n));
        if (!any_above_zero(w)) return;
        const Triple<V> t = statistics_space<kLab>(load<V>(p.channel, at + x, n));
        if (values) store(values->channel, y * values->pitch + x, t, n);
        for (int i = 0; i < kVectors<V>; ++i) {
          add(vector_of(w, i),
              {vector_of(t.a, i) - pivot, vector_of(t.b, i) - other_pivot, vector_of(t.c, i) - other_pivot});
        }
      });
      total.weight += sum(weight);
      for (int i = 0; i < 3; ++i) total.first[i] += sum(first[i]);
      for (int i = 0; i < 6; ++i) total.second[i] += sum(second[i]);
    }
  }

  static void moments(const PixelRows& p, bool lab, Moments& total, const ChannelRows* values) {
    lab ? add_moments<true>(p, total, values) : add_moments<false>(p, total, values);
  }

  template <bool kLab>
  static void apply_as(const ColorMap& map, const PixelRows& p, const ChannelRows& out) {
    for (int y = 0; y < p.height; ++y) {
      along_row_abreast<F>(p.width, [&]<class V>(int x, int n) __attribute__((always_inline)) {
        const Triple<V> in = statistics_space<kLab>(load<V>(p.channel, y * p.pitch + x, n));
        store(out.channel, y * out.pitch + x, mapped_rgb<kLab>(map, in), n);
      });
    }
  }

  static void apply(const ColorMap& map, const PixelRows& p, const ChannelRows& out) {
    map.lab ? apply_as<true>(map, p, out) : apply_as<false>(map, p, out);
  }

  template <LayerSource kSource>
  static void rgb_from(const ColorMap& map, const PixelRows& p, const ChannelRows& out) {
    for (int y = 0; y < p.height; ++y) {
      along_row_abreast<F>(p.width, [&]<class V>(int x, int n) __attribute__((always_inline)) {
        const auto t = layer_rgb<kSource>(map, load<V>(p.channel, y * p.pitch + x, n));
        store(out.channel, y * out.pitch + x, t, n);
      });
    }
  }

  static void rgb(LayerSource source, const ColorMap& map, const PixelRows& rows, const ChannelRows& out) {
    switch (source) {
      case LayerSource::kRgb:
        return rgb_from<LayerSource::kRgb>(map, rows, out);
      case LayerSource::kMappedRgb:
        return rgb_from<LayerSource::kMappedRgb>(map, rows, out);
      case LayerSource::kMappedLab:
        return rgb_from<LayerSource::kMappedLab>(map, rows, out);
    }
  }

  // The layers of an HDR picture: rows are mapped and toned in pieces, and then drawn as they are.
  template <LayerSource kSource>
  static void toned_layers(const LayerParams& p) {
    constexpr int kPiece = 256;
    alignas(64) float piece[3][kPiece];
    for (int y = 0; y < p.pixels.height; ++y) {
      for (int start = 0; start < p.pixels.width; start += kPiece) {
        LayerParams part = p;
        PixelRows& to = part.pixels;
        to.width = p.pixels.width - start < kPiece ? p.pixels.width - start : kPiece;
        to.height = 1;
        const std::ptrdiff_t from = y * p.pixels.pitch + start;
        along_row<F>(to.width, [&](int x, int n) __attribute__((always_inline)) {
          const auto t = layer_rgb<kSource>(p.map, load<F>(p.pixels.channel, from + x, n));
          L::store(piece[0] + x, t.a, n);
          L::store(piece[1] + x, t.b, n);
          L::store(piece[2] + x, t.c, n);
        });
        for (int c = 0; c < 3; ++c) {
          Sampled::apply_tone(p.tone, piece[c], to.width);
          to.channel[c] = piece[c];
        }
        to.mask += y * p.pixels.mask_pitch + start;
        const std::ptrdiff_t out = y * p.out_pitch + start;
        part.luma += 2 * out;
        for (std::uint16_t*& plane : part.chroma) plane += out;
        along_row<F>(to.width, [&](int x, int n) __attribute__((always_inline)) {
          make_layers<LayerSource::kRgb, F>(part, x, 0, n);
        });
      }
    }
  }

  template <LayerSource kSource>
  static void layers_from(const LayerParams& p) {
    if (p.tone) return toned_layers<kSource>(p);
    for (int y = 0; y < p.pixels.height; ++y) {
      along_row_abreast<F>(p.pixels.width, [&]<class V>(int x, int n) __attribute__((always_inline)) {
        make_layers<kSource, V>(p, x, y, n);
      });
    }
  }

  static void layers(const LayerParams& p) {
    switch (p.source) {
      case LayerSource::kRgb:
        return layers_from<LayerSource::kRgb>(p);
      case LayerSource::kMappedRgb:
        return layers_from<LayerSource::kMappedRgb>(p);
      case LayerSource::kMappedLab:
        return layers_from<LayerSource::kMappedLab>(p);
    }
  }

  // map(in): the new colour of a vector of pixels. Where the mask is 0 they are only cut to 0..1.
  template <class Map>
  static FS_HD void with_tables(const PixelRows& rows, const ChannelRows& out, const Map& map) {
    const F zero = L::set(0.0f);
    for (int y = 0; y < rows.height; ++y) {
      along_row<F>(rows.width, [&](int x, int n) __attribute__((always_inline)) {
        const std::ptrdiff_t from = y * rows.pitch + x, to = y * out.pitch + x;
        const F mask = rows.mask ? L::load(rows.mask + y * rows.mask_pitch + x, n) : L::set(1.0f);
        const F in[3] = {L::load(rows.channel[0] + from, n), L::load(rows.channel[1] + from, n),
                         L::load(rows.channel[2] + from, n)};
        Triple<F> made = {in[0], in[1], in[2]};
        if (any_above_zero(mask)) made = map(in);
        L::store(out.channel[0] + to, choose_less(zero, mask, made.a, clamp_unit(in[0])), n);
        L::store(out.channel[1] + to, choose_less(zero, mask, made.b, clamp_unit(in[1])), n);
        L::store(out.channel[2] + to, choose_less(zero, mask, made.c, clamp_unit(in[2])), n);
      });
    }
  }

  static void tables(const TableRound* rounds, int count, float strength, const PixelRows& rows,
                     const ChannelRows& out) {
    with_tables(rows, out, [&](const F(&in)[3]) __attribute__((always_inline)) {
      return apply_tables(rounds, count, strength, in[0], in[1], in[2]);
    });
  }

  static void lattice(const LatticeNode* nodes, float strength, const PixelRows& rows,
                      const ChannelRows& out) {
    with_tables(rows, out, [&](const F(&in)[3]) __attribute__((always_inline)) {
      return apply_lattice(nodes, strength, in[0], in[1], in[2]);
    });
  }

  static void table_moves(const TableRound* rounds, int rounds_count, const float* colors, int count,
                          float* moves) {
    along_row<F>(count, [&](int x, int n) __attribute__((always_inline)) {
      F in[3], made[3];
      for (int c = 0; c < 3; ++c) in[c] = made[c] = L::load(colors + std::ptrdiff_t{c} * count + x, n);
      for (int i = 0; i < rounds_count; ++i) apply_round(rounds[i], made);
      for (int c = 0; c < 3; ++c) L::store(moves + std::ptrdiff_t{c} * count + x, made[c] - in[c], n);
    });
  }

  static void cloud_row(const float* const (&channel)[3], const float* mask, int count, float* cells,
                        float* numbers) {
    along_row<F>(count, [&](int x, int n) __attribute__((always_inline)) {
      const F weight = clamp_unit(L::load(mask + x, n));
      F rgb[3];
      for (int c = 0; c < 3; ++c) rgb[c] = clamp_unit(L::load(channel[c] + x, n));
      L::store(cells + x, cloud_cell(rgb), L::width);
      store_in_turns(numbers + std::ptrdiff_t{4} * x, weight, weight * rgb[0], weight * rgb[1],
                     weight * rgb[2]);
    });
  }

  static void motion_row(const MotionParams& p, const float* face, const float* mask, int size, int y,
                         float* out) {
    const std::ptrdiff_t area = static_cast<std::ptrdiff_t>(size) * size;
    const F half = L::set(0.5f), v = L::set(static_cast<float>(y) + 0.5f), zero = L::set(0.0f);
    along_row<F>(size, [&](int x, int n) __attribute__((always_inline)) {
      const F shown = L::load(mask + x, n);
      if (!any_above_zero(shown)) return;
      F mean[3];
      blurred(p, face, size, L::index() + (L::set(static_cast<float>(x)) + half), v, mean);
      for (int c = 0; c < 3; ++c) {
        float* to = out + c * area + x;
        L::store(to, choose_less(zero, shown, mean[c], L::load(to, n)), n);
      }
    });
  }

  static constexpr Kernels table(const char* name) {
    using Detail = DetailRows<F>;
    using Mask = MaskRows<F>;
    using Pyramid = PyramidRows<F>;
    using Poisson = PoissonRows<F>;
    using Multiband = MultibandRows<F>;
    return {name,
            WindowRows<F, std::uint8_t>::fill,
            WindowRows<F, std::uint16_t>::fill,
            WindowRows<F, std::uint16_t>::zip,
            Sampled::crop_rows,
            moments,
            apply,
            rgb,
            layers,
            tables,
            lattice,
            table_moves,
            cloud_row,
            motion_row,
            Detail::luma,
            Detail::smooth,
            Detail::sharpen,
            Sampled::template blend_row<std::uint8_t>,
            Sampled::template blend_row<std::uint16_t>,
            Mask::combine,
            Mask::least_of_two,
            Mask::greatest_of_two,
            Mask::join,
            Mask::multiply,
            Mask::box_columns,
            Mask::transpose,
            Mask::to_float,
            Pyramid::halve,
            Pyramid::sum,
            Pyramid::enlarge,
            Poisson::inner,
            Poisson::prepare,
            Poisson::equation,
            Poisson::share,
            Poisson::start,
            Poisson::relax,
            Poisson::rest,
            Poisson::add,
            Multiband::prepare,
            Multiband::add_band,
            Multiband::finish};
  }
};

}  // namespace fs
