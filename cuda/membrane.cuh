// The membrane's grids in device memory; see csrc/poisson.h.
#pragma once

#include "../csrc/poisson.h"
#include "seam.h"

namespace fs::cuda {

// Levels of at most this side are solved by one block in shared memory.
inline constexpr int kCoarseSide = 32;
// As in csrc/poisson.cpp: Chebyshev's points for the errors that the coarser level cannot see.
inline constexpr float kBefore = 0.565693f, kThen = 1.577128f, kAfter = 0.833333f;

// One level of all faces: `weight` to `share` are planes for each face, x, spare and b for each face and
// channel.
struct MembranePlanes {
  Grid grid;
  float *weight, *within, *diagonal, *inverse, *share;
  float *x, *spare, *b;

  __host__ __device__ std::ptrdiff_t area() const {
    return static_cast<std::ptrdiff_t>(grid.width) * grid.height;
  }
};

// Sum of the four neighbours; what lies outside the grid is 0. (The CPU keeps zeros around its cells
// instead.)
FS_HD float neighbours(const float* x, const Grid& g, int column, int row) {
  const float* at = x + row * g.pitch + column;
  const auto beside = [&](int dx, int dy) {
    return g.holds(column + dx, row + dy) ? at[dy * g.pitch + dx] : 0.0f;
  };
  return (beside(-1, 0) + beside(1, 0)) + (beside(0, -1) + beside(0, 1));
}

enum class CoarseWork {
  kFull,       // from b alone, by full multigrid
  kFullTwice,  // the same and one cycle more: what the finest level gets
  kFromZero,   // one cycle from x = 0
};

// The likely colours of a batch's faces and targets in turns: 2 x count clouds; see `trust`.
const ColorCloud* likely_colors(Call& call, const FaceBatch& batch, const FrameMap* frames);

// Solves a level of at most kCoarseSide from its weights and b into its x, for all faces and channels.
void solve_coarse(Call& call, const MembranePlanes& level, int planes, CoarseWork work);

}  // namespace fs::cuda
