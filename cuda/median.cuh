// Medians from histograms that a block has counted in shared memory.
#pragma once

#include <cuda_runtime.h>

namespace fs::cuda {

inline constexpr int kMedianBins = 4096;

struct Median {
  int bin, here;   // the bin that holds it, and its entries
  double part;     // how far into these it lies, 0..1
  unsigned total;  // what was counted
};

// By one thread, after a barrier. here is 0 when nothing was counted.
__device__ inline Median find_median(const unsigned* bins) {
  unsigned total = 0;
  for (int i = 0; i < kMedianBins; ++i) total += bins[i];
  const double half = 0.5 * total;
  double below = 0.0;
  for (int i = 0; i < kMedianBins && total > 0; ++i) {
    if (bins[i] > 0 && below + bins[i] >= half)
      return {i, static_cast<int>(bins[i]), (half - below) / bins[i], total};
    below += bins[i];
  }
  return {0, 0, 0.0, total};
}

}  // namespace fs::cuda
