// Layers: a face at crop size as alpha and alpha times Y, U and V.
//
// Filtering these, and not the colour alone, keeps what the generator drew outside the mask from bleeding in.
#pragma once

#include "buffer.h"
#include "color.h"
#include "mask.h"

namespace fs {

// Window values (see colorspace.h) of the part of the crop where alpha may be above 0, with one ring of zeros
// around it.
struct Layers {
  std::uint16_t* plane[4];  // alpha (65535 is 1), alpha Y, alpha U, alpha V
  Rect rect;                // with the ring: starts at -1 if the mask starts at 0
};

// The smallest rectangle within `within` around all mask pixels above 0, columns widened to multiples of 16
// (as far as the crop goes). `mask` points to the first pixel of `within`. It follows from the mask alone:
// positions are rounded relative to it, so it decides the last bits of a result.
Rect extent_of(const float* mask, std::ptrdiff_t pitch, const Rect& within, int size);

// Room for the layers of a rectangle of the crop, the ring already set to 0.
Layers make_room(const Rect& rect, Buffer<std::uint16_t>& memory);

enum class LayerSource { kRgb, kMappedRgb, kMappedLab };

struct LayerParams {
  PixelRows pixels;  // R'G'B', or L*a*b* for kMappedLab
  LayerSource source;
  ColorMap map;
  float opacity;
  YuvTransform color;
  std::uint16_t* out[4];
  std::ptrdiff_t out_pitch;
};

// Pixels x, x+1, ... of row y.
template <LayerSource kSource, class F>
FS_HD void make_layers(const LayerParams& p, int x, int y) {
  using L = Lanes<F>;
  const PixelRows& in = p.pixels;
  const int left = in.width - x, count = left < L::width ? left : L::width;
  const std::ptrdiff_t to = y * p.out_pitch + x, from = y * in.pitch + x;
  const F alpha = clamp_unit(L::load(in.mask + y * in.mask_pitch + x, count)) * L::set(p.opacity);
  if (!any_above_zero(alpha)) {
    for (int c = 0; c < 4; ++c) L::store_u16(p.out[c] + to, L::set(0.0f), count);
    return;
  }
  Triple<F> t = {L::load(in.channel[0] + from, count), L::load(in.channel[1] + from, count),
                 L::load(in.channel[2] + from, count)};
  if constexpr (kSource != LayerSource::kMappedLab) t = {clamp_unit(t.a), clamp_unit(t.b), clamp_unit(t.c)};
  if constexpr (kSource != LayerSource::kRgb) t = mapped_rgb<kSource == LayerSource::kMappedLab>(p.map, t);
  const auto& m = p.color.from_rgb;
  const auto& o = p.color.from_rgb_offset;
  L::store_u16(p.out[0] + to, alpha * L::set(65535.0f), count);
  for (int c = 0; c < 3; ++c) L::store_u16(p.out[c + 1] + to, alpha * row3(m[c], o[c], t.a, t.b, t.c), count);
}

}  // namespace fs
