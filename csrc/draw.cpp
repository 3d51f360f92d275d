// Draws the layers of a face into a picture.
#include <algorithm>
#include <cmath>

#include "blend.h"
#include "draw_plan.h"
#include "kernels.h"
#include "parallel.h"

namespace fs {
namespace {

constexpr int kBlockRows = 32;

// Narrows begin..end to the columns x with low <= slope * (x + 0.5) + rest <= high.
void clip(double slope, double rest, double low, double high, double& begin, double& end) {
  if (std::abs(slope) < 1e-12) {
    if (rest < low || rest > high) end = begin;
    return;
  }
  const double a = (low - rest) / slope - 0.5, b = (high - rest) / slope - 0.5;
  begin = std::max(begin, std::ceil(std::min(a, b)));
  end = std::min(end, std::floor(std::max(a, b)) + 1.0);
}

Span columns_of(const Affine& to_crop, const Region& region, int y, int width) {
  double begin = 0.0, end = width;
  const double u = to_crop.xy * (y + 0.5) + to_crop.x0, v = to_crop.yy * (y + 0.5) + to_crop.y0;
  clip(to_crop.xx, u, region.left, region.right, begin, end);
  clip(to_crop.yx, v, region.top, region.bottom, begin, end);
  clip(to_crop.xx + to_crop.yx, u + v, region.least_sum, region.most_sum, begin, end);
  clip(to_crop.xx - to_crop.yx, u - v, region.least_difference, region.most_difference, begin, end);
  if (!(begin < end)) return {0, 0};
  return {static_cast<int>(begin), static_cast<int>(end)};
}

// One plane or two of the picture that share positions.
template <class T>
struct Target {
  PlaneView<T> planes[2];
  int count;
  Affine to_crop;
  Sampler sampler;
  Region region;
  Span rows;

  int blocks() const { return std::max(0, (rows.end - rows.begin + kBlockRows - 1) / kBlockRows); }

  void draw_block(int block, const ColorSpec& color, const Grain& grain) const {
    const int y0 = rows.begin + block * kBlockRows, y1 = std::min(rows.end, y0 + kBlockRows);
    BlendRow<T> p{};
    p.sampler = sampler;
    p.count = count;
    p.unit = std::ldexp(1.0f, color.bits - 16);
    p.shift = color.shift;
    p.most = std::ldexp(1.0f, color.bits) - 1.0f;
    for (int i = 0; i < count; ++i) {
      const int plane = count == 1 ? 0 : i + 1;
      p.step[i] = planes[i].step;
      p.grain[i] = grain.deviation[plane] * 65536.0f;
      p.seed[i] = grain.seed + static_cast<std::uint32_t>(plane) * 0x632be59bu;
    }
    for (p.y = y0; p.y < y1; ++p.y) {
      const Span x = columns_of(to_crop, region, p.y, planes[0].width);
      if (x.begin >= x.end) continue;
      p.x0 = x.begin;
      p.x1 = x.end;
      for (int i = 0; i < count; ++i) p.row[i] = planes[i].row(p.y);
      kernels().blend_row(p);
    }
  }
};

// A sampler of the layers themselves, or of reductions of them where the map to the picture shrinks a lot.
Sampler layer_sampler(const Affine& to_crop, const Footprint& f, const Layers& layers, bool chroma,
                      Buffer<std::uint16_t>& reduced, Buffer<std::uint32_t>& sums) {
  const Rect& rect = layers.rect;
  const LayerViews views = views_of(layers, chroma);
  if (f.log2_x == 0 && f.log2_y == 0) return direct_sampler(to_crop, f, layers, chroma);
  const WindowShape shape = layer_window(f, rect);
  Sampler sampler = window_sampler(to_crop, shape);
  const std::size_t size = window_size(shape);
  std::uint16_t* out = reduced.get(size * 3);
  std::uint32_t* scratch = sums.get(2 * window_scratch(shape));
  for (int i = 0; i < views.count; ++i, out += size) {
    kernels().fill_window_u16({views.plane[i], 16, shape, Border::kBlack, 0, out, scratch, rect.x0, rect.y0});
    sampler.plane[i] = out;
  }
  return sampler;
}

}  // namespace

template <class T>
void draw(const Picture<T>& picture, const Affine& to_coded, const Layers& layers, const DrawOptions& options,
          DrawScratch& scratch) {
  if (!has_area(to_coded)) return;
  const Affine to_chroma = compose(chroma_from_luma(picture.color), to_coded);
  const auto target = [&](const PlaneView<T>& a, const PlaneView<T>& b, int count, const Affine& to_plane) {
    Target<T> t{{a, b}, count, inverse(to_plane), {}, {}, {}};
    const Footprint footprint = plan(t.to_crop);
    const bool is_chroma = count == 2;
    t.sampler =
        layer_sampler(t.to_crop, footprint, layers, is_chroma, scratch.reduced[is_chroma], scratch.sums);
    if (enlarges(footprint)) t.sampler.filter = options.enlarge;
    t.sampler.most = options.opacity * 65535.0f;
    t.sampler.exact = picture.color.bits > 14;
    t.sampler.paired = t.sampler.paired && !t.sampler.exact;
    t.region = reach(layers.extent, footprint, taps_of(t.sampler.filter));
    t.rows = rows_of(to_plane, t.region, a.height);
    return t;
  };
  const Target<T> luma = target(picture.y, picture.y, 1, to_coded);
  const Target<T> chroma = target(picture.u, picture.v, 2, to_chroma);
  const int luma_blocks = luma.blocks(), chroma_blocks = picture.color.gray ? 0 : chroma.blocks();
  parallel_for(luma_blocks + chroma_blocks, [&](int i) {
    i < luma_blocks ? luma.draw_block(i, picture.color, options.grain)
                    : chroma.draw_block(i - luma_blocks, picture.color, options.grain);
  });
}

template void draw(const Picture<std::uint8_t>&, const Affine&, const Layers&, const DrawOptions&,
                   DrawScratch&);
template void draw(const Picture<std::uint16_t>&, const Affine&, const Layers&, const DrawOptions&,
                   DrawScratch&);

}  // namespace fs
