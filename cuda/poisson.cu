// Poisson blending on the GPU: full multigrid as in csrc/poisson.cpp, each step one launch for all faces and
// channels. The coarse levels, where launches would cost more than their work, are one launch together
// (poisson_coarse.cu).
#include <utility>
#include <vector>

#include "launch.cuh"
#include "membrane.cuh"
#include "seam.h"

namespace fs::cuda {
namespace {

constexpr int kTileX = 32, kTileY = 8;

__device__ int tile_x() { return static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x); }
__device__ int tile_y() { return static_cast<int>(blockIdx.y * blockDim.y + threadIdx.y); }

// The finest level's weights and right sides, one face a plane.
__global__ void prepare_membrane(FaceBatch batch, const FrameMap* frames, const ColorCloud* colors,
                                 float stiffness, MembranePlanes to) {
  const int x = tile_x(), y = tile_y(), face = static_cast<int>(blockIdx.z);
  const Grid& g = to.grid;
  if (!g.holds(x, y)) return;
  const std::ptrdiff_t area = to.area(), at = y * g.pitch + x;
  const float* mask = batch.masks + face * area;
  const auto alpha_at = [&](int column, int row) {
    return g.holds(column, row) ? clamp_unit(mask[row * g.pitch + column]) : 0.0f;
  };
  const float alpha = alpha_at(x, y);
  const float least =
      lower(lower(alpha_at(x - 1, y), alpha_at(x + 1, y)), lower(alpha_at(x, y - 1), alpha_at(x, y + 1)));
  const FrameMap& f = frames[face];
  const float fx = static_cast<float>(x), fy = static_cast<float>(y);
  const float inside = inside_frame(fmadd(fx, f.u_x, f.u0 + f.u_y * fy), fmadd(fx, f.v_x, f.v0 + f.v_y * fy),
                                    f.width, f.height);
  const float hold = membrane_weight(alpha, least, inside, stiffness);
  const std::ptrdiff_t first = 3 * face * area + at;
  const auto color_of = [&](const float* rgb) {
    return Triple<float>{clamp_unit(rgb[first]), clamp_unit(rgb[first + area]),
                         clamp_unit(rgb[first + 2 * area])};
  };
  const Triple<float> drawn = color_of(batch.faces), target = color_of(batch.targets);
  const float weight = hold * (trust(colors[2 * face], drawn) * trust(colors[2 * face + 1], target));
  to.weight[face * area + at] = weight;
  to.within[face * area + at] = alpha > 0.0f ? 1.0f : 0.0f;
  to.b[first] = weight * (target.a - drawn.a);
  to.b[first + area] = weight * (target.b - drawn.b);
  to.b[first + 2 * area] = weight * (target.c - drawn.c);
}

__global__ void make_equation(MembranePlanes p) {
  const int x = tile_x(), y = tile_y();
  if (!p.grid.holds(x, y)) return;
  const std::ptrdiff_t plane = blockIdx.z * p.area(), at = plane + y * p.grid.pitch + x;
  const float diagonal =
      membrane_diagonal(p.within[at], neighbours(p.within + plane, p.grid, x, y), p.weight[at]);
  p.diagonal[at] = diagonal;
  p.inverse[at] = membrane_inverse(diagonal);
}

// The next level's weights: a cell lies in the mask where any cell does that it covers.
__global__ void coarsen_weights(MembranePlanes fine, MembranePlanes to) {
  const int x = tile_x(), y = tile_y();
  if (!to.grid.holds(x, y)) return;
  const std::ptrdiff_t from = blockIdx.z * fine.area(), at = blockIdx.z * to.area() + y * to.grid.pitch + x;
  to.weight[at] = summed_cell(fine.weight + from, fine.grid, x, y);
  to.within[at] = lower(summed_cell(fine.within + from, fine.grid, x, y), 1.0f);
}

__global__ void make_share(MembranePlanes fine, MembranePlanes coarse) {
  const int x = tile_x(), y = tile_y();
  if (!fine.grid.holds(x, y)) return;
  const std::ptrdiff_t at = blockIdx.z * fine.area() + y * fine.grid.pitch + x;
  const float reached = doubled_cell(coarse.within + blockIdx.z * coarse.area(), coarse.grid, x, y);
  fine.share[at] = fine.inverse[at] > 0.0f ? membrane_inverse(reached) : 0.0f;
}

__global__ void sum_right_sides(MembranePlanes fine, MembranePlanes to) {
  const int x = tile_x(), y = tile_y();
  if (!to.grid.holds(x, y)) return;
  to.b[blockIdx.z * to.area() + y * to.grid.pitch + x] =
      summed_cell(fine.b + blockIdx.z * fine.area(), fine.grid, x, y);
}

// spare = a damped Jacobi step from x.
__global__ void relax(MembranePlanes p, float damping) {
  const int x = tile_x(), y = tile_y();
  if (!p.grid.holds(x, y)) return;
  const std::ptrdiff_t cell = y * p.grid.pitch + x, plane = blockIdx.z * p.area(), at = plane + cell;
  const float inverse = p.inverse[blockIdx.z / 3 * p.area() + cell];
  p.spare[at] = relaxed(p.x[at], neighbours(p.x + plane, p.grid, x, y), p.b[at], inverse, damping);
}

// What is left of b, as the next level's b; and the next level's x is 0.
__global__ void sum_rest(MembranePlanes fine, MembranePlanes to) {
  const int x = tile_x(), y = tile_y();
  if (!to.grid.holds(x, y)) return;
  const std::ptrdiff_t plane = blockIdx.z * fine.area(), numbers = blockIdx.z / 3 * fine.area();
  const float* values = fine.x + plane;
  float sum = 0.0f;
  for (int row = 2 * y; row < 2 * y + 2; ++row) {
    for (int column = 2 * x; column < 2 * x + 2; ++column) {
      if (!fine.grid.holds(column, row)) continue;
      const std::ptrdiff_t at = row * fine.grid.pitch + column;
      sum += residual(values[at], neighbours(values, fine.grid, column, row), fine.b[plane + at],
                      fine.diagonal[numbers + at], fine.inverse[numbers + at]);
    }
  }
  const std::ptrdiff_t at = blockIdx.z * to.area() + y * to.grid.pitch + x;
  to.b[at] = sum;
  to.x[at] = 0.0f;
}

// x of the next level, enlarged: what x is, or what is added to it.
__global__ void enlarge(MembranePlanes fine, MembranePlanes coarse, bool adds) {
  const int x = tile_x(), y = tile_y();
  if (!fine.grid.holds(x, y)) return;
  const std::ptrdiff_t cell = y * fine.grid.pitch + x, at = blockIdx.z * fine.area() + cell;
  const float share = fine.share[blockIdx.z / 3 * fine.area() + cell];
  const float more = share * doubled_cell(coarse.x + blockIdx.z * coarse.area(), coarse.grid, x, y);
  fine.x[at] = adds ? fine.x[at] + more : more;
}

__global__ void add_membrane(const float* faces, const float* x, int area, float* out) {
  const int at = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (at >= area) return;
  const std::ptrdiff_t pixel = static_cast<std::ptrdiff_t>(blockIdx.z) * area + at;
  out[pixel] = clamp_unit(clamp_unit(faces[pixel]) + x[pixel]);
}

class Membranes {
 public:
  Membranes(Call& call, const FaceBatch& batch) : call_(call), batch_(batch) {
    for (int side = batch.size;; side = halved(side)) {
      levels_.push_back(planes_of(side));
      if (side <= kCoarseSide) break;
    }
  }

  void run(const std::vector<FrameMap>& frames, float* out) {
    const float scale = kMembraneReach / static_cast<float>(batch_.size);
    const FrameMap* maps = call_.send(frames);
    queue(prepare_membrane, level(0).grid, batch_.count, batch_, maps, likely_colors(call_, batch_, maps),
          scale * scale, level(0));
    for (int l = 0; l < last(); ++l) {
      queue(make_equation, level(l).grid, batch_.count, level(l));
      queue(coarsen_weights, level(l + 1).grid, batch_.count, level(l), level(l + 1));
      queue(make_share, level(l).grid, batch_.count, level(l), level(l + 1));
      queue(sum_right_sides, level(l + 1).grid, channels(), level(l), level(l + 1));
    }
    solve_coarse(call_, level(last()), channels(), last() == 0 ? CoarseWork::kFullTwice : CoarseWork::kFull);
    for (int l = last() - 1; l >= 0; --l) {
      queue(enlarge, level(l).grid, channels(), level(l), level(l + 1), false);
      cycle(l);
    }
    if (last() > 0) cycle(0);
    const int area = batch_.size * batch_.size;
    FS_LAUNCH(add_membrane, dim3(blocks_for(area, 256), 1, static_cast<unsigned>(channels())), dim3(256), 0,
              call_.stream(), batch_.faces, level(0).x, area, out);
  }

 private:
  int last() const { return static_cast<int>(levels_.size()) - 1; }
  int channels() const { return 3 * batch_.count; }
  MembranePlanes& level(int l) { return levels_[static_cast<std::size_t>(l)]; }

  MembranePlanes planes_of(int side) {
    MembranePlanes p{};
    p.grid = {side, side, side};
    const auto all = static_cast<std::size_t>(batch_.count) * static_cast<std::size_t>(p.area());
    for (float** plane : {&p.weight, &p.within, &p.diagonal, &p.inverse, &p.share})
      *plane = call_.scratch<float>(all);
    for (float** plane : {&p.x, &p.spare, &p.b}) *plane = call_.scratch<float>(3 * all);
    return p;
  }

  // A V-cycle: what the coarser level sees of what is left is corrected there.
  void cycle(int l) {
    if (l == last()) return solve_coarse(call_, level(l), channels(), CoarseWork::kFromZero);
    step(l, kBefore);
    step(l, kThen);
    queue(sum_rest, level(l + 1).grid, channels(), level(l), level(l + 1));
    cycle(l + 1);
    queue(enlarge, level(l).grid, channels(), level(l), level(l + 1), true);
    step(l, kAfter);
  }

  void step(int l, float damping) {
    queue(relax, level(l).grid, channels(), level(l), damping);
    std::swap(level(l).x, level(l).spare);
  }

  // A kernel over the cells of a grid, for so many planes.
  template <class... Params, class... Args>
  void queue(void (*kernel)(Params...), const Grid& grid, int planes, const Args&... args) {
    const dim3 tiles(blocks_for(grid.width, kTileX), blocks_for(grid.height, kTileY),
                     static_cast<unsigned>(planes));
    launch("launch of a step of the membrane", kernel, tiles, dim3(kTileX, kTileY), 0, call_.stream(),
           args...);
  }

  Call& call_;
  const FaceBatch& batch_;
  std::vector<MembranePlanes> levels_;
};

}  // namespace

void poisson(Call& call, const FaceBatch& batch, const std::vector<FrameMap>& frames, float* out) {
  Membranes(call, batch).run(frames, out);
}

}  // namespace fs::cuda
