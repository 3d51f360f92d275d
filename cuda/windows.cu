#include "windows.h"

#include <algorithm>

#include "launch.cuh"

namespace fs::cuda {
namespace {

constexpr int kTileX = 32, kTileY = 8;

template <class T>
__global__ void fill_cells(const WindowFill<T>* fills) {
  const WindowFill<T>& p = fills[blockIdx.z];
  const int x = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  const int y = static_cast<int>(blockIdx.y * blockDim.y + threadIdx.y);
  if (x >= p.shape.width || y >= p.shape.height) return;
  const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(y) * p.shape.width + x;
  p.out[at] = window_cell(p, p.shape.cell_x0 + x, p.shape.cell_y0 + y);
}

}  // namespace

template <class T>
void fill_windows(Call& call, const std::vector<WindowFill<T>>& fills) {
  int widest = 0, highest = 0;
  for (const WindowFill<T>& fill : fills) {
    widest = std::max(widest, fill.shape.width);
    highest = std::max(highest, fill.shape.height);
  }
  const dim3 grid(blocks_for(widest, kTileX), blocks_for(highest, kTileY),
                  static_cast<unsigned>(fills.size()));
  FS_LAUNCH(fill_cells<T>, grid, dim3(kTileX, kTileY), 0, call.stream(), call.send(fills));
}

template void fill_windows(Call&, const std::vector<WindowFill<std::uint8_t>>&);
template void fill_windows(Call&, const std::vector<WindowFill<std::uint16_t>>&);

}  // namespace fs::cuda
