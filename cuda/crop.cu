// The crop on the GPU: one launch copies and reduces all windows, one samples all crops. The arithmetic of a
// window cell and of a pixel is that of the CPU (window.h, crop.h).
#include "crop.h"

#include <algorithm>
#include <map>
#include <vector>

#include "../csrc/window.h"
#include "check.h"

namespace fs::cuda {
namespace {

constexpr int kTile = 16;

template <class T>
__global__ void fill_windows(const WindowFill<T>* fills) {
  const WindowFill<T>& p = fills[blockIdx.z];
  const int x = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  const int y = static_cast<int>(blockIdx.y * blockDim.y + threadIdx.y);
  if (x >= p.shape.width || y >= p.shape.height) return;
  const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(y) * p.shape.width + x;
  p.out[at] = window_cell(p, p.shape.cell_x0 + x, p.shape.cell_y0 + y);
}

__global__ void crop_pixels(const CropParams* crops) {
  const CropParams& p = crops[blockIdx.z];
  const int x = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  const int y = static_cast<int>(blockIdx.y * blockDim.y + threadIdx.y);
  if (x < p.size && y < p.size) crop_store<float>(p, x, y);
}

dim3 tiles(int width, int height, int depth) {
  const auto blocks = [](int n) { return static_cast<unsigned>((n + kTile - 1) / kTile); };
  return {blocks(width), blocks(height), static_cast<unsigned>(depth)};
}

// Planes in device memory, each uploaded once even when several faces are cut from it.
template <class T>
class Uploads {
 public:
  explicit Uploads(cudaStream_t stream) : stream_(stream) {}

  PlaneView<const T> view(const PlaneView<const T>& plane) {
    DeviceArray<T>& array = arrays_[plane.data];
    const auto width = static_cast<std::size_t>(plane.width), height = static_cast<std::size_t>(plane.height);
    if (array.size() == 0) {
      // Rows may run backwards and samples may be interleaved: they are packed here.
      std::vector<T> packed(width * height);
      T* to = packed.data();
      for (int y = 0; y < plane.height; ++y) {
        const T* row = plane.row(y);
        for (int x = 0; x < plane.width; ++x) *to++ = row[x * plane.step];
      }
      array = DeviceArray<T>(packed.data(), packed.size(), stream_);
      FS_CUDA(cudaStreamSynchronize(stream_));  // `packed` goes away
    }
    return {array.data(), plane.width, 1, plane.width, plane.height};
  }

 private:
  cudaStream_t stream_;
  std::map<const T*, DeviceArray<T>> arrays_;
};

// The windows of one face and the parameters of its crop; pointers into `windows` and `out` are set by
// place().
template <class T>
struct Face {
  WindowFill<T> fills[3];
  CropParams params;

  Face(const CropJob<T>& job, int size, Border border, Uploads<T>& uploads) : params{} {
    const ColorSpec& color = job.picture.color;
    const Affine to_chroma = compose(chroma_from_luma(color), job.to_coded);
    const PlaneView<const T>* planes[3] = {&job.picture.y, &job.picture.u, &job.picture.v};
    for (int c = 0; c < 3; ++c) {
      const Affine& map = c == 0 ? job.to_coded : to_chroma;
      const WindowShape shape = window_shape(map, planes[c]->width, planes[c]->height, 0, size, 0, size);
      const int black = (c == 0 ? black_luma(color) : kBlackChroma) >> (16 - color.bits);
      fills[c] = {uploads.view(*planes[c]), color.bits, shape, border, black, nullptr, nullptr};
    }
    params.luma = window_sampler(job.to_coded, fills[0].shape);
    params.chroma = window_sampler(to_chroma, fills[1].shape);
    params.color = yuv_transform(color);
    params.size = size;
  }

  std::size_t window_size() const {
    return fs::window_size(fills[0].shape) + 2 * fs::window_size(fills[1].shape);
  }

  std::uint16_t* place(std::uint16_t* windows, float* out) {
    for (WindowFill<T>& fill : fills) {
      fill.out = windows;
      windows += fs::window_size(fill.shape);
    }
    params.luma.plane[0] = fills[0].out;
    params.chroma.plane[0] = fills[1].out;
    params.chroma.plane[1] = fills[2].out;
    const std::ptrdiff_t area = static_cast<std::ptrdiff_t>(params.size) * params.size;
    for (int c = 0; c < 3; ++c) params.out[c] = out + c * area;
    return windows;
  }
};

}  // namespace

template <class T>
void crop(const CropJob<T>* jobs, int count, int size, Border border) {
  for (int n = 0; n < count; ++n) require_sane(jobs[n].to_coded);
  const Stream stream;
  Uploads<T> uploads(stream);
  std::vector<Face<T>> faces;
  std::size_t window_total = 0;
  for (int n = 0; n < count; ++n) {
    faces.emplace_back(jobs[n], size, border, uploads);
    window_total += faces.back().window_size();
  }
  const std::size_t face_floats = 3 * static_cast<std::size_t>(size) * static_cast<std::size_t>(size);
  const DeviceArray<std::uint16_t> windows(window_total);
  const DeviceArray<float> out(face_floats * static_cast<std::size_t>(count));
  std::vector<WindowFill<T>> fills;
  std::vector<CropParams> crops;
  std::uint16_t* window = windows.data();
  int widest = 0, highest = 0;
  for (std::size_t n = 0; n < faces.size(); ++n) {
    window = faces[n].place(window, out.data() + n * face_floats);
    crops.push_back(faces[n].params);
    for (const WindowFill<T>& fill : faces[n].fills) {
      fills.push_back(fill);
      widest = std::max(widest, fill.shape.width);
      highest = std::max(highest, fill.shape.height);
    }
  }
  const DeviceArray<WindowFill<T>> device_fills(fills.data(), fills.size(), stream);
  const DeviceArray<CropParams> device_crops(crops.data(), crops.size(), stream);
  const dim3 block(kTile, kTile);
  fill_windows<<<tiles(widest, highest, 3 * count), block, 0, stream>>>(device_fills.data());
  FS_CUDA(cudaGetLastError());
  crop_pixels<<<tiles(size, size, count), block, 0, stream>>>(device_crops.data());
  FS_CUDA(cudaGetLastError());
  for (int n = 0; n < count; ++n) {
    const float* from = out.data() + static_cast<std::size_t>(n) * face_floats;
    FS_CUDA(cudaMemcpyAsync(jobs[n].out, from, face_floats * sizeof(float), cudaMemcpyDeviceToHost, stream));
  }
  FS_CUDA(cudaStreamSynchronize(stream));
}

template void crop(const CropJob<std::uint8_t>*, int, int, Border);
template void crop(const CropJob<std::uint16_t>*, int, int, Border);

}  // namespace fs::cuda
