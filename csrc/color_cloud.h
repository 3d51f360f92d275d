// The arithmetic of `color_cloud` (poisson.h), for the CPU and the GPU.
#pragma once

#include "eigen3.h"
#include "poisson.h"

namespace fs {

inline constexpr double kLeastInner = 16.0;  // pixels

FS_HD ColorCloud make_color_cloud(const Moments& inner) {
  ColorCloud cloud{};
  if (!(inner.weight >= kLeastInner)) return cloud;
  double mean[3];
  Matrix3 covariance;
  for (int i = 0, k = 0; i < 3; ++i) {
    mean[i] = inner.first[i] / inner.weight;
    cloud.mean[i] = static_cast<float>(mean[i] + kRgbPivot);
    for (int j = i; j < 3; ++j, ++k)
      covariance[i][j] = covariance[j][i] =
          inner.second[k] / inner.weight - inner.first[i] / inner.weight * (inner.first[j] / inner.weight);
  }
  constexpr double kLeast = kLeastDeviation * kLeastDeviation;
  const Matrix3 d = apply_to_eigenvalues(covariance, [](double x) {
    return 1.0 / (kTrustedDeviations * kTrustedDeviations * (x > kLeast ? x : kLeast));
  });
  const double entries[6] = {d[0][0], d[1][1], d[2][2], 2.0 * d[0][1], 2.0 * d[0][2], 2.0 * d[1][2]};
  for (int i = 0; i < 6; ++i) cloud.distance[i] = static_cast<float>(entries[i]);
  return cloud;
}

}  // namespace fs
