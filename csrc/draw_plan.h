// Where and how a face's layers are drawn: what the CPU's loops and the GPU's launches are planned from.
#pragma once

#include <algorithm>
#include <cmath>

#include "layers.h"
#include "window.h"

namespace fs {

// False for a map that has no area or makes the whole crop smaller than a sample: nothing is drawn.
inline bool has_area(const Affine& to_coded) {
  if (std::abs(determinant(to_coded)) < 1e-12) return false;
  const Affine from_luma = inverse(to_coded);
  for (const double part : {from_luma.xx, from_luma.xy, from_luma.yx, from_luma.yy}) {
    if (!(std::abs(part) <= kMaxScale)) return false;
  }
  return true;
}

// An octagon in continuous crop coordinates.
struct Region {
  double left, top, right, bottom;
  double least_sum, most_sum, least_difference, most_difference;
};

// Half-open range of integers.
struct Span {
  int begin, end;
};

// The part of the crop that can change a sample: where filtered alpha may be above zero.
inline Region reach(const Extent& e, const Footprint& f, int taps) {
  const double spread_x = 0.5 * ((f.count_1 - 1) * std::abs(f.tap_1x) + (f.count_2 - 1) * std::abs(f.tap_2x));
  const double spread_y = 0.5 * ((f.count_1 - 1) * std::abs(f.tap_1y) + (f.count_2 - 1) * std::abs(f.tap_2y));
  const double cells = 0.5 * (taps + 1);
  const double x = spread_x + cells * (1 << f.log2_x), y = spread_y + cells * (1 << f.log2_y);
  const Rect& r = e.rect;
  return {r.x0 - x,
          r.y0 - y,
          r.x0 + r.width + x,
          r.y0 + r.height + y,
          e.least_sum - x - y,
          e.most_sum + x + y,
          e.least_difference - x - y,
          e.most_difference + x + y};
}

inline bool enlarges(const Footprint& f) {
  return f.count_1 == 1 && f.count_2 == 1 && f.log2_x == 0 && f.log2_y == 0;
}

// Rows of a plane whose sample centres may fall into the region's box under `to_plane`.
inline Span rows_of(const Affine& to_plane, const Region& region, int height) {
  const double xs[2] = {to_plane.yx * region.left, to_plane.yx * region.right};
  const double ys[2] = {to_plane.yy * region.top, to_plane.yy * region.bottom};
  const double low = std::min(xs[0], xs[1]) + std::min(ys[0], ys[1]) + to_plane.y0;
  const double high = std::max(xs[0], xs[1]) + std::max(ys[0], ys[1]) + to_plane.y0;
  const double limit = height;
  return {static_cast<int>(std::clamp(std::floor(low - 0.5), 0.0, limit)),
          static_cast<int>(std::clamp(std::ceil(high + 0.5), 0.0, limit))};
}

// The same for columns.
inline Span columns_in(const Affine& to_plane, const Region& region, int width) {
  const Affine turned{to_plane.yx, to_plane.yy, to_plane.y0, to_plane.xx, to_plane.xy, to_plane.x0};
  return rows_of(turned, region, width);
}

// Layers as planes: alpha first, then those of luma (chroma = false) or chroma.
struct LayerViews {
  PlaneView<const std::uint16_t> plane[3];
  int count;
};

inline LayerViews views_of(const Layers& layers, bool chroma) {
  const int w = layers.rect.width, h = layers.rect.height;
  if (!chroma) return {{{layers.luma, 2 * w, 2, w, h}, {layers.luma + 1, 2 * w, 2, w, h}, {}}, 2};
  const auto view = [&](int c) { return PlaneView<const std::uint16_t>{layers.chroma[c], w, 1, w, h}; };
  return {{view(0), view(1), view(2)}, 3};
}

// The window that layers are reduced into where the map to the picture shrinks a lot. Its cells are a grid of
// the crop, whatever part of it the layers cover, so that they do not move with the mask.
inline WindowShape layer_window(const Footprint& f, const Rect& rect) {
  const int cell_x0 = (rect.x0 >> f.log2_x) - 1, cell_y0 = (rect.y0 >> f.log2_y) - 1;
  return {f, cell_x0, cell_y0, ((rect.x0 + rect.width - 1) >> f.log2_x) + 2 - cell_x0,
          ((rect.y0 + rect.height - 1) >> f.log2_y) + 2 - cell_y0};
}

// A sampler of the layers themselves.
inline Sampler direct_sampler(const Affine& to_crop, const Footprint& f, const Layers& layers, bool chroma) {
  const Rect& rect = layers.rect;
  const LayerViews views = views_of(layers, chroma);
  Sampler sampler = window_sampler(to_crop, {f, rect.x0, rect.y0, rect.width, rect.height});
  for (int i = 0; i < views.count; ++i) sampler.plane[i] = views.plane[i].data;
  sampler.in_turns = !chroma;
  sampler.paired = sampler.paired && chroma;
  return sampler;
}

}  // namespace fs
