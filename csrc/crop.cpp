#include "crop.h"

#include <algorithm>

#include "kernels.h"
#include "parallel.h"
#include "window.h"

namespace fs {
namespace {

constexpr int kBlockRows = 64;

struct Scratch {
  Buffer<std::uint32_t> sums;
  Buffer<std::uint16_t> luma, chroma[2];
};

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
  p.size = size;
  const std::size_t area = static_cast<std::size_t>(size) * static_cast<std::size_t>(size);
  for (int c = 0; c < 3; ++c) p.out[c] = job.out + area * static_cast<std::size_t>(c);
  const auto fill = [&](const PlaneView<const T>& plane, const WindowShape& shape, int black,
                        Buffer<std::uint16_t>& to) {
    std::uint16_t* out =
        to.get(static_cast<std::size_t>(shape.width) * static_cast<std::size_t>(shape.height));
    std::uint32_t* sums = scratch.sums.get(2 * window_scratch(shape));
    kernels().fill_window(WindowFill<T>{plane, color.bits, shape, border, black, out, sums});
    return out;
  };
  p.luma.plane[0] = fill(job.picture.y, luma, black_luma(color) >> (16 - color.bits), scratch.luma);
  p.chroma.plane[0] = fill(job.picture.u, chroma, kBlackChroma >> (16 - color.bits), scratch.chroma[0]);
  p.chroma.plane[1] = fill(job.picture.v, chroma, kBlackChroma >> (16 - color.bits), scratch.chroma[1]);
  kernels().crop_rows(p, y0, y1);
}

}  // namespace

template <class T>
void crop(const CropJob<T>* jobs, int count, int size, Border border) {
  for (int i = 0; i < count; ++i) require_sane(jobs[i].to_coded);
  const int blocks = (size + kBlockRows - 1) / kBlockRows;
  parallel_for(count * blocks, [&](int i) {
    const int y0 = i % blocks * kBlockRows;
    crop_block(jobs[i / blocks], size, border, y0, std::min(size, y0 + kBlockRows));
  });
}

template void crop(const CropJob<std::uint8_t>*, int, int, Border);
template void crop(const CropJob<std::uint16_t>*, int, int, Border);

}  // namespace fs
