#include "noise.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "noise_plan.h"
#include "parallel.h"

namespace fs {
namespace {

struct Measured {
  unsigned samples;
  double deviation;  // as a fraction of 2^bits
};

template <class T>
Measured measure(const PlaneView<const T>& plane, const NoisePlan& p, const float* mask, int size) {
  std::vector<int> bins(kNoiseBins);
  unsigned counted = 0;
  for (int y = p.y0; y < p.y1; y += 2) {
    const T *up = plane.row(y - 1), *here = plane.row(y), *down = plane.row(y + 1);
    for (int x = p.x0; x < p.x1; x += 2) {
      if (!is_in_mask(p, mask, size, x, y)) continue;
      const std::ptrdiff_t at = x * plane.step;
      const int response = std::abs(noise_response(up + at, here + at, down + at, plane.step));
      ++bins[static_cast<std::size_t>(std::min(response >> p.shift, kNoiseBins - 1))];
      ++counted;
    }
  }
  const double half = 0.5 * counted;
  double below = 0.0;
  for (int i = 0; i < kNoiseBins; ++i) {
    const int n = bins[static_cast<std::size_t>(i)];
    if (n > 0 && below + n >= half) return {counted, noise_deviation(p, i, (half - below) / n)};
    below += n;
  }
  return {0, 0.0};
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
    const NoisePlan where = noise_plan(map, size, plane.width, plane.height, p.color.word_bits());
    found[static_cast<std::size_t>(i)] = measure(plane, where, job.mask, size);
  });
  for (int n = 0; n < count; ++n) {
    double* to = jobs[n].out;
    const Measured* three = &found[static_cast<std::size_t>(3 * n)];
    const double samples = three[0].samples >= kLeastNoiseSamples ? three[0].samples : 0;
    to[0] = samples;
    for (int c = 0; c < 3; ++c) to[1 + c] = samples * three[c].deviation * three[c].deviation;
  }
}

template void noise_statistics(const NoiseJob<std::uint8_t>*, int, int);
template void noise_statistics(const NoiseJob<std::uint16_t>*, int, int);

}  // namespace fs
