// Sums over the threads of a block.
#pragma once

#include <cuda_runtime.h>

namespace fs::cuda {

inline constexpr int kWarpSize = 32;

// The sum over a warp, in its first thread.
__device__ inline double warp_sum(double value) {
  for (unsigned step = kWarpSize / 2; step > 0; step /= 2) value += __shfl_down_sync(~0u, value, step);
  return value;
}

// sums[k] += over all threads of a block of kWarps warps; the result is in `sums` of the first warp's first
// thread. All threads must take part. The order is always the same.
template <int kCount, int kWarps>
__device__ void block_sums(double (&sums)[kCount]) {
  __shared__ double parts[kWarps][kCount];
  const int thread = static_cast<int>(threadIdx.x), lane = thread % kWarpSize, warp = thread / kWarpSize;
  for (int k = 0; k < kCount; ++k) {
    const double sum = warp_sum(sums[k]);
    if (lane == 0) parts[warp][k] = sum;
  }
  __syncthreads();
  for (int k = 0; k < kCount && thread == 0; ++k) {
    sums[k] = 0.0;
    for (int w = 0; w < kWarps; ++w) sums[k] += parts[w][k];
  }
}

}  // namespace fs::cuda
