#include "color.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "eigen3.h"
#include "kernels.h"
#include "parallel.h"

namespace fs {
namespace {

constexpr double kLeastWeight = 16.0;  // pixels
constexpr double kLeastGain = 0.6, kMostGain = 1.5;
// Added to variances, so that noise is not taken for contrast: half a unit of L*a*b*, one 8-bit code value of
// R'G'B'.
constexpr double kLabFloor = 0.25;
constexpr double kRgbFloor = 1.0 / (255.0 * 255.0);

struct Statistics {
  double mean[3];
  Matrix3 covariance;
};

Statistics statistics(const Moments& m, bool lab) {
  Statistics s{};
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

Matrix3 reinhard(const Statistics& face, const Statistics& target) {
  Matrix3 gain{};
  for (int i = 0; i < 3; ++i) {
    gain[i][i] =
        std::clamp(std::sqrt(target.covariance[i][i] / face.covariance[i][i]), kLeastGain, kMostGain);
  }
  return gain;
}

// F^-1/2 (F^1/2 T F^1/2)^1/2 F^-1/2 for the covariances F of the face and T of the target.
Matrix3 monge_kantorovitch(const Statistics& face, const Statistics& target) {
  const auto positive = [](double x) { return std::max(x, 0.25 * kRgbFloor); };
  const Matrix3 forward =
      apply_to_eigenvalues(face.covariance, [&](double x) { return std::sqrt(positive(x)); });
  const Matrix3 back =
      apply_to_eigenvalues(face.covariance, [&](double x) { return 1.0 / std::sqrt(positive(x)); });
  const Matrix3 middle = apply_to_eigenvalues(multiply(forward, multiply(target.covariance, forward)),
                                              [](double x) { return std::sqrt(std::max(x, 0.0)); });
  return apply_to_eigenvalues(multiply(back, multiply(middle, back)),
                              [](double x) { return std::clamp(x, kLeastGain, kMostGain); });
}

}  // namespace

ColorMap color_map(const Moments& face, const Moments& target, ColorMode mode) {
  const bool lab = mode == ColorMode::kReinhard;
  ColorMap map = {lab, {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}, {0, 0, 0}};
  if (!(face.weight >= kLeastWeight) || !(target.weight >= kLeastWeight)) return map;
  const Statistics f = statistics(face, lab), t = statistics(target, lab);
  const Matrix3 gain = lab ? reinhard(f, t) : monge_kantorovitch(f, t);
  for (int i = 0; i < 3; ++i) {
    double offset = t.mean[i];
    for (int j = 0; j < 3; ++j) {
      map.matrix[i][j] = static_cast<float>(gain[i][j]);
      offset -= gain[i][j] * f.mean[j];
    }
    map.offset[i] = static_cast<float>(offset);
  }
  return map;
}

void match_color(const float* faces, const float* targets, const float* masks, int count, int size,
                 ColorMode mode, float* out) {
  const std::ptrdiff_t area = static_cast<std::ptrdiff_t>(size) * size;
  if (mode == ColorMode::kNone) {
    if (out != faces) std::memcpy(out, faces, static_cast<std::size_t>(3 * area * count) * sizeof(float));
    return;
  }
  const bool lab = mode == ColorMode::kReinhard;
  const int blocks = (size + kMomentRows - 1) / kMomentRows;
  const auto rows_of = [&](const float* rgb, int n, int block) {
    const float* at = rgb + 3 * area * n;
    const int y0 = block * kMomentRows, y1 = std::min(size, y0 + kMomentRows);
    return PixelRows{{at, at + area, at + 2 * area}, size, masks + area * n, size, size, size}.rows(y0, y1);
  };
  struct Pair {
    Moments face, target;
  };
  std::vector<Pair> parts(static_cast<std::size_t>(count * blocks));
  parallel_for(count * blocks, [&](int i) {
    Pair& part = parts[static_cast<std::size_t>(i)];
    kernels().moments(rows_of(faces, i / blocks, i % blocks), lab, part.face, nullptr);
    kernels().moments(rows_of(targets, i / blocks, i % blocks), lab, part.target, nullptr);
  });
  std::vector<ColorMap> maps;
  for (int n = 0; n < count; ++n) {
    Pair total;
    for (int b = 0; b < blocks; ++b) {
      const Pair& part = parts[static_cast<std::size_t>(n * blocks + b)];
      total.face.add(part.face);
      total.target.add(part.target);
    }
    maps.push_back(color_map(total.face, total.target, mode));
  }
  parallel_for(count * blocks, [&](int i) {
    const int n = i / blocks;
    float* to = out + 3 * area * n + static_cast<std::ptrdiff_t>(i % blocks * kMomentRows) * size;
    kernels().apply_color(maps[static_cast<std::size_t>(n)], rows_of(faces, n, i % blocks),
                          {{to, to + area, to + 2 * area}, size});
  });
}

}  // namespace fs
