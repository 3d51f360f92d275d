// The crop on the GPU: one launch copies and reduces all windows, one samples all crops. The arithmetic of a
// window cell and of a pixel is that of the CPU (window.h, crop.h).
#include "crop.h"

#include <vector>

#include "launch.cuh"
#include "tones.h"
#include "windows.h"

namespace fs::cuda {
namespace {

constexpr int kTileX = 32, kTileY = 8;

__global__ void crop_tiles(const CropParams* crops) {
  const CropParams& p = crops[blockIdx.z];
  const int x = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  const int y = static_cast<int>(blockIdx.y * blockDim.y + threadIdx.y);
  if (x >= p.size || y >= p.size) return;
  float luma[1], chroma[2];
  sample<1>(p.luma, row_u(p.luma, y), row_v(p.luma, y), x, luma);
  sample<2>(p.chroma, row_u(p.chroma, y), row_v(p.chroma, y), x, chroma);
  const Triple<float> rgb = crop_rgb(p.color, luma[0], chroma[0], chroma[1]);
  const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(y) * p.size + x;
  const auto toned = [table = p.tone](float value) { return table == nullptr ? value : tone(table, value); };
  p.out[0][at] = toned(rgb.a);
  p.out[1][at] = toned(rgb.b);
  p.out[2][at] = toned(rgb.c);
}

// The windows of one face, added to `fills`, and the parameters of its crop.
template <class T>
CropParams plan_crop(Call& call, Tones& tones, const CropJob<T>& job, int size, Border border,
                     std::vector<WindowFill<T>>& fills) {
  const Picture<const T>& picture = job.picture;
  const Affine to_chroma = compose(chroma_from_luma(picture.color), job.to_coded);
  const PlaneView<const T>* planes[3] = {&picture.y, &picture.u, &picture.v};
  const int bits = picture.color.word_bits();
  const std::uint16_t* windows[3];
  CropParams p{};
  for (int c = 0; c < 3; ++c) {
    const Affine& map = c == 0 ? job.to_coded : to_chroma;
    const WindowShape shape = window_shape(map, planes[c]->width, planes[c]->height, 0, size, 0, size);
    const int black = (c == 0 ? black_luma(picture.color) : black_chroma(picture.color)) >> (16 - bits);
    auto* window = call.scratch<std::uint16_t>(window_size(shape));
    fills.push_back({*planes[c], bits, shape, border, black, window, nullptr});
    windows[c] = window;
    if (c < 2) (c == 0 ? p.luma : p.chroma) = window_sampler(map, shape);
  }
  p.luma.plane[0] = windows[0];
  p.chroma.plane[0] = windows[1];
  p.chroma.plane[1] = windows[2];
  p.color = yuv_transform(picture.color);
  p.tone = tones.to_sdr(picture.color.transfer);
  p.size = size;
  const std::ptrdiff_t area = static_cast<std::ptrdiff_t>(size) * size;
  for (int c = 0; c < 3; ++c) p.out[c] = job.out + c * area;
  return p;
}

}  // namespace

template <class T>
void crop(const CropJob<T>* jobs, int count, int size, Border border, Stream& stream) {
  for (int n = 0; n < count; ++n) require_sane(jobs[n].to_coded);
  Call call(stream);
  Tones tones(call);
  std::vector<WindowFill<T>> fills;
  std::vector<CropParams> crops;
  for (int n = 0; n < count; ++n) crops.push_back(plan_crop(call, tones, jobs[n], size, border, fills));
  fill_windows(call, fills);
  const dim3 grid(blocks_for(size, kTileX), blocks_for(size, kTileY), static_cast<unsigned>(count));
  FS_LAUNCH(crop_tiles, grid, dim3(kTileX, kTileY), 0, call.stream(), call.send(crops));
}

template void crop(const CropJob<std::uint8_t>*, int, int, Border, Stream&);
template void crop(const CropJob<std::uint16_t>*, int, int, Border, Stream&);

}  // namespace fs::cuda
