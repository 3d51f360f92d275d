#include "crop.h"

#include <algorithm>
#include <cmath>

#include "kernels.h"
#include "parallel.h"
#include "tone.h"
#include "window.h"

namespace fs {
namespace {

constexpr int kBlockRows = 64;
// Waking a thread costs about as much as half a block of the face models' input: a single one of those (3
// blocks) is cut by its caller alone.
constexpr int kBlocksAThread = 2;

struct Scratch {
  Buffer<std::uint32_t> sums;
  Buffer<std::uint16_t> luma, chroma[2], both;
};

// How far a footprint reaches from its middle, in luma samples: taps, a reduced cell, interpolation.
double reach_of(double tap_1, double tap_2, const Footprint& f, int log2, int log2_sub) {
  const double spread = 0.5 * ((f.count_1 - 1) * std::abs(tap_1) + (f.count_2 - 1) * std::abs(tap_2));
  return std::ldexp(spread + 2.0 * (1 << log2) + 1.0, log2_sub);
}

CropLimits limits_of(const WindowShape& luma, const WindowShape& chroma, const ColorSpec& color, int width,
                     int height) {
  const Footprint &l = luma.footprint, &c = chroma.footprint;
  const double x = std::max(reach_of(l.tap_1x, l.tap_2x, l, l.log2_x, 0),
                            reach_of(c.tap_1x, c.tap_2x, c, c.log2_x, color.log2_sub_x));
  const double y = std::max(reach_of(l.tap_1y, l.tap_2y, l, l.log2_y, 0),
                            reach_of(c.tap_1y, c.tap_2y, c, c.log2_y, color.log2_sub_y));
  const auto u = [&](double at) {
    return static_cast<float>(std::ldexp(at, -l.log2_x) - 0.5 - luma.cell_x0);
  };
  const auto v = [&](double at) {
    return static_cast<float>(std::ldexp(at, -l.log2_y) - 0.5 - luma.cell_y0);
  };
  return {u(-x), u(width + x), v(-y), v(height + y)};
}

// Rows y0..y1-1 of one crop. The block copies its own windows, so they stay in the cache of the thread that
// reads them.
template <class T>
void crop_block(const CropJob<T>& job, int size, Border border, int y0, int y1) {
  thread_local Scratch scratch;
  const ColorSpec& color = job.picture.color;
  const Affine to_chroma = compose(chroma_from_luma(color), job.to_coded);
  const WindowShape luma =
      window_shape(job.to_coded, job.picture.y.width, job.picture.y.height, 0, size, y0, y1);
  const WindowShape chroma =
      window_shape(to_chroma, job.picture.u.width, job.picture.u.height, 0, size, y0, y1);
  CropParams p{};
  p.luma = window_sampler(job.to_coded, luma);
  p.chroma = window_sampler(to_chroma, chroma);
  p.color = yuv_transform(color);
  if (const ToneTables* tables = tone_tables(color.transfer)) p.tone = tables->to_sdr;
  p.size = size;
  p.skips = border == Border::kBlack;
  p.limits = limits_of(luma, chroma, color, job.picture.y.width, job.picture.y.height);
  const std::size_t area = static_cast<std::size_t>(size) * static_cast<std::size_t>(size);
  for (int c = 0; c < 3; ++c) p.out[c] = job.out + area * static_cast<std::size_t>(c);
  const auto fill = [&](const PlaneView<const T>& plane, const WindowShape& shape, int black,
                        Buffer<std::uint16_t>& to) {
    std::uint16_t* out = to.get(window_size(shape));
    std::uint32_t* sums = scratch.sums.get(2 * window_scratch(shape));
    kernels().fill_window(WindowFill<T>{plane, color.word_bits(), shape, border, black, out, sums});
    return out;
  };
  const int spare = 16 - color.word_bits(), black = black_chroma(color) >> spare;
  p.luma.plane[0] = fill(job.picture.y, luma, black_luma(color) >> spare, scratch.luma);
  const std::uint16_t* u = fill(job.picture.u, chroma, black, scratch.chroma[0]);
  const std::uint16_t* v = fill(job.picture.v, chroma, black, scratch.chroma[1]);
  p.chroma.plane[0] = u;
  p.chroma.plane[1] = v;
  if (!p.chroma.paired) {  // one load for both planes
    std::uint16_t* both = scratch.both.get(2 * window_size(chroma));
    kernels().zip(u, v, both, chroma.width * chroma.height);
    p.chroma.plane[0] = both;
    p.chroma.in_turns = true;
  }
  kernels().crop_rows(p, y0, y1);
}

}  // namespace

template <class T>
void crop(const CropJob<T>* jobs, int count, int size, Border border) {
  for (int i = 0; i < count; ++i) require_sane(jobs[i].to_coded);
  const int blocks = (size + kBlockRows - 1) / kBlockRows;
  parallel_for(
      count * blocks,
      [&](int i) {
        const int y0 = i % blocks * kBlockRows;
        crop_block(jobs[i / blocks], size, border, y0, std::min(size, y0 + kBlockRows));
      },
      kBlocksAThread);
}

template void crop(const CropJob<std::uint8_t>*, int, int, Border);
template void crop(const CropJob<std::uint16_t>*, int, int, Border);

}  // namespace fs
