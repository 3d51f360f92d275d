#include "detail.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "buffer.h"
#include "lanes.h"
#include "parallel.h"

namespace fs {
namespace {

constexpr int kMedianBins = 4096;
constexpr float kMedianScale = 8192.0f;  // bins for a magnitude of 1

// Luma and its smoothings, each size x size, and room for one of them.
struct Scratch {
  Buffer<float> memory;
  float *luma, *smooth[kBands], *columns;
};

Scratch& bands_of(const float* picture, int size) {
  thread_local Scratch s;
  const std::ptrdiff_t area = static_cast<std::ptrdiff_t>(size) * size;
  float* at = s.memory.get(static_cast<std::size_t>(area) * (kBands + 2));
  s.luma = at;
  s.columns = at + area;
  for (std::ptrdiff_t i = 0; i < area; ++i) {
    s.luma[i] =
        luma_of(clamp_unit(picture[i]), clamp_unit(picture[area + i]), clamp_unit(picture[2 * area + i]));
  }
  const float* from = s.luma;
  for (int band = 0; band < kBands; ++band) {
    float* to = s.smooth[band] = at + (band + 2) * area;
    const int hole = 1 << band, last = size - 1;
    for (int y = 0; y < size; ++y) {
      const float* up = from + static_cast<std::ptrdiff_t>(std::max(0, y - hole)) * size;
      const float* here = from + static_cast<std::ptrdiff_t>(y) * size;
      const float* down = from + static_cast<std::ptrdiff_t>(std::min(last, y + hole)) * size;
      float* row = s.columns + static_cast<std::ptrdiff_t>(y) * size;
      for (int x = 0; x < size; ++x) row[x] = smoothed(up[x], here[x], down[x]);
    }
    for (int y = 0; y < size; ++y) {
      const float* row = s.columns + static_cast<std::ptrdiff_t>(y) * size;
      float* out = to + static_cast<std::ptrdiff_t>(y) * size;
      const auto at_edge = [&](int x) {
        out[x] = smoothed(row[std::max(0, x - hole)], row[x], row[std::min(last, x + hole)]);
      };
      const int inner = std::max(hole, size - hole);
      for (int x = 0; x < std::min(hole, size); ++x) at_edge(x);
      for (int x = hole; x < size - hole; ++x) out[x] = smoothed(row[x - hole], row[x], row[x + hole]);
      for (int x = inner; x < size; ++x) at_edge(x);
    }
    from = to;
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

void measure(const float* picture, const float* mask, int size, double* out) {
  const Scratch& s = bands_of(picture, size);
  const std::ptrdiff_t area = static_cast<std::ptrdiff_t>(size) * size;
  std::fill_n(out, kDetailNumbers, 0.0);
  for (std::ptrdiff_t i = 0; i < area; ++i) out[0] += clamp_unit(mask[i]);
  const float* from = s.luma;
  std::vector<int> bins(kMedianBins);
  for (int band = 0; band < kBands; ++band) {
    std::fill(bins.begin(), bins.end(), 0);
    int counted = 0;
    double energy = 0.0;
    for (std::ptrdiff_t i = 0; i < area; ++i) {
      const float weight = clamp_unit(mask[i]);
      if (!(weight > 0.0f)) continue;
      const float detail = from[i] - s.smooth[band][i];
      energy += static_cast<double>(weight) * detail * detail;
      if (!(weight > 0.5f)) continue;
      const int bin = static_cast<int>(std::abs(detail) * kMedianScale);
      ++bins[static_cast<std::size_t>(std::min(bin, kMedianBins - 1))];
      ++counted;
    }
    const double noise = median(bins, counted) / kMedianScale / 0.6745;
    out[1 + 2 * band] = energy;
    out[2 + 2 * band] = noise * noise * out[0];
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
    float* to = out + 3 * area * n;
    const Scratch& s = bands_of(in, size);
    float gain[kBands];
    for (int band = 0; band < kBands; ++band) gain[band] = gains[n * kBands + band];
    for (std::ptrdiff_t i = 0; i < area; ++i) {
      const float bands[kBands] = {s.luma[i] - s.smooth[0][i], s.smooth[0][i] - s.smooth[1][i]};
      const float more = sharpening(bands, gain);
      for (int c = 0; c < 3; ++c) to[c * area + i] = clamp_unit(in[c * area + i] + more);
    }
  });
}

}  // namespace fs
