// Layers: a face at crop size as alpha and alpha times Y, U and V.
//
// Filtering these, and not the colour alone, keeps what the generator drew outside the mask from bleeding in.
#pragma once

#include "buffer.h"
#include "color.h"
#include "mask.h"
#include "sample.h"

namespace fs {

// Where a mask is above 0: a rectangle, and limits of x + y and x - y that cut its corners. Continuous crop
// coordinates.
struct Extent {
  Rect rect;  // columns widened to multiples of 16, as far as the crop goes
  double least_sum, most_sum, least_difference, most_difference;
};

// Window values (see colorspace.h) of the part of the crop where alpha may be above 0, with `ring` rings of
// zeros around it.
struct Layers {
  std::uint16_t*
      luma;  // alpha (65535 is 1) and alpha Y in turns: luma is most of the work, and one load brings both
  std::uint16_t* chroma[3];  // alpha, alpha U, alpha V
  Rect rect;                 // with the rings: with one, starts at -1 if the mask starts at 0
  Extent extent;             // without them
  int ring;
};

// The extent of the mask pixels above 0 within `within`; `mask` points to its first pixel. It follows from
// the mask alone: positions are rounded relative to its rectangle, so that decides the last bits of a result.
Extent extent_of(const float* mask, std::ptrdiff_t pitch, const Rect& within, int size);

// Room for the layers of an extent, the rings already set to 0: as many as a filter that enlarges reaches.
Layers make_room(const Extent& extent, Enlarge enlarge, Buffer<std::uint16_t>& memory);

enum class LayerSource { kRgb, kMappedRgb, kMappedLab };

struct LayerParams {
  PixelRows pixels;  // R'G'B', or L*a*b* for kMappedLab
  LayerSource source;
  ColorMap map;
  float opacity;
  YuvTransform color;
  const float* tone;  // from_sdr of HDR pictures, else null; applied by the CPU's row loop
  std::uint16_t* luma;
  std::uint16_t* chroma[3];
  std::ptrdiff_t out_pitch;  // in pixels
};

// Points the parameters at row y of the layers, within the rings.
inline void aim(LayerParams& p, const Layers& layers, int y) {
  p.out_pitch = layers.rect.width;
  const std::ptrdiff_t at = (y + layers.ring) * p.out_pitch + layers.ring;
  p.luma = layers.luma + 2 * at;
  for (int c = 0; c < 3; ++c) p.chroma[c] = layers.chroma[c] + at;
}

// R'G'B' in 0..1 of pixels of any value.
template <LayerSource kSource, class F>
FS_HD Triple<F> layer_rgb(const ColorMap& map, Triple<F> t) {
  if constexpr (kSource != LayerSource::kMappedLab) t = {clamp_unit(t.a), clamp_unit(t.b), clamp_unit(t.c)};
  if constexpr (kSource != LayerSource::kRgb) t = mapped_rgb<kSource == LayerSource::kMappedLab>(map, t);
  return t;
}

// Pixels x, x+1, ... of row y.
template <LayerSource kSource, class F>
FS_HD void make_layers(const LayerParams& p, int x, int y, int count = Lanes<F>::width) {
  using L = Lanes<F>;
  const PixelRows& in = p.pixels;
  const std::ptrdiff_t to = y * p.out_pitch + x, from = y * in.pitch + x;
  const F alpha = clamp_unit(L::load(in.mask + y * in.mask_pitch + x, count)) * L::set(p.opacity);
  if (!any_above_zero(alpha)) {
    const F zero = L::set(0.0f);
    L::store_u16_pair(p.luma + 2 * to, zero, zero, count);
    for (int c = 0; c < 3; ++c) L::store_u16(p.chroma[c] + to, zero, count);
    return;
  }
  const Triple<F> t = layer_rgb<kSource, F>(
      p.map, {L::load(in.channel[0] + from, count), L::load(in.channel[1] + from, count),
              L::load(in.channel[2] + from, count)});
  const auto& m = p.color.from_rgb;
  const auto& o = p.color.from_rgb_offset;
  const F fixed = alpha * L::set(65535.0f);
  L::store_u16_pair(p.luma + 2 * to, fixed, alpha * row3(m[0], o[0], t.a, t.b, t.c), count);
  L::store_u16(p.chroma[0] + to, fixed, count);
  for (int c = 1; c < 3; ++c) L::store_u16(p.chroma[c] + to, alpha * row3(m[c], o[c], t.a, t.b, t.c), count);
}

}  // namespace fs
