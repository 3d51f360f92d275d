// The noise of pictures on the GPU: one block measures one plane where one face is.
#include <algorithm>
#include <cmath>

#include "../csrc/affine.h"
#include "detail.h"
#include "launch.cuh"
#include "median.cuh"

namespace fs::cuda {
namespace {

constexpr int kThreads = 256;
constexpr unsigned kLeastSamples = 64;

template <class T>
struct NoisePlane {
  PlaneView<const T> plane;
  Affine to_crop;
  const float* mask;
  int x0, y0, x1, y1;  // odd places from (x0, y0) on; empty where the map has no area
  int shift, bits;
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
  const int columns = p.x1 > p.x0 ? (p.x1 - p.x0 + 1) / 2 : 0, rows = p.y1 > p.y0 ? (p.y1 - p.y0 + 1) / 2 : 0;
  for (int i = static_cast<int>(threadIdx.x); i < columns * rows; i += kThreads) {
    const int x = p.x0 + 2 * (i % columns), y = p.y0 + 2 * (i / columns);
    const double u = p.to_crop.xx * (x + 0.5) + p.to_crop.xy * (y + 0.5) + p.to_crop.x0;
    const double v = p.to_crop.yx * (x + 0.5) + p.to_crop.yy * (y + 0.5) + p.to_crop.y0;
    if (!(u >= 0.0 && v >= 0.0 && u < size && v < size)) continue;
    if (!(p.mask[static_cast<std::ptrdiff_t>(v) * size + static_cast<std::ptrdiff_t>(u)] > 0.5f)) continue;
    const std::ptrdiff_t at = x * p.plane.step;
    const int response =
        noise_response(p.plane.row(y - 1) + at, p.plane.row(y) + at, p.plane.row(y + 1) + at, p.plane.step);
    const int bin = (response < 0 ? -response : response) >> p.shift;
    atomicAdd(&bins[bin < kMedianBins ? bin : kMedianBins - 1], 1u);
  }
  __syncthreads();
  if (threadIdx.x != 0) return;
  unsigned counted = 0;
  for (int i = 0; i < kMedianBins; ++i) counted += bins[i];
  const Median m = find_median(bins);
  // A whole number k stands for k - 1/2 to k + 1/2, and 0 for 0 to 1/2.
  const double median = m.here == 0 ? 0.0 : m.bin == 0 ? 0.5 * m.part : m.bin - 0.5 + m.part;
  out[blockIdx.x] = {counted, ldexp(median, p.shift - p.bits) / (6.0 * 0.6745)};
}

__global__ void join_planes(const Measured* planes, double* const* out, int count) {
  const int face = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (face >= count) return;
  const Measured* three = planes + 3 * face;
  const double samples = three[0].samples >= kLeastSamples ? three[0].samples : 0;
  out[face][0] = samples;
  for (int c = 0; c < 3; ++c) out[face][1 + c] = samples * three[c].deviation * three[c].deviation;
}

template <class T>
NoisePlane<T> plan_noise(const PlaneView<const T>& plane, const Affine& to_plane, const float* mask, int size,
                         int bits) {
  NoisePlane<T> p{plane, {}, mask, 0, 0, 0, 0, std::max(0, bits - 10), bits};
  if (std::abs(determinant(to_plane)) < 1e-12) return p;
  p.to_crop = inverse(to_plane);
  // The box around the crop, without the plane's outermost samples.
  double left = plane.width, right = 0.0, top = plane.height, bottom = 0.0;
  for (const double x : {0.0, static_cast<double>(size)}) {
    for (const double y : {0.0, static_cast<double>(size)}) {
      const double at_x = to_plane.xx * x + to_plane.xy * y + to_plane.x0;
      const double at_y = to_plane.yx * x + to_plane.yy * y + to_plane.y0;
      left = std::min(left, at_x);
      right = std::max(right, at_x);
      top = std::min(top, at_y);
      bottom = std::max(bottom, at_y);
    }
  }
  const auto first = [](double at, int samples) {
    return static_cast<int>(std::clamp(std::floor(at), 1.0, static_cast<double>(samples))) | 1;
  };
  const auto end = [](double at, int samples) {
    return static_cast<int>(std::clamp(std::ceil(at), 0.0, samples - 1.0));
  };
  p.x0 = first(left, plane.width);
  p.x1 = end(right, plane.width);
  p.y0 = first(top, plane.height);
  p.y1 = end(bottom, plane.height);
  return p;
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
    planes.push_back(plan_noise(picture.y, jobs[n].to_coded, jobs[n].mask, size, bits));
    planes.push_back(plan_noise(picture.u, to_chroma, jobs[n].mask, size, bits));
    planes.push_back(plan_noise(picture.v, to_chroma, jobs[n].mask, size, bits));
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
