// The colours that the membrane trusts: one block finds those of one face or one target.
#include "../csrc/color_cloud.h"
#include "launch.cuh"
#include "membrane.cuh"
#include "reduce.cuh"

namespace fs::cuda {
namespace {

constexpr int kThreads = 256, kWarps = kThreads / kWarpSize;
constexpr int kNumbers = 10;  // weight, first and second moments

__device__ Moments unpack(const double (&in)[kNumbers]) {
  Moments m;
  m.weight = in[0];
  for (int i = 0; i < 3; ++i) m.first[i] = in[1 + i];
  for (int i = 0; i < 6; ++i) m.second[i] = in[4 + i];
  return m;
}

__global__ void find_colors(FaceBatch batch, const FrameMap* frames, ColorCloud* out) {
  __shared__ ColorCloud cloud;
  const int face = static_cast<int>(blockIdx.x) / 2, size = batch.size, area = size * size;
  const FrameMap& f = frames[face];
  const float* rgb =
      (blockIdx.x % 2 ? batch.targets : batch.faces) + 3 * static_cast<std::ptrdiff_t>(face) * area;
  const float* mask = batch.masks + static_cast<std::ptrdiff_t>(face) * area;
  if (threadIdx.x == 0) cloud = ColorCloud{};  // trusts every colour
  __syncthreads();
  const int pixels = (size + kInnerStep - 1) / kInnerStep * size;
  for (int round = 0; round < kInnerRounds; ++round) {
    const ColorCloud before = cloud;
    double sums[kNumbers] = {};
    for (int i = static_cast<int>(threadIdx.x); i < pixels; i += kThreads) {
      const int x = i % size, y = i / size * kInnerStep, at = y * size + x;
      const float fx = static_cast<float>(x), fy = static_cast<float>(y);
      const float inside = inside_frame(fmadd(fx, f.u_x, f.u0 + f.u_y * fy),
                                        fmadd(fx, f.v_x, f.v0 + f.v_y * fy), f.width, f.height);
      const float inner = inner_weight(clamp_unit(mask[at]), inside);
      if (!(inner > 0.0f)) continue;
      const Triple<float> t = {clamp_unit(rgb[at]), clamp_unit(rgb[at + area]),
                               clamp_unit(rgb[at + 2 * static_cast<std::ptrdiff_t>(area)])};
      const double w = static_cast<double>(inner * trust(before, t));
      const double c[3] = {static_cast<double>(t.a - kRgbPivot), static_cast<double>(t.b - kRgbPivot),
                           static_cast<double>(t.c - kRgbPivot)};
      sums[0] += w;
      for (int j = 0, k = 4; j < 3; ++j) {
        sums[1 + j] += w * c[j];
        for (int l = j; l < 3; ++l, ++k) sums[k] += w * c[j] * c[l];
      }
    }
    block_sums<kNumbers, kWarps>(sums);
    if (threadIdx.x == 0) cloud = make_color_cloud(unpack(sums));
    __syncthreads();
  }
  if (threadIdx.x == 0) out[blockIdx.x] = cloud;
}

}  // namespace

const ColorCloud* likely_colors(Call& call, const FaceBatch& batch, const FrameMap* frames) {
  auto* clouds = call.scratch<ColorCloud>(2 * static_cast<std::size_t>(batch.count));
  FS_LAUNCH(find_colors, dim3(2 * static_cast<unsigned>(batch.count)), dim3(kThreads), 0, call.stream(),
            batch, frames, clouds);
  return clouds;
}

}  // namespace fs::cuda
