// The membrane's coarse levels: one block solves one channel of one face, all levels in its shared memory.
#include "launch.cuh"
#include "membrane.cuh"

namespace fs::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kLevels = 6;  // sides of 32, 16, 8, 4, 2 and 1
constexpr int kCells = 1024 + 256 + 64 + 16 + 4 + 1;
constexpr int kEach = kCoarseSide * kCoarseSide / kThreads;  // most cells of a level for one thread

// Cells of all levels one after the other. A cell's weight becomes its diagonal.
struct Coarse {
  float diagonal[kCells], within[kCells], inverse[kCells], share[kCells], x[kCells], b[kCells];
  Grid grid[kLevels];
  int first[kLevels];
  int last;
};

template <class Body>
__device__ void each_cell(const Grid& g, const Body& body) {
  for (int i = static_cast<int>(threadIdx.x); i < g.width * g.height; i += kThreads) {
    body(i % g.width, i / g.width, i);
  }
}

// The levels' sizes, by one thread.
__device__ void lay_out(Coarse& s, int side) {
  int first = 0;
  for (int l = 0; l < kLevels; ++l) {
    s.grid[l] = {side, side, side};
    s.first[l] = first;
    s.last = l;
    first += side * side;
    if (side == 1) break;
    side = halved(side);
  }
}

// The equations of all levels, from the finest's weights.
__device__ void make_equations(Coarse& s) {
  for (int l = 0; l < s.last; ++l) {
    const int fine = s.first[l], to = s.first[l + 1];
    each_cell(s.grid[l + 1], [&](int x, int y, int i) {
      s.diagonal[to + i] = summed_cell(s.diagonal + fine, s.grid[l], x, y);
      s.within[to + i] = lower(summed_cell(s.within + fine, s.grid[l], x, y), 1.0f);
    });
    __syncthreads();
  }
  for (int l = 0; l <= s.last; ++l) {
    const int first = s.first[l];
    each_cell(s.grid[l], [&](int x, int y, int i) {
      const float within = s.within[first + i], weight = s.diagonal[first + i];
      const float diagonal = membrane_diagonal(within, neighbours(s.within + first, s.grid[l], x, y), weight);
      s.diagonal[first + i] = diagonal;
      s.inverse[first + i] = membrane_inverse(diagonal);
    });
  }
  __syncthreads();
  for (int l = 0; l < s.last; ++l) {
    const int first = s.first[l], next = s.first[l + 1];
    each_cell(s.grid[l], [&](int x, int y, int i) {
      const float reached = doubled_cell(s.within + next, s.grid[l + 1], x, y);
      s.share[first + i] = s.inverse[first + i] > 0.0f ? membrane_inverse(reached) : 0.0f;
    });
  }
  __syncthreads();
}

__device__ void relax(Coarse& s, int l, float damping) {
  const Grid& g = s.grid[l];
  const int first = s.first[l], count = g.width * g.height;
  float made[kEach];
#pragma unroll
  for (int k = 0; k < kEach; ++k) {
    const int i = static_cast<int>(threadIdx.x) + k * kThreads;
    if (i >= count) continue;
    const float around = neighbours(s.x + first, g, i % g.width, i / g.width);
    made[k] = relaxed(s.x[first + i], around, s.b[first + i], s.inverse[first + i], damping);
  }
  __syncthreads();
#pragma unroll
  for (int k = 0; k < kEach; ++k) {
    const int i = static_cast<int>(threadIdx.x) + k * kThreads;
    if (i < count) s.x[first + i] = made[k];
  }
  __syncthreads();
}

// b of the next level from what is left, and its x = 0.
__device__ void sum_rest(Coarse& s, int l) {
  const int fine = s.first[l], to = s.first[l + 1];
  each_cell(s.grid[l + 1], [&](int x, int y, int i) {
    float sum = 0.0f;
    for (int k = 0; k < 4; ++k) {
      const int column = 2 * x + k % 2, row = 2 * y + k / 2;
      if (!s.grid[l].holds(column, row)) continue;
      const int at = fine + row * s.grid[l].width + column;
      sum += residual(s.x[at], neighbours(s.x + fine, s.grid[l], column, row), s.b[at], s.diagonal[at],
                      s.inverse[at]);
    }
    s.b[to + i] = sum;
    s.x[to + i] = 0.0f;
  });
  __syncthreads();
}

__device__ void enlarge(Coarse& s, int l, bool adds) {
  const int first = s.first[l], next = s.first[l + 1];
  each_cell(s.grid[l], [&](int x, int y, int i) {
    const float more = s.share[first + i] * doubled_cell(s.x + next, s.grid[l + 1], x, y);
    s.x[first + i] = adds ? s.x[first + i] + more : more;
  });
  __syncthreads();
}

__device__ void cycle(Coarse& s, int top) {
  for (int l = top; l < s.last; ++l) {
    relax(s, l, kBefore);
    relax(s, l, kThen);
    sum_rest(s, l);
  }
  if (threadIdx.x == 0) s.x[s.first[s.last]] = s.inverse[s.first[s.last]] * s.b[s.first[s.last]];
  __syncthreads();
  for (int l = s.last - 1; l >= top; --l) {
    enlarge(s, l, true);
    relax(s, l, kAfter);
  }
}

__device__ void full(Coarse& s) {
  for (int l = 0; l < s.last; ++l) {
    const int fine = s.first[l], to = s.first[l + 1];
    each_cell(s.grid[l + 1],
              [&](int x, int y, int i) { s.b[to + i] = summed_cell(s.b + fine, s.grid[l], x, y); });
    __syncthreads();
  }
  for (int l = s.last; l >= 0; --l) {
    if (l < s.last) enlarge(s, l, false);
    cycle(s, l);
  }
}

__global__ void coarse_levels(MembranePlanes p, CoarseWork work) {
  __shared__ Coarse s;
  if (threadIdx.x == 0) lay_out(s, p.grid.width);
  const std::ptrdiff_t face = blockIdx.x / 3 * p.area(), plane = blockIdx.x * p.area();
  const int count = p.grid.width * p.grid.height;
  for (int i = static_cast<int>(threadIdx.x); i < count; i += kThreads) {
    s.diagonal[i] = p.weight[face + i];
    s.within[i] = p.within[face + i];
    s.b[i] = p.b[plane + i];
    s.x[i] = 0.0f;
  }
  __syncthreads();
  make_equations(s);
  if (work == CoarseWork::kFromZero) {
    cycle(s, 0);
  } else {
    // The right sides of the coarser levels are overwritten as cycles go down, which full() reckons with:
    // each level's first cycle starts from its own.
    full(s);
    if (work == CoarseWork::kFullTwice) cycle(s, 0);
  }
  for (int i = static_cast<int>(threadIdx.x); i < count; i += kThreads) p.x[plane + i] = s.x[i];
}

}  // namespace

void solve_coarse(Call& call, const MembranePlanes& level, int planes, CoarseWork work) {
  FS_LAUNCH(coarse_levels, dim3(static_cast<unsigned>(planes)), dim3(kThreads), 0, call.stream(), level,
            work);
}

}  // namespace fs::cuda
