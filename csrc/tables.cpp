#include "tables.h"

#include <algorithm>
#include <cmath>

namespace fs {
namespace {

constexpr int kSmoothing = 8;         // bins to either side at which a histogram's smoothing has fallen to 0
constexpr double kEverywhere = 1e-3;  // of the weight is spread over all bins, so that gaps have one answer
constexpr int kCells = kCloudSide * kCloudSide * kCloudSide;

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

void add_shared(double* histogram, double position, double weight) {
  const double at = std::clamp(position, 0.0, kBins - 1.0);
  const int bin = std::min(static_cast<int>(at), kBins - 2);
  const double part = at - bin;
  histogram[bin] += weight * (1.0 - part);
  histogram[bin + 1] += weight * part;
}

// The share of the weight below each bin's middle, of the smoothed histogram: it rises everywhere.
void quantiles(const double* histogram, double (&out)[kBins]) {
  double smooth[kBins] = {}, total = 0.0, below = 0.0;
  for (int i = 0; i < kBins; ++i) {
    total += histogram[i];
    for (int k = 1 - kSmoothing; k < kSmoothing; ++k) {
      smooth[std::clamp(i + k, 0, kBins - 1)] +=
          histogram[i] * (kSmoothing - std::abs(k)) / (kSmoothing * kSmoothing);
    }
  }
  for (int i = 0; i < kBins; ++i) {
    const double share = (1.0 - kEverywhere) * smooth[i] / total + kEverywhere / kBins;
    out[i] = below + 0.5 * share;
    below += share;
  }
}

// Position between the bins where `quantile` reaches `share`; `from`: a bin not beyond it.
double position_of(const double (&quantile)[kBins], double share, int& from) {
  while (from < kBins && quantile[from] < share) ++from;
  if (from == 0) return 0.0;
  if (from == kBins) return kBins - 1.0;
  return from - 1 + (share - quantile[from - 1]) / (quantile[from] - quantile[from - 1]);
}

// What each bin of the face moves by, in bins. room: how much of the way from 1 to the limits a slope may go.
void transfer(const double* face, const double* target, double room, double (&move)[kBins]) {
  double f[kBins], t[kBins], wanted[kBins];
  quantiles(face, f);
  quantiles(target, t);
  int from = 0, first = 0, second = 0;
  for (int i = 0; i < kBins; ++i) wanted[i] = position_of(t, f[i], from);
  // From the median, a place between two bins, outwards.
  const double middle = position_of(f, 0.5, first), there = position_of(t, 0.5, second);
  const double least = 1.0 + room * (kLeastGain - 1.0), most = 1.0 + room * (kMostGain - 1.0);
  const auto limit = [&](int i, double x, double y) {
    const double low = std::min(least * (i - x), most * (i - x));
    const double high = std::max(least * (i - x), most * (i - x));
    return y + std::clamp(wanted[i] - y, low, high);
  };
  double x = middle, y = there;
  for (int i = static_cast<int>(std::ceil(middle)); i < kBins; ++i, x = i - 1, y = wanted[i - 1]) {
    wanted[i] = limit(i, x, y);
  }
  x = middle, y = there;
  for (int i = static_cast<int>(std::ceil(middle)) - 1; i >= 0; --i, x = i + 1, y = wanted[i + 1]) {
    wanted[i] = limit(i, x, y);
  }
  for (int i = 0; i < kBins; ++i) move[i] = wanted[i] - i;
}

void set_table(TableRound& round, int axis, double low, double high, const double* face, const double* target,
               double room) {
  double move[kBins];
  transfer(face, target, room, move);
  const double bin = (high - low) / (kBins - 1);
  round.low[axis] = static_cast<float>(low);
  round.scale[axis] = static_cast<float>(1.0 / bin);
  for (int i = 0; i < kBins; ++i) round.move[axis][i] = static_cast<float>(move[i] * bin);
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

std::vector<Dot> dots_of(const double* cloud) {
  std::vector<Dot> dots;
  for (int i = 0; i < kCells; ++i) {
    const double* cell = cloud + std::ptrdiff_t{i} * kCloudNumbers;
    if (!(cell[0] > 0.0)) continue;
    Dot dot{cell[0], {}};
    for (int c = 0; c < 3; ++c) dot.x[c] = static_cast<float>(cell[c + 1] / cell[0]);
    dots.push_back(dot);
  }
  return dots;
}

void project(const std::vector<Dot>& dots, const float (&axis)[3], double low, double high,
             double (&histogram)[kBins]) {
  std::fill_n(histogram, kBins, 0.0);
  const double scale = (kBins - 1) / (high - low);
  for (const Dot& dot : dots) {
    const double along = static_cast<double>(axis[0]) * dot.x[0] + static_cast<double>(axis[1]) * dot.x[1] +
                         static_cast<double>(axis[2]) * dot.x[2];
    add_shared(histogram, (along - low) * scale, dot.weight);
  }
}

}  // namespace

double add_to_histograms(const PixelRows& rows, double* histograms) {
  return each_pixel(rows, [&](double weight, float r, float g, float b) {
    const float rgb[3] = {r, g, b};
    for (int c = 0; c < 3; ++c) add_shared(histograms + c * kBins, rgb[c] * (kBins - 1.0), weight);
  });
}

double add_to_cloud(const PixelRows& rows, double* cloud) {
  return each_pixel(rows, [&](double weight, float r, float g, float b) {
    const float rgb[3] = {r, g, b};
    int cell = 0;
    for (const float value : rgb) {
      cell = cell * kCloudSide + std::min(static_cast<int>(value * kCloudSide), kCloudSide - 1);
    }
    double* to = cloud + std::ptrdiff_t{cell} * kCloudNumbers;
    to[0] += weight;
    for (int c = 0; c < 3; ++c) to[c + 1] += weight * rgb[c];
  });
}

TableMap histogram_map(const double* face, const double* target, double strength) {
  TableMap map{{TableRound{}}, static_cast<float>(strength)};
  set_axes(map.rounds[0], 0);
  for (int c = 0; c < 3; ++c) {
    set_table(map.rounds[0], c, 0.0, 1.0, face + std::ptrdiff_t{c} * kBins,
              target + std::ptrdiff_t{c} * kBins, 1.0);
  }
  return map;
}

TableMap sliced_map(const double* face, const double* target, double strength) {
  TableMap map{std::vector<TableRound>(kSlices), static_cast<float>(strength)};
  std::vector<Dot> moving = dots_of(face);
  const std::vector<Dot> still = dots_of(target);
  for (int n = 0; n < kSlices; ++n) {
    TableRound& round = map.rounds[static_cast<std::size_t>(n)];
    set_axes(round, n);
    for (int i = 0; i < 3; ++i) {
      // Where the colour cube lies on this axis.
      double low = 0.0, high = 0.0, a[kBins], b[kBins];
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
