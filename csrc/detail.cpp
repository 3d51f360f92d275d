#include "detail.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "buffer.h"
#include "kernels.h"
#include "parallel.h"

namespace fs {
namespace {

constexpr int kMedianBins = 4096;
constexpr float kMedianScale = 8192.0f;  // bins for a magnitude of 1

DetailBands bands_of(const float* picture, int size) {
  thread_local Buffer<float> memory, row;
  const std::ptrdiff_t area = static_cast<std::ptrdiff_t>(size) * size;
  float* at = memory.get(static_cast<std::size_t>(area) * (kBands + 2));
  DetailBands s{at, {}, at + area};
  kernels().luma(picture, area, s.luma);
  const float* from = s.luma;
  for (int band = 0; band < kBands; ++band) {
    s.smooth[band] = at + (band + 2) * area;
    kernels().smooth(from, size, 1 << band, row.get(static_cast<std::size_t>(size)), s.smooth[band]);
    from = s.smooth[band];
  }
  return s;
}

// The median that a histogram shows, its entries spread evenly over their bins.
double median(const std::vector<int>& bins, int total) {
  const double half = 0.5 * total;
  double below = 0.0;
  for (std::size_t i = 0; i < bins.size(); ++i) {
    if (below + bins[i] >= half && bins[i] > 0) return static_cast<double>(i) + (half - below) / bins[i];
    below += bins[i];
  }
  return 0.0;
}

// Calls visit(i, weight) for each pixel i whose weight is above 0, in order.
template <class Visit>
void each_weighted(const float* mask, int size, const Visit& visit) {
  for (int y = 0; y < size; ++y, mask += size) {
    int x0 = 0, x1 = size;
    while (x0 < x1 && !(mask[x0] > 0.0f)) ++x0;
    while (x1 > x0 && !(mask[x1 - 1] > 0.0f)) --x1;
    const std::ptrdiff_t row = static_cast<std::ptrdiff_t>(y) * size;
    for (int x = x0; x < x1; ++x) {
      const float weight = clamp_unit(mask[x]);
      if (weight > 0.0f) visit(row + x, weight);
    }
  }
}

void measure(const float* picture, const float* mask, int size, double* out) {
  const DetailBands s = bands_of(picture, size);
  std::fill_n(out, kDetailNumbers, 0.0);
  const float* from = s.luma;
  std::vector<int> bins(kMedianBins);
  for (int band = 0; band < kBands; ++band) {
    std::fill(bins.begin(), bins.end(), 0);
    int counted = 0;
    double energy = 0.0, total = 0.0;
    each_weighted(mask, size, [&](std::ptrdiff_t i, float weight) {
      const float detail = from[i] - s.smooth[band][i];
      total += static_cast<double>(weight);
      energy += static_cast<double>(weight) * detail * detail;
      if (!(weight > 0.5f)) return;
      const int bin = static_cast<int>(std::abs(detail) * kMedianScale);
      ++bins[static_cast<std::size_t>(std::min(bin, kMedianBins - 1))];
      ++counted;
    });
    const double noise = median(bins, counted) / kMedianScale / 0.6745;
    out[0] = total;
    out[1 + 2 * band] = energy;
    out[2 + 2 * band] = noise * noise * total;
    from = s.smooth[band];
  }
}

}  // namespace

void detail_statistics(const float* pictures, const float* masks, int count, int size, double* out) {
  const std::ptrdiff_t area = static_cast<std::ptrdiff_t>(size) * size;
  parallel_for(count, [&](int n) {
    measure(pictures + 3 * area * n, masks + area * n, size, out + std::ptrdiff_t{n} * kDetailNumbers);
  });
}

void sharpen(const float* pictures, const float* gains, int count, int size, float* out) {
  const std::ptrdiff_t area = static_cast<std::ptrdiff_t>(size) * size;
  parallel_for(count, [&](int n) {
    const float* in = pictures + 3 * area * n;
    kernels().sharpen(bands_of(in, size), gains + n * kBands, in, area, out + 3 * area * n);
  });
}

}  // namespace fs
