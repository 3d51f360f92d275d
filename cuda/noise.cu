// The noise of pictures on the GPU: one block measures one plane where one face is.
#include "../csrc/noise_plan.h"
#include "detail.h"
#include "launch.cuh"
#include "median.cuh"

namespace fs::cuda {
namespace {

constexpr int kThreads = 256;
static_assert(kMedianBins == kNoiseBins, "the median's histogram is the noise's");

template <class T>
struct NoisePlane {
  PlaneView<const T> plane;
  NoisePlan where;
  const float* mask;
};

struct Measured {
  unsigned samples;
  double deviation;  // as a fraction of 2^bits
};

template <class T>
__global__ void measure_noise(const NoisePlane<T>* planes, int size, Measured* out) {
  __shared__ unsigned bins[kMedianBins];
  const NoisePlane<T>& p = planes[blockIdx.x];
  for (int i = static_cast<int>(threadIdx.x); i < kMedianBins; i += kThreads) bins[i] = 0;
  __syncthreads();
  const NoisePlan& w = p.where;
  const int columns = w.x1 > w.x0 ? (w.x1 - w.x0 + 1) / 2 : 0, rows = w.y1 > w.y0 ? (w.y1 - w.y0 + 1) / 2 : 0;
  for (int i = static_cast<int>(threadIdx.x); i < columns * rows; i += kThreads) {
    const int x = w.x0 + 2 * (i % columns), y = w.y0 + 2 * (i / columns);
    if (!is_in_mask(w, p.mask, size, x, y)) continue;
    const std::ptrdiff_t at = x * p.plane.step;
    const int response =
        noise_response(p.plane.row(y - 1) + at, p.plane.row(y) + at, p.plane.row(y + 1) + at, p.plane.step);
    const int bin = (response < 0 ? -response : response) >> w.shift;
    atomicAdd(&bins[bin < kMedianBins ? bin : kMedianBins - 1], 1u);
  }
  __syncthreads();
  if (threadIdx.x != 0) return;
  const Median m = find_median(bins);
  out[blockIdx.x] = {m.total, m.here == 0 ? 0.0 : noise_deviation(w, m.bin, m.part)};
}

__global__ void join_planes(const Measured* planes, double* const* out, int count) {
  const int face = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (face >= count) return;
  const Measured* three = planes + 3 * face;
  const double samples = three[0].samples >= kLeastNoiseSamples ? three[0].samples : 0;
  out[face][0] = samples;
  for (int c = 0; c < 3; ++c) out[face][1 + c] = samples * three[c].deviation * three[c].deviation;
}

}  // namespace

template <class T>
void noise_statistics(Call& call, const NoiseJob<T>* jobs, int count, int size) {
  std::vector<NoisePlane<T>> planes;
  std::vector<double*> out;
  for (int n = 0; n < count; ++n) {
    const Picture<const T>& picture = jobs[n].picture;
    const Affine to_chroma = compose(chroma_from_luma(picture.color), jobs[n].to_coded);
    const int bits = picture.color.word_bits();
    for (const auto* plane : {&picture.y, &picture.u, &picture.v}) {
      const Affine& map = plane == &picture.y ? jobs[n].to_coded : to_chroma;
      planes.push_back({*plane, noise_plan(map, size, plane->width, plane->height, bits), jobs[n].mask});
    }
    out.push_back(jobs[n].out);
  }
  auto* measured = call.scratch<Measured>(planes.size());
  FS_LAUNCH(measure_noise<T>, dim3(static_cast<unsigned>(planes.size())), dim3(kThreads), 0, call.stream(),
            call.send(planes), size, measured);
  FS_LAUNCH(join_planes, dim3(blocks_for(count, kThreads)), dim3(kThreads), 0, call.stream(), measured,
            call.send(out), count);
}

template void noise_statistics(Call&, const NoiseJob<std::uint8_t>*, int, int);
template void noise_statistics(Call&, const NoiseJob<std::uint16_t>*, int, int);

}  // namespace fs::cuda
