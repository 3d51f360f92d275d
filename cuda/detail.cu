#include "detail.h"

#include "../csrc/lanes.h"
#include "launch.cuh"
#include "median.cuh"
#include "reduce.cuh"

namespace fs::cuda {
namespace {

constexpr int kThreads = 256, kWarps = kThreads / kWarpSize;
constexpr float kMedianScale = 8192.0f;  // bins for a magnitude of 1

__device__ int pixel() { return static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x); }

__global__ void take_luma(const float* pictures, int area, float* out) {
  const int at = pixel();
  if (at >= area) return;
  const float* p = pictures + 3 * static_cast<std::ptrdiff_t>(blockIdx.z) * area + at;
  out[static_cast<std::ptrdiff_t>(blockIdx.z) * area + at] =
      luma_of(clamp_unit(p[0]), clamp_unit(p[area]), clamp_unit(p[2 * static_cast<std::ptrdiff_t>(area)]));
}

// One smoothing, along both axes at once; beyond the edges lies the nearest pixel.
__global__ void smooth(const float* in, int size, int hole, float* out) {
  const int at = pixel(), area = size * size;
  if (at >= area) return;
  const int x = at % size, y = at / size, last = size - 1;
  const float* plane = in + static_cast<std::ptrdiff_t>(blockIdx.z) * area;
  const int rows[3] = {y > hole ? y - hole : 0, y, y + hole < last ? y + hole : last};
  const int columns[3] = {x > hole ? x - hole : 0, x, x + hole < last ? x + hole : last};
  float line[3];
  for (int i = 0; i < 3; ++i) {
    line[i] = smoothed(plane[rows[0] * size + columns[i]], plane[rows[1] * size + columns[i]],
                       plane[rows[2] * size + columns[i]]);
  }
  out[static_cast<std::ptrdiff_t>(blockIdx.z) * area + at] = smoothed(line[0], line[1], line[2]);
}

// Luma and its smoothings of a batch, kBands + 1 planes of count x size x size.
struct Bands {
  float* plane[kBands + 1];
};

Bands bands_of(Call& call, const float* pictures, int count, int size) {
  Bands bands{};
  const int area = size * size;
  for (float*& plane : bands.plane)
    plane = call.scratch<float>(static_cast<std::size_t>(count) * static_cast<std::size_t>(area));
  const dim3 grid(blocks_for(area, kThreads), 1, static_cast<unsigned>(count));
  FS_LAUNCH(take_luma, grid, dim3(kThreads), 0, call.stream(), pictures, area, bands.plane[0]);
  for (int band = 0; band < kBands; ++band) {
    FS_LAUNCH(smooth, grid, dim3(kThreads), 0, call.stream(), bands.plane[band], size, 1 << band,
              bands.plane[band + 1]);
  }
  return bands;
}

// One block measures one band of one picture.
__global__ void measure_band(Bands bands, const float* masks, int area, double* out) {
  __shared__ unsigned bins[kMedianBins];
  const int band = static_cast<int>(blockIdx.x), picture = static_cast<int>(blockIdx.z);
  const std::ptrdiff_t first = static_cast<std::ptrdiff_t>(picture) * area;
  const float *fine = bands.plane[band] + first, *coarse = bands.plane[band + 1] + first;
  for (int i = static_cast<int>(threadIdx.x); i < kMedianBins; i += kThreads) bins[i] = 0;
  __syncthreads();
  double sums[2] = {0.0, 0.0};  // weight, energy
  for (int i = static_cast<int>(threadIdx.x); i < area; i += kThreads) {
    const float weight = clamp_unit(masks[first + i]);
    if (!(weight > 0.0f)) continue;
    const float detail = fine[i] - coarse[i];
    sums[0] += static_cast<double>(weight);
    sums[1] += static_cast<double>(weight) * static_cast<double>(detail) * static_cast<double>(detail);
    if (weight > 0.5f)
      atomicAdd(&bins[lower(static_cast<int>(fabsf(detail) * kMedianScale), kMedianBins - 1)], 1u);
  }
  block_sums<2, kWarps>(sums);  // its barrier is also the histogram's
  if (threadIdx.x != 0) return;
  const Median m = find_median(bins);
  const double noise = m.here > 0 ? (m.bin + m.part) / static_cast<double>(kMedianScale) / 0.6745 : 0.0;
  double* to = out + static_cast<std::ptrdiff_t>(picture) * kDetailNumbers;
  if (band == 0) to[0] = sums[0];
  to[1 + 2 * band] = sums[1];
  to[2 + 2 * band] = noise * noise * sums[0];
}

__global__ void add_bands(const float* pictures, Bands bands, const float* gains, int area, float* out) {
  const int at = pixel();
  if (at >= area) return;
  const std::ptrdiff_t plane = static_cast<std::ptrdiff_t>(blockIdx.z) * area + at;
  const float luma = bands.plane[0][plane], first = bands.plane[1][plane], second = bands.plane[2][plane];
  const float detail[kBands] = {luma - first, first - second};
  const float gain[kBands] = {gains[blockIdx.z * kBands], gains[blockIdx.z * kBands + 1]};
  const float more = sharpening(detail, gain);
  for (int c = 0; c < 3; ++c) {
    const std::ptrdiff_t to = (3 * static_cast<std::ptrdiff_t>(blockIdx.z) + c) * area + at;
    out[to] = clamp_unit(pictures[to] + more);
  }
}

__global__ void blur(const float* faces, const float* masks, const MotionParams* motions, int size,
                     float* out) {
  const int at = pixel(), area = size * size;
  if (at >= area) return;
  const std::ptrdiff_t first = 3 * static_cast<std::ptrdiff_t>(blockIdx.z) * area;
  const MotionParams& p = motions[blockIdx.z];
  const bool moves = p.taps > 1 && masks[static_cast<std::ptrdiff_t>(blockIdx.z) * area + at] > 0.0f;
  float mean[3];
  if (moves) {
    const float u = static_cast<float>(at % size) + 0.5f, v = static_cast<float>(at / size) + 0.5f;
    blurred(p, faces + first, size, u, v, mean);
  }
  for (int c = 0; c < 3; ++c) {
    const std::ptrdiff_t to = first + static_cast<std::ptrdiff_t>(c) * area + at;
    out[to] = moves ? mean[c] : faces[to];
  }
}

static_assert(kBands == 2, "the kernels name both bands");

}  // namespace

void detail_statistics(Call& call, const float* pictures, const float* masks, int count, int size,
                       double* out) {
  const Bands bands = bands_of(call, pictures, count, size);
  FS_LAUNCH(measure_band, dim3(kBands, 1, static_cast<unsigned>(count)), dim3(kThreads), 0, call.stream(),
            bands, masks, size * size, out);
}

void sharpen(Call& call, const float* pictures, const float* gains, int count, int size, float* out) {
  const Bands bands = bands_of(call, pictures, count, size);
  const dim3 grid(blocks_for(size * size, kThreads), 1, static_cast<unsigned>(count));
  FS_LAUNCH(add_bands, grid, dim3(kThreads), 0, call.stream(), pictures, bands,
            call.send(gains, static_cast<std::size_t>(kBands) * static_cast<std::size_t>(count)), size * size,
            out);
}

void motion_blur(Call& call, const float* faces, const float* masks, const std::vector<MotionParams>& motions,
                 int size, float* out) {
  const dim3 grid(blocks_for(size * size, kThreads), 1, static_cast<unsigned>(motions.size()));
  FS_LAUNCH(blur, grid, dim3(kThreads), 0, call.stream(), faces, masks, call.send(motions), size, out);
}

}  // namespace fs::cuda
