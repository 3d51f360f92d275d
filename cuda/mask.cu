// Masks on the GPU. Every step is one launch for all faces; a launch's third dimension counts the faces.
//
// Shrinking by two octagons one after the other is shrinking by lines of their summed lengths, so erosion and
// the room for the soft edge are four passes in all. Where that leaves nothing of a face, its own block looks
// for the widest soft edge that does, which is rare.
#include "mask.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

#include "../csrc/lanes.h"
#include "../csrc/outline.h"
#include "launch.cuh"
#include "mask_steps.cuh"

namespace fs::cuda {
namespace {

// --- the joined shape
// ----------------------------------------------------------------------------------------

constexpr int kJoinColumns = 64, kJoinRows = 32;

struct JoinParams {
  const float* outlines;
  int shapes, points;
  const float* generated;
  int size, room;  // the plane has so many pixels of room around the crop
  bool unite;
};

// One thread works out a column of a tile by itself.
__global__ void join_shapes(JoinParams p, Planes out) {
  __shared__ float cells[(kJoinRows + 1) * kJoinColumns], joined[kJoinRows * kJoinColumns];
  const int lane = static_cast<int>(threadIdx.x), face = static_cast<int>(blockIdx.z);
  const int x = static_cast<int>(blockIdx.x) * kJoinColumns + lane - p.room;
  const int y0 = static_cast<int>(blockIdx.y) * kJoinRows - p.room;
  for (int j = 0; j < kJoinRows; ++j) joined[j * kJoinColumns + lane] = p.unite ? 0.0f : 1.0f;
  for (int shape = 0; shape < p.shapes; ++shape) {
    for (int j = 0; j <= kJoinRows; ++j) cells[j * kJoinColumns + lane] = 0.0f;
    const float* outline = p.outlines + 2 * static_cast<std::ptrdiff_t>(face * p.shapes + shape) * p.points;
    add_outline(outline, p.points, {cells + lane, kJoinColumns, {x, y0, 1, kJoinRows}});
    float total = 0.0f;
    for (int j = 0; j < kJoinRows; ++j) {
      total += cells[j * kJoinColumns + lane];
      const float covered = mask_unit(fabsf(total));
      float& to = joined[j * kJoinColumns + lane];
      to = p.unite ? upper(to, covered) : to * covered;
    }
  }
  const int column = x + p.room, last = p.size - 1;
  if (column >= out.width) return;
  for (int j = 0; j < kJoinRows && y0 + j + p.room < out.height; ++j) {
    const int y = y0 + j;
    const std::ptrdiff_t to = static_cast<std::ptrdiff_t>(y + p.room) * out.width + column;
    float value = 0.0f;
    // The crop's outermost ring is 0, but only once a mask has grown.
    const int edge = p.room > 0 ? 0 : 1;
    if (x >= edge && x <= last - edge && y >= edge && y <= last - edge) {
      value = joined[j * kJoinColumns + lane];
      if (p.generated) {
        const std::ptrdiff_t at = (static_cast<std::ptrdiff_t>(face) * p.size + y) * p.size + x;
        const float drawn = mask_unit(p.generated[at]);
        value = p.unite ? upper(value, drawn) : value * drawn;
      }
    }
    out.of(face)[to] = mask_fixed(value);
  }
}

// --- shrinking and growing
// -----------------------------------------------------------------------------------

constexpr int kTileX = 32, kTileY = 8;

// out[y][x] is the least, or the greatest, over k < length of in[y + y0 + k dy][x + x0 + k dx]; beyond the
// edges lies 0.
struct LinePass {
  int x0, y0, dx, dy, length;
};

template <bool kGreatest>
__device__ std::int16_t along_line(const std::int16_t* in, int width, int height, const LinePass& p, int x,
                                   int y) {
  int result = kGreatest ? 0 : kMaskOne;
  for (int k = 0; k < p.length; ++k) {
    const int column = x + p.x0 + k * p.dx, row = y + p.y0 + k * p.dy;
    const bool inside = column >= 0 && column < width && row >= 0 && row < height;
    const int value = inside ? in[static_cast<std::ptrdiff_t>(row) * width + column] : 0;
    if (kGreatest ? value > result : value < result) result = value;
  }
  return static_cast<std::int16_t>(result);
}

// The passes of one or two octagons. All but the last take in the pixel they are for, so that what a pass
// before gave beyond the edges, which is 0, need not be kept.
struct OctagonPasses {
  LinePass pass[4];
  __host__ __device__ OctagonPasses(const Octagon& a, const Octagon& b) {
    const int square = a.square + b.square, diamond = a.diamond + b.diamond, half = diamond / 2;
    pass[0] = {-square, 0, 1, 0, 2 * square + 1};
    pass[1] = {0, -square, 0, 1, 2 * square + 1};
    pass[2] = {-half, -half, 1, 1, diamond + 1};
    pass[3] = {half, half - diamond, -1, 1, diamond + 1};
  }
};

// shown[face] becomes 1 when something above 0 is left of it; may be null. `ring`: the outermost ring of
// `out` is 0.
template <bool kGreatest>
__global__ void line_pass(Planes in, LinePass p, bool ring, Planes out, int* shown) {
  const int x = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  const int y = static_cast<int>(blockIdx.y * blockDim.y + threadIdx.y);
  const int face = static_cast<int>(blockIdx.z);
  if (x >= out.width || y >= out.height) return;
  const bool edge = x == 0 || y == 0 || x == out.width - 1 || y == out.height - 1;
  const std::int16_t value =
      ring && edge ? std::int16_t{0} : along_line<kGreatest>(in.of(face), in.width, in.height, p, x, y);
  out.of(face)[static_cast<std::ptrdiff_t>(y) * out.width + x] = value;
  if (shown != nullptr && value > 0) shown[face] = 1;
}

// Where nothing is shown of a face, halves the radius of its soft edge until something is. One block a face.
__global__ void find_radius(Planes shape, Planes spare, Planes out, int erode, int radius, const int* shown,
                            int* radii) {
  const int face = static_cast<int>(blockIdx.x);
  const bool is_lead = threadIdx.x == 0;
  if (radius == 0 || shown[face] != 0) {
    if (is_lead) radii[face] = radius;
    return;
  }
  const int area = shape.width * shape.height;
  int any = 0;
  while (!any && radius > 0) {
    radius /= 2;
    const OctagonPasses passes{Octagon(erode), Octagon(radius)};
    any = 0;
    for (int i = 0; i < 4; ++i) {
      const Planes& in = i == 0 ? shape : i % 2 == 0 ? out : spare;
      const Planes& to = i % 2 == 0 ? spare : out;
      for (int at = static_cast<int>(threadIdx.x); at < area; at += static_cast<int>(blockDim.x)) {
        const std::int16_t value = along_line<false>(in.of(face), shape.width, shape.height, passes.pass[i],
                                                     at % shape.width, at / shape.width);
        to.of(face)[at] = value;
        any |= i == 3 && value > 0;
      }
      __syncthreads();
    }
    any = __syncthreads_or(any);
  }
  if (is_lead) radii[face] = radius;
}

// --- all of it
// -----------------------------------------------------------------------------------------------

class MaskWork {
 public:
  MaskWork(Call& call, const MaskSources& sources, const MaskParams& params)
      : call_(call), sources_(sources), params_(params) {
    for (Planes& plane : planes_) plane = room_for(params.size);
  }

  void run(float* out) {
    join();
    auto* shown = call_.scratch<int>(static_cast<std::size_t>(sources_.count));
    auto* radii = call_.scratch<int>(static_cast<std::size_t>(sources_.count));
    FS_CUDA(
        cudaMemsetAsync(shown, 0, static_cast<std::size_t>(sources_.count) * sizeof(int), call_.stream()));
    const int erode = std::max(0, params_.erode), radius = params_.feather;
    const OctagonPasses passes{Octagon(erode), Octagon(radius)};
    if (erode + radius > 0) {
      pass<false>(planes_[0], passes.pass[0], planes_[1], nullptr);
      pass<false>(planes_[1], passes.pass[1], planes_[2], nullptr);
      pass<false>(planes_[2], passes.pass[2], planes_[1], nullptr);
      pass<false>(planes_[1], passes.pass[3], planes_[2], shown);
    }
    FS_LAUNCH(find_radius, faces(), dim3(256), 0, call_.stream(), planes_[0], planes_[1], planes_[2], erode,
              radius, shown, radii);
    if (erode + radius > 0) std::swap(planes_[0], planes_[2]);  // the result is planes_[0] in any case
    if (radius <= kMostReach) {
      soft({0, 2, radius, true, radii}, nullptr);
      soft({0, 2, radius, true, radii}, out);
    } else {
      for (int turn = 0; turn < 2; ++turn) {
        for (int i = 0; i < 3; ++i) {
          soft({i, i, (radius + i) / 3, i == 2, radii}, turn == 1 && i == 2 ? out : nullptr);
        }
      }
    }
  }

 private:
  dim3 faces() const { return static_cast<unsigned>(sources_.count); }

  Planes room_for(int side) {
    const auto area = static_cast<std::size_t>(side) * static_cast<std::size_t>(side);
    return {call_.scratch<std::int16_t>(static_cast<std::size_t>(sources_.count) * area), side, side};
  }

  void join() {
    const int grown = std::max(0, -params_.erode);
    const std::size_t numbers = std::size_t{2} * static_cast<std::size_t>(sources_.shapes) *
                                static_cast<std::size_t>(sources_.points) *
                                static_cast<std::size_t>(sources_.count);
    const JoinParams p{sources_.outlines ? call_.send(sources_.outlines, numbers) : nullptr,
                       sources_.outlines ? sources_.shapes : 0,
                       sources_.points,
                       sources_.generated,
                       params_.size,
                       grown,
                       params_.join == MaskJoin::kUnion};
    const Planes first = grown > 0 ? room_for(params_.size + 2 * grown) : planes_[0];
    const dim3 grid(blocks_for(first.width, kJoinColumns), blocks_for(first.height, kJoinRows), faces().x);
    FS_LAUNCH(join_shapes, grid, dim3(kJoinColumns), 0, call_.stream(), p, first);
    if (grown == 0) return;
    // Growing may leave the crop on its way, so it works in a plane with room for that.
    const Planes other = room_for(first.width);
    const OctagonPasses passes{Octagon(0), Octagon(grown)};
    pass<true>(first, passes.pass[0], other, nullptr);
    pass<true>(other, passes.pass[1], first, nullptr);
    pass<true>(first, passes.pass[2], other, nullptr);
    LinePass last = passes.pass[3];
    last.x0 += grown;
    last.y0 += grown;
    pass<true>(other, last, planes_[0], nullptr);
  }

  template <bool kGreatest>
  void pass(const Planes& in, const LinePass& p, const Planes& out, int* shown) {
    const bool ring = kGreatest && out.width < in.width;
    const dim3 grid(blocks_for(out.width, kTileX), blocks_for(out.height, kTileY), faces().x);
    FS_LAUNCH(line_pass<kGreatest>, grid, dim3(kTileX, kTileY), 0, call_.stream(), in, p, ring, out, shown);
  }

  void soft(const SoftPass& p, float* floats) {
    soften(call_, planes_[0], p, planes_[1], sources_, floats);
    std::swap(planes_[0], planes_[1]);
  }

  Call& call_;
  const MaskSources& sources_;
  const MaskParams& params_;
  Planes planes_[3];
};

}  // namespace

MaskSource source_of(const MaskSources& sources, int n) {
  const std::ptrdiff_t numbers = 2 * std::ptrdiff_t{sources.shapes} * sources.points;
  return {sources.outlines ? sources.outlines + n * numbers : nullptr, sources.shapes, sources.points,
          sources.generated, sources.mattes};
}

void require_sane(const MaskSources& sources) {
  for (int n = 0; n < sources.count; ++n) fs::require_sane(source_of(sources, n));
}

void mask(Call& call, const MaskSources& sources, const MaskParams& params, float* out) {
  if (params.size > kMostMaskSize) {
    throw std::invalid_argument("mask: on the GPU the size must lie in 1.." + std::to_string(kMostMaskSize));
  }
  MaskWork(call, sources, params).run(out);
}

}  // namespace fs::cuda
