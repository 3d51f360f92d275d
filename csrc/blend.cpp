#include "blend.h"

#include <algorithm>
#include <cmath>

#include "kernels.h"
#include "parallel.h"
#include "window.h"

namespace fs {
namespace {

constexpr int kBlockRows = 32;
constexpr int kBlockPixels = 8192;

// An axis-aligned box of continuous crop coordinates.
struct Box {
  double left, top, right, bottom;
};

// Half-open range of integers.
struct Span {
  int begin, end;
};

// Scratch of the thread that makes the call: crop-size planes and, for faces much smaller than the crop,
// their reductions.
struct FaceScratch {
  Buffer<std::uint16_t> planes, reduced[2];
  Buffer<std::uint32_t> row;
};

struct RowScratch {
  Buffer<float> samples;
};

// Where alpha is not zero, in crop samples; empty when begin >= end.
struct Extent {
  Span x{0, 0}, y{0, 0};
};

Extent extent_of(const std::uint16_t* alpha, int size) {
  Extent e{{size, 0}, {size, 0}};
  for (int y = 0; y < size; ++y) {
    const std::uint16_t* row = alpha + static_cast<std::ptrdiff_t>(y) * size;
    int first = 0;
    while (first < size && row[first] == 0) ++first;
    if (first == size) continue;
    int last = size - 1;
    while (row[last] == 0) --last;
    e.x = {std::min(e.x.begin, first), std::max(e.x.end, last + 1)};
    e.y = {std::min(e.y.begin, y), y + 1};
  }
  return e;
}

// The part of the crop that can change a sample: where filtered alpha may be above zero, and never beyond the
// crop.
Box reach(const Extent& e, const Footprint& f, int size) {
  const double margin_x = 1.5 * (1 << f.log2_x) +
                          0.5 * ((f.count_1 - 1) * std::abs(f.tap_1x) + (f.count_2 - 1) * std::abs(f.tap_2x));
  const double margin_y = 1.5 * (1 << f.log2_y) +
                          0.5 * ((f.count_1 - 1) * std::abs(f.tap_1y) + (f.count_2 - 1) * std::abs(f.tap_2y));
  return {std::max(0.0, e.x.begin - margin_x), std::max(0.0, e.y.begin - margin_y),
          std::min<double>(size, e.x.end + margin_x), std::min<double>(size, e.y.end + margin_y)};
}

// Rows of a plane whose sample centres may fall into the box under `to_plane`.
Span rows_of(const Affine& to_plane, const Box& box, int height) {
  const double xs[2] = {to_plane.yx * box.left, to_plane.yx * box.right};
  const double ys[2] = {to_plane.yy * box.top, to_plane.yy * box.bottom};
  const double low = std::min(xs[0], xs[1]) + std::min(ys[0], ys[1]) + to_plane.y0;
  const double high = std::max(xs[0], xs[1]) + std::max(ys[0], ys[1]) + to_plane.y0;
  const double limit = height;
  return {static_cast<int>(std::clamp(std::floor(low - 0.5), 0.0, limit)),
          static_cast<int>(std::clamp(std::ceil(high + 0.5), 0.0, limit))};
}

// Columns x of row y with low <= slope * (x + 0.5) + rest <= high.
void clip(double slope, double rest, double low, double high, double& begin, double& end) {
  if (std::abs(slope) < 1e-12) {
    if (rest < low || rest > high) end = begin;
    return;
  }
  const double a = (low - rest) / slope - 0.5, b = (high - rest) / slope - 0.5;
  begin = std::max(begin, std::ceil(std::min(a, b)));
  end = std::min(end, std::floor(std::max(a, b)) + 1.0);
}

Span columns_of(const Affine& to_crop, const Box& box, int y, int width) {
  double begin = 0.0, end = width;
  clip(to_crop.xx, to_crop.xy * (y + 0.5) + to_crop.x0, box.left, box.right, begin, end);
  clip(to_crop.yx, to_crop.yy * (y + 0.5) + to_crop.y0, box.top, box.bottom, begin, end);
  if (!(begin < end)) return {0, 0};
  return {static_cast<int>(begin), static_cast<int>(end)};
}

// One plane or a pair of planes of the picture that share positions.
template <class T>
struct Target {
  PlaneView<T> planes[2];
  int count = 0;
  Affine to_crop;
  Sampler sampler{};
  Box box{};
  Span rows{0, 0};
};

template <class T>
void blend_rows(const Target<T>& target, int bits, int y0, int y1) {
  thread_local RowScratch scratch;
  const int width = target.planes[0].width;
  const std::size_t pitch = (static_cast<std::size_t>(width) + 63) / 64 * 64;
  float* samples = scratch.samples.get(3 * pitch);
  float* out[3] = {samples, samples + pitch, samples + 2 * pitch};
  const float unit = std::ldexp(1.0f, bits - 16), most = std::ldexp(1.0f, bits) - 1.0f;
  for (int y = y0; y < y1; ++y) {
    const Span x = columns_of(target.to_crop, target.box, y, width);
    if (x.begin >= x.end) continue;
    kernels().sample_row(target.sampler, target.count + 1, x.begin, x.end, y, out);
    for (int c = 0; c < target.count; ++c) {
      T* row = target.planes[c].row(y);
      const std::ptrdiff_t step = target.planes[c].step;
      for (int i = x.begin; i < x.end; ++i) {
        T& code = row[i * step];
        code = static_cast<T>(
            blend_code(static_cast<float>(code), out[0][i - x.begin], out[c + 1][i - x.begin], unit, most));
      }
    }
  }
}

template <class T>
class FaceBlend {
 public:
  FaceBlend(const BlendJob<T>& job, int size, FaceScratch& scratch)
      : job_(job), size_(size), scratch_(scratch) {}

  void run(float opacity) {
    if (std::abs(determinant(job_.to_coded)) < 1e-12) return;
    const Affine from_luma = inverse(job_.to_coded);
    const Affine to_chroma = compose(chroma_from_luma(job_.picture.color), job_.to_coded);
    const Affine from_chroma = inverse(to_chroma);
    for (const double part : {from_luma.xx, from_luma.xy, from_luma.yx, from_luma.yy}) {
      if (!(std::abs(part) <= kMaxScale)) return;  // the whole crop is smaller than a sample
    }
    premultiply(opacity);
    const Extent extent = extent_of(planes_[0], size_);
    if (extent.x.begin >= extent.x.end) return;
    Target<T> luma, chroma;
    luma.planes[0] = job_.picture.y;
    luma.count = 1;
    chroma.planes[0] = job_.picture.u;
    chroma.planes[1] = job_.picture.v;
    chroma.count = 2;
    prepare(luma, job_.to_coded, from_luma, extent, 1);
    prepare(chroma, to_chroma, from_chroma, extent, 2);
    const int luma_blocks = blocks(luma.rows), chroma_blocks = blocks(chroma.rows);
    const int bits = job_.picture.color.bits;
    parallel_for(luma_blocks + chroma_blocks, [&](int i) {
      const Target<T>& target = i < luma_blocks ? luma : chroma;
      const int y0 = target.rows.begin + (i < luma_blocks ? i : i - luma_blocks) * kBlockRows;
      blend_rows(target, bits, y0, std::min(target.rows.end, y0 + kBlockRows));
    });
  }

 private:
  static int blocks(const Span& rows) {
    return std::max(0, (rows.end - rows.begin + kBlockRows - 1) / kBlockRows);
  }

  void premultiply(float opacity) {
    const int area = size_ * size_;
    const std::size_t pitch =
        (static_cast<std::size_t>(area) + static_cast<std::size_t>(size_) + 63) / 64 * 64;
    std::uint16_t* memory = scratch_.planes.get(4 * pitch);
    for (std::size_t c = 0; c < 4; ++c) planes_[c] = memory + c * pitch;
    const YuvTransform color = yuv_transform(job_.picture.color);
    parallel_for((area + kBlockPixels - 1) / kBlockPixels, [&](int block) {
      const int start = block * kBlockPixels;
      PremultiplyParams p{};
      for (int c = 0; c < 3; ++c) p.rgb[c] = job_.face + static_cast<std::ptrdiff_t>(c) * area + start;
      p.mask = job_.mask + start;
      p.opacity = opacity;
      p.color = color;
      for (int c = 0; c < 4; ++c) p.out[c] = planes_[c] + start;
      p.count = std::min(kBlockPixels, area - start);
      kernels().premultiply(p);
    });
  }

  void prepare(Target<T>& target, const Affine& to_plane, const Affine& to_crop, const Extent& extent,
               int first) {
    const Footprint footprint = plan(to_crop);
    target.to_crop = to_crop;
    target.box = reach(extent, footprint, size_);
    target.rows = rows_of(to_plane, target.box, target.planes[0].height);
    WindowShape shape{footprint, 0, 0, size_, size_};
    const int index[3] = {0, first, first + 1};
    if (size_ >= 2 && footprint.log2_x == 0 && footprint.log2_y == 0) {
      target.sampler = window_sampler(to_crop, shape);
      for (int c = 0; c <= target.count; ++c) target.sampler.plane[c] = planes_[index[c]];
      return;
    }
    shape.cell_x0 = shape.cell_y0 = -1;
    shape.width = ((size_ - 1) >> footprint.log2_x) + 3;
    shape.height = ((size_ - 1) >> footprint.log2_y) + 3;
    target.sampler = window_sampler(to_crop, shape);
    const std::size_t pitch = static_cast<std::size_t>(shape.width) * static_cast<std::size_t>(shape.height);
    std::uint16_t* out = scratch_.reduced[first - 1].get(pitch * 3);
    for (int c = 0; c <= target.count; ++c) {
      const PlaneView<const std::uint16_t> plane{planes_[index[c]], size_, 1, size_, size_};
      std::uint16_t* to = out + pitch * static_cast<std::size_t>(c);
      fill_window(plane, 16, shape, Border::kBlack, 0, scratch_.row, to);
      target.sampler.plane[c] = to;
    }
  }

  const BlendJob<T>& job_;
  int size_;
  FaceScratch& scratch_;
  std::uint16_t* planes_[4] = {};
};

}  // namespace

template <class T>
void blend(const BlendJob<T>* jobs, int count, int size, float opacity) {
  thread_local FaceScratch scratch;
  for (int i = 0; i < count; ++i) require_sane(jobs[i].to_coded);
  for (int i = 0; i < count; ++i) FaceBlend<T>(jobs[i], size, scratch).run(opacity);
}

template void blend(const BlendJob<std::uint8_t>*, int, int, float);
template void blend(const BlendJob<std::uint16_t>*, int, int, float);

}  // namespace fs
