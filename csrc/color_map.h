// The arithmetic of `color_map`, for the CPU and the GPU.
#pragma once

#include <algorithm>
#include <cmath>

#include "color.h"
#include "eigen3.h"

namespace fs {

// Added to variances, so that noise is not taken for contrast: half a unit of L*a*b*, one 8-bit code value of
// R'G'B'.
inline constexpr double kLabFloor = 0.25;
inline constexpr double kRgbFloor = 1.0 / (255.0 * 255.0);

FS_HD double limited_gain(double x) { return x < kLeastGain ? kLeastGain : x > kMostGain ? kMostGain : x; }

struct ColorStatistics {
  double mean[3];
  Matrix3 covariance;
};

FS_HD ColorStatistics color_statistics_of(const Moments& m, bool lab) {
  ColorStatistics s{};
  double centred[3];
  for (int i = 0; i < 3; ++i) {
    centred[i] = m.first[i] / m.weight;
    s.mean[i] = centred[i] + (lab ? (i == 0 ? kLabPivot : 0.0f) : kRgbPivot);
  }
  const double floor = lab ? kLabFloor : kRgbFloor;
  for (int i = 0, k = 0; i < 3; ++i) {
    for (int j = i; j < 3; ++j, ++k) {
      s.covariance[i][j] = s.covariance[j][i] = m.second[k] / m.weight - centred[i] * centred[j];
    }
    s.covariance[i][i] = std::max(0.0, s.covariance[i][i]) + floor;
  }
  return s;
}

FS_HD Matrix3 reinhard(const ColorStatistics& face, const ColorStatistics& target) {
  Matrix3 gain{};
  for (int i = 0; i < 3; ++i) {
    gain[i][i] = limited_gain(std::sqrt(target.covariance[i][i] / face.covariance[i][i]));
  }
  return gain;
}

// x^power of a covariance.
FS_HD Matrix3 power_of(const Matrix3& covariance, double power) {
  return apply_to_eigenvalues(covariance,
                              [&](double x) { return std::pow(std::max(x, 0.25 * kRgbFloor), power); });
}

// T^1/2 F^-1/2, whose singular values are then limited: M (M^T M)^-1/2 keeps its turn alone.
FS_HD Matrix3 linear_covariance(const ColorStatistics& face, const ColorStatistics& target) {
  const Matrix3 m = multiply(power_of(target.covariance, 0.5), power_of(face.covariance, -0.5));
  Matrix3 transposed{};
  for (int i = 0; i < 3; ++i) {
    for (int j = 0; j < 3; ++j) transposed[i][j] = m[j][i];
  }
  const Matrix3 limit = apply_to_eigenvalues(multiply(transposed, m), [](double x) {
    const double gain = std::sqrt(std::max(x, 1e-12));
    return limited_gain(gain) / gain;
  });
  return multiply(m, limit);
}

// F^-1/2 (F^1/2 T F^1/2)^1/2 F^-1/2.
FS_HD Matrix3 monge_kantorovitch(const ColorStatistics& face, const ColorStatistics& target) {
  const Matrix3 forward = power_of(face.covariance, 0.5), back = power_of(face.covariance, -0.5);
  const Matrix3 middle = apply_to_eigenvalues(multiply(forward, multiply(target.covariance, forward)),
                                              [](double x) { return std::sqrt(std::max(x, 0.0)); });
  return apply_to_eigenvalues(multiply(back, multiply(middle, back)),
                              [](double x) { return limited_gain(x); });
}

FS_HD ColorMap make_color_map(const Moments& face, const Moments& target, ColorMode mode, double strength) {
  const bool lab = uses_lab(mode);
  ColorMap map = {lab, {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}, {0, 0, 0}};
  if (!(face.weight >= kLeastColorWeight) || !(target.weight >= kLeastColorWeight)) return map;
  const ColorStatistics f = color_statistics_of(face, lab), t = color_statistics_of(target, lab);
  const Matrix3 gain = lab                          ? reinhard(f, t)
                       : mode == ColorMode::kLinear ? linear_covariance(f, t)
                                                    : monge_kantorovitch(f, t);
  for (int i = 0; i < 3; ++i) {
    double offset = t.mean[i];
    for (int j = 0; j < 3; ++j) {
      const double same = i == j ? 1.0 : 0.0;
      map.matrix[i][j] = static_cast<float>(same + strength * (gain[i][j] - same));
      offset -= gain[i][j] * f.mean[j];
    }
    map.offset[i] = static_cast<float>(strength * offset);
  }
  return map;
}

}  // namespace fs
