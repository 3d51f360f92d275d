#include "noise.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "affine.h"
#include "parallel.h"

namespace fs {
namespace {

constexpr int kResponseBins = 4096;
constexpr int kLeastSamples = 64;

struct Measured {
  int samples;
  double deviation;  // in code values
};

template <class T>
Measured measure(const PlaneView<const T>& plane, const Affine& to_plane, const float* mask, int size,
                 int bits) {
  if (std::abs(determinant(to_plane)) < 1e-12) return {0, 0.0};
  const Affine to_crop = inverse(to_plane);
  // Responses of 8 bits are whole numbers; deeper ones are counted in quarters of an 8-bit code value.
  const int shift = std::max(0, bits - 10);
  std::vector<int> bins(kResponseBins);
  int counted = 0;
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
  const int x0 = first(left, plane.width), x1 = end(right, plane.width), y1 = end(bottom, plane.height);
  for (int y = first(top, plane.height); y < y1; y += 2) {
    const T *up = plane.row(y - 1), *here = plane.row(y), *down = plane.row(y + 1);
    for (int x = x0; x < x1; x += 2) {
      const double u = to_crop.xx * (x + 0.5) + to_crop.xy * (y + 0.5) + to_crop.x0;
      const double v = to_crop.yx * (x + 0.5) + to_crop.yy * (y + 0.5) + to_crop.y0;
      if (!(u >= 0.0 && v >= 0.0 && u < size && v < size)) continue;
      if (!(mask[static_cast<std::ptrdiff_t>(v) * size + static_cast<std::ptrdiff_t>(u)] > 0.5f)) continue;
      const std::ptrdiff_t at = x * plane.step;
      const int response = std::abs(noise_response(up + at, here + at, down + at, plane.step));
      ++bins[static_cast<std::size_t>(std::min(response >> shift, kResponseBins - 1))];
      ++counted;
    }
  }
  if (counted == 0) return {0, 0.0};
  // A whole number k stands for k - 1/2 to k + 1/2, and 0 for 0 to 1/2.
  const double half = 0.5 * counted;
  double below = 0.0, median = 0.0;
  for (int i = 0; i < kResponseBins; ++i) {
    const int n = bins[static_cast<std::size_t>(i)];
    if (n > 0 && below + n >= half) {
      const double part = (half - below) / n;
      median = i == 0 ? 0.5 * part : i - 0.5 + part;
      break;
    }
    below += n;
  }
  return {counted, std::ldexp(median, shift) / (6.0 * 0.6745)};
}

}  // namespace

template <class T>
void noise_statistics(const NoiseJob<T>* jobs, int count, int size) {
  for (int n = 0; n < count; ++n) require_sane(jobs[n].to_coded);
  std::vector<Measured> found(static_cast<std::size_t>(3 * count));
  parallel_for(3 * count, [&](int i) {
    const NoiseJob<T>& job = jobs[i / 3];
    const Picture<const T>& p = job.picture;
    const PlaneView<const T>& plane = i % 3 == 0 ? p.y : i % 3 == 1 ? p.u : p.v;
    const Affine map = i % 3 == 0 ? job.to_coded : compose(chroma_from_luma(p.color), job.to_coded);
    found[static_cast<std::size_t>(i)] = measure(plane, map, job.mask, size, p.color.word_bits());
  });
  for (int n = 0; n < count; ++n) {
    double* to = jobs[n].out;
    const Measured* three = &found[static_cast<std::size_t>(3 * n)];
    const int samples = three[0].samples >= kLeastSamples ? three[0].samples : 0;
    to[0] = samples;
    for (int c = 0; c < 3; ++c) {
      const double deviation = std::ldexp(three[c].deviation, -jobs[n].picture.color.word_bits());
      to[1 + c] = samples * deviation * deviation;
    }
  }
}

template void noise_statistics(const NoiseJob<std::uint8_t>*, int, int);
template void noise_statistics(const NoiseJob<std::uint16_t>*, int, int);

}  // namespace fs
