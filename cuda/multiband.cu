// Multi-band blending on the GPU (csrc/multiband.h): one launch halves all faces' planes by a level, one adds
// a level's band for all faces and channels.
#include <vector>

#include "../csrc/multiband.h"
#include "launch.cuh"
#include "seam.h"

namespace fs::cuda {
namespace {

constexpr int kTileX = 32, kTileY = 8;

// Planes of a level: of each face its support and three channels.
struct BandPlanes {
  Grid grid;
  float* cells;  // count x 4 planes: the support and the halved sums, which become means
  float* bands;  // count x 3 planes

  __host__ __device__ std::ptrdiff_t area() const {
    return static_cast<std::ptrdiff_t>(grid.width) * grid.height;
  }
  __device__ float* support(int face) const { return cells + 4 * face * area(); }
  __device__ float* mean(int face, int c) const { return cells + (4 * face + 1 + c) * area(); }
  __device__ float* band(int face, int c) const { return bands + (3 * face + c) * area(); }
};

__device__ int tile_x() { return static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x); }
__device__ int tile_y() { return static_cast<int>(blockIdx.y * blockDim.y + threadIdx.y); }

// The finest level: the support, and face less target where there is any.
__global__ void prepare_bands(FaceBatch batch, BandPlanes to) {
  const int x = tile_x(), y = tile_y(), face = static_cast<int>(blockIdx.z);
  if (!to.grid.holds(x, y)) return;
  const std::ptrdiff_t area = to.area(), at = y * to.grid.pitch + x;
  const bool covered = clamp_unit(batch.masks[face * area + at]) > 0.0f;
  to.support(face)[at] = covered ? 1.0f : 0.0f;
  for (int c = 0; c < 3; ++c) {
    const std::ptrdiff_t pixel = (3 * face + c) * area + at;
    to.mean(face, c)[at] = covered ? clamp_unit(batch.faces[pixel]) - clamp_unit(batch.targets[pixel]) : 0.0f;
  }
}

__global__ void halve_planes(BandPlanes from, BandPlanes to) {
  const int x = tile_x(), y = tile_y(), plane = static_cast<int>(blockIdx.z);
  if (!to.grid.holds(x, y)) return;
  to.cells[plane * to.area() + y * to.grid.pitch + x] =
      halved_cell(from.cells + plane * from.area(), from.grid, x, y);
}

// A level's band: that of the next level, enlarged, and what this level's mean has more than the next one's.
__global__ void add_band(BandPlanes level, BandPlanes next, bool is_last) {
  const int x = tile_x(), y = tile_y(), face = static_cast<int>(blockIdx.z) / 3;
  const int c = static_cast<int>(blockIdx.z) % 3;
  if (!level.grid.holds(x, y)) return;
  const std::ptrdiff_t at = y * level.grid.pitch + x;
  const float support = level.support(face)[at], mean = band_mean(level.mean(face, c)[at], support);
  const float coarse = is_last ? 0.0f : doubled_cell(next.mean(face, c), next.grid, x, y);
  const float band = is_last ? 0.0f : doubled_cell(next.band(face, c), next.grid, x, y);
  level.mean(face, c)[at] = mean;
  level.band(face, c)[at] = band + band_weight(support) * (mean - coarse);
}

__global__ void finish_bands(FaceBatch batch, BandPlanes from, float* out) {
  const int x = tile_x(), y = tile_y(), face = static_cast<int>(blockIdx.z) / 3;
  const int c = static_cast<int>(blockIdx.z) % 3;
  if (!from.grid.holds(x, y)) return;
  const std::ptrdiff_t at = y * from.grid.pitch + x, pixel = (3 * face + c) * from.area() + at;
  const bool covered = from.support(face)[at] > 0.0f;
  out[pixel] = covered ? clamp_unit(clamp_unit(batch.targets[pixel]) + from.band(face, c)[at])
                       : clamp_unit(batch.faces[pixel]);
}

dim3 tiles(const Grid& grid, int planes) {
  return {blocks_for(grid.width, kTileX), blocks_for(grid.height, kTileY), static_cast<unsigned>(planes)};
}

}  // namespace

void multiband(Call& call, const FaceBatch& batch, float* out) {
  const dim3 block(kTileX, kTileY);
  const int last = band_levels(batch.size);
  std::vector<BandPlanes> levels;
  for (int l = 0, side = batch.size; l <= last; ++l, side = halved(side)) {
    BandPlanes p{{side, side, side}, nullptr, nullptr};
    const auto all = static_cast<std::size_t>(batch.count) * static_cast<std::size_t>(p.area());
    p.cells = call.scratch<float>(4 * all);
    p.bands = call.scratch<float>(3 * all);
    levels.push_back(p);
  }
  const auto level = [&](int l) -> const BandPlanes& { return levels[static_cast<std::size_t>(l)]; };
  FS_LAUNCH(prepare_bands, tiles(level(0).grid, batch.count), block, 0, call.stream(), batch, level(0));
  for (int l = 0; l < last; ++l) {
    FS_LAUNCH(halve_planes, tiles(level(l + 1).grid, 4 * batch.count), block, 0, call.stream(), level(l),
              level(l + 1));
  }
  for (int l = last; l >= 0; --l) {
    FS_LAUNCH(add_band, tiles(level(l).grid, 3 * batch.count), block, 0, call.stream(), level(l),
              level(l < last ? l + 1 : l), l == last);
  }
  FS_LAUNCH(finish_bands, tiles(level(0).grid, 3 * batch.count), block, 0, call.stream(), batch, level(0),
            out);
}

}  // namespace fs::cuda
