#include "tables.h"

#include <algorithm>
#include <cmath>

namespace fs {
namespace {

constexpr double kEverywhere = 1e-3;  // of the weight is spread over all bins, so that gaps have one answer

// Calls body(weight, r, g, b) for the pixels that count. In order, so that sums are the same on any machine.
template <class Body>
double each_pixel(const PixelRows& rows, Body&& body) {
  double total = 0.0;
  for (int y = 0; y < rows.height; ++y) {
    const float* mask = rows.mask + y * rows.mask_pitch;
    const std::ptrdiff_t at = y * rows.pitch;
    for (int x = 0; x < rows.width; ++x) {
      const float weight = clamp_unit(mask[x]);
      if (!(weight > 0.0f)) continue;
      total += weight;
      body(weight, clamp_unit(rows.channel[0][at + x]), clamp_unit(rows.channel[1][at + x]),
           clamp_unit(rows.channel[2][at + x]));
    }
  }
  return total;
}

void add_shared(double* histogram, int bins, double position, double weight) {
  const double at = std::clamp(position, 0.0, bins - 1.0);
  const int bin = std::min(static_cast<int>(at), bins - 2);
  const double part = at - bin;
  histogram[bin] += weight * (1.0 - part);
  histogram[bin + 1] += weight * part;
}

// A histogram smoothed by a triangle that has fallen to 0 at a thirty-second of its bins: two running means,
// one after the other. What leaves it stays in its first and last bin.
void smooth(const double* histogram, int bins, double (&out)[kBins]) {
  const int reach = bins / 32, margin = reach - 1;
  double means[2 * kBins], sum = 0.0;
  for (int i = 0; i < bins + margin; ++i) {
    if (i < bins) sum += histogram[i];
    if (i >= reach) sum -= histogram[i - reach];
    means[i] = sum / reach;
  }
  std::fill_n(out, bins, 0.0);
  sum = 0.0;
  for (int i = 0; i < bins + 2 * margin; ++i) {
    if (i < bins + margin) sum += means[i];
    if (i >= reach) sum -= means[i - reach];
    out[std::clamp(i - margin, 0, bins - 1)] += std::max(sum, 0.0) / reach;
  }
}

// The share of the weight below each bin's middle, of the smoothed histogram: it rises everywhere.
void quantiles(const double* histogram, int bins, double (&out)[kBins]) {
  double smoothed[kBins], total = 0.0, below = 0.0;
  for (int i = 0; i < bins; ++i) total += histogram[i];
  smooth(histogram, bins, smoothed);
  for (int i = 0; i < bins; ++i) {
    const double share = (1.0 - kEverywhere) * smoothed[i] / total + kEverywhere / bins;
    out[i] = below + 0.5 * share;
    below += share;
  }
}

// Position between the bins where `quantile` reaches `share`; `from`: a bin not beyond it.
double position_of(const double (&quantile)[kBins], int bins, double share, int& from) {
  while (from < bins && quantile[from] < share) ++from;
  if (from == 0) return 0.0;
  if (from == bins) return bins - 1.0;
  return from - 1 + (share - quantile[from - 1]) / (quantile[from] - quantile[from - 1]);
}

// What each bin of the face moves by, in bins. room: how much of the way from 1 to the limits a slope may go.
void transfer(const double* face, const double* target, int bins, double room, double (&move)[kBins]) {
  double f[kBins], t[kBins], wanted[kBins];
  quantiles(face, bins, f);
  quantiles(target, bins, t);
  int from = 0, first = 0, second = 0;
  for (int i = 0; i < bins; ++i) wanted[i] = position_of(t, bins, f[i], from);
  // From the median, a place between two bins, outwards.
  const double middle = position_of(f, bins, 0.5, first), there = position_of(t, bins, 0.5, second);
  const double least = 1.0 + room * (kLeastGain - 1.0), most = 1.0 + room * (kMostGain - 1.0);
  const auto limit = [&](int i, double x, double y) {
    const double low = std::min(least * (i - x), most * (i - x));
    const double high = std::max(least * (i - x), most * (i - x));
    return y + std::clamp(wanted[i] - y, low, high);
  };
  double x = middle, y = there;
  for (int i = static_cast<int>(std::ceil(middle)); i < bins; ++i, x = i - 1, y = wanted[i - 1]) {
    wanted[i] = limit(i, x, y);
  }
  x = middle, y = there;
  for (int i = static_cast<int>(std::ceil(middle)) - 1; i >= 0; --i, x = i + 1, y = wanted[i + 1]) {
    wanted[i] = limit(i, x, y);
  }
  for (int i = 0; i < bins; ++i) move[i] = wanted[i] - i;
}

void set_table(TableRound& round, int axis, double low, double high, const double* face, const double* target,
               double room) {
  double move[kBins];
  transfer(face, target, round.bins, room, move);
  const double bin = (high - low) / (round.bins - 1);
  round.low[axis] = static_cast<float>(low);
  round.scale[axis] = static_cast<float>(1.0 / bin);
  for (int i = 0; i < round.bins; ++i) round.move[axis][i] = static_cast<float>(move[i] * bin);
}

// The axes of round n.
void set_axes(TableRound& round, int n) {
  constexpr double kTurn = 6.283185307179586;
  double w = 1.0, x = 0.0, y = 0.0, z = 0.0;
  if (n > 0) {
    constexpr double kSteps[3] = {0.8191725133961645, 0.6710436067037893, 0.5497004779019703};
    double u[3];
    for (int i = 0; i < 3; ++i) u[i] = n * kSteps[i] - std::floor(n * kSteps[i]);
    const double a = std::sqrt(1.0 - u[0]), b = std::sqrt(u[0]);
    x = a * std::sin(kTurn * u[1]);
    y = a * std::cos(kTurn * u[1]);
    z = b * std::sin(kTurn * u[2]);
    w = b * std::cos(kTurn * u[2]);
  }
  const double m[3][3] = {{1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)},
                          {2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)},
                          {2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)}};
  for (int i = 0; i < 3; ++i) {
    for (int j = 0; j < 3; ++j) round.axis[i][j] = static_cast<float>(m[i][j]);
  }
}

struct Dot {
  double weight;
  float x[3];
};

std::vector<Dot> dots_of(const CellList& cloud) {
  std::vector<Dot> dots;
  for (int i = 0; !cloud.ends(i); ++i) {
    const double* cell = cloud.cell(i);
    Dot dot{cell[1], {}};
    for (int c = 0; c < 3; ++c) dot.x[c] = static_cast<float>(cell[c + 2] / cell[1]);
    dots.push_back(dot);
  }
  return dots;
}

void project(const std::vector<Dot>& dots, const float (&axis)[3], double low, double high,
             double (&histogram)[kSliceBins]) {
  std::fill_n(histogram, kSliceBins, 0.0);
  const double scale = (kSliceBins - 1) / (high - low);
  for (const Dot& dot : dots) {
    const double along = static_cast<double>(axis[0]) * dot.x[0] + static_cast<double>(axis[1]) * dot.x[1] +
                         static_cast<double>(axis[2]) * dot.x[2];
    add_shared(histogram, kSliceBins, (along - low) * scale, dot.weight);
  }
}

}  // namespace

double add_to_histograms(const PixelRows& rows, double* histograms) {
  return each_pixel(rows, [&](double weight, float r, float g, float b) {
    const float rgb[3] = {r, g, b};
    for (int c = 0; c < 3; ++c) add_shared(histograms + c * kBins, kBins, rgb[c] * (kBins - 1.0), weight);
  });
}

TableMap histogram_map(const double* face, const double* target, double strength) {
  TableMap map{{TableRound{}}, {}, static_cast<float>(strength)};
  map.rounds[0].bins = kBins;
  set_axes(map.rounds[0], 0);
  for (int c = 0; c < 3; ++c) {
    set_table(map.rounds[0], c, 0.0, 1.0, face + std::ptrdiff_t{c} * kBins,
              target + std::ptrdiff_t{c} * kBins, 1.0);
  }
  return map;
}

TableMap sliced_map(const CellList& face, const CellList& target, double strength) {
  TableMap map{std::vector<TableRound>(kSlices), {}, static_cast<float>(strength)};
  std::vector<Dot> moving = dots_of(face);
  const std::vector<Dot> still = dots_of(target);
  for (int n = 0; n < kSlices; ++n) {
    TableRound& round = map.rounds[static_cast<std::size_t>(n)];
    round.bins = kSliceBins;
    set_axes(round, n);
    for (int i = 0; i < 3; ++i) {
      // Where the colour cube lies on this axis.
      double low = 0.0, high = 0.0, a[kSliceBins], b[kSliceBins];
      for (const float part : round.axis[i]) (part < 0.0f ? low : high) += part;
      project(moving, round.axis[i], low, high, a);
      project(still, round.axis[i], low, high, b);
      set_table(round, i, low, high, a, b, std::ldexp(1.0, -n));
    }
    for (Dot& dot : moving) apply_round(round, dot.x);
  }
  return map;
}

}  // namespace fs
