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
constexpr double kLeastGain = 0.4, kMostGain = 2.5;
constexpr double kLabFloor = 1.0;  // added to variances in L*a*b*: noise below 1 unit is no contrast
constexpr double kRgbFloor = 4.0 / (255.0 * 255.0);  // the same in R'G'B': 2 code values
constexpr int kBlockPixels = 8192;

ColorMap identity(bool lab) { return {lab, {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}, {0, 0, 0}}; }

struct Statistics {
  double mean[3];
  Matrix3 covariance;
};

Statistics statistics(const Moments& m, bool lab) {
  Statistics s{};
  double centred[3];
  for (int i = 0; i < 3; ++i) {
    centred[i] = m.first[i] / m.weight;
    s.mean[i] = centred[i] + (lab ? (i == 0 ? 50.0 : 0.0) : 0.5);
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

void add(Moments& total, const Moments& part) {
  total.weight += part.weight;
  for (int i = 0; i < 3; ++i) total.first[i] += part.first[i];
  for (int i = 0; i < 6; ++i) total.second[i] += part.second[i];
}

PixelRun run_of(const float* rgb, const float* mask, int area, int start) {
  return {{rgb + start, rgb + area + start, rgb + 2 * static_cast<std::ptrdiff_t>(area) + start},
          mask + start,
          std::min(kBlockPixels, area - start)};
}

}  // namespace

ColorMap color_map(const Moments& face, const Moments& target, ColorMode mode) {
  const bool lab = mode == ColorMode::kReinhard;
  ColorMap map = identity(lab);
  if (!(face.weight >= kLeastWeight) || !(target.weight >= kLeastWeight)) return identity(false);
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
  const int area = size * size, blocks = (area + kBlockPixels - 1) / kBlockPixels;
  const std::size_t face_floats = 3 * static_cast<std::size_t>(area);
  if (mode == ColorMode::kNone) {
    if (out != faces) std::memcpy(out, faces, static_cast<std::size_t>(count) * face_floats * sizeof(float));
    return;
  }
  const bool lab = mode == ColorMode::kReinhard;
  struct Pair {
    Moments face, target;
  };
  std::vector<Pair> parts(static_cast<std::size_t>(count * blocks));
  const auto mask_of = [&](int n) {
    return masks + static_cast<std::size_t>(n) * static_cast<std::size_t>(area);
  };
  parallel_for(count * blocks, [&](int i) {
    const int n = i / blocks, start = i % blocks * kBlockPixels;
    Pair& part = parts[static_cast<std::size_t>(i)];
    const std::size_t at = static_cast<std::size_t>(n) * face_floats;
    kernels().moments(run_of(faces + at, mask_of(n), area, start), lab, part.face);
    kernels().moments(run_of(targets + at, mask_of(n), area, start), lab, part.target);
  });
  std::vector<ColorMap> maps;
  for (int n = 0; n < count; ++n) {
    Pair total;
    for (int b = 0; b < blocks; ++b) {
      const Pair& part = parts[static_cast<std::size_t>(n * blocks + b)];
      add(total.face, part.face);
      add(total.target, part.target);
    }
    maps.push_back(color_map(total.face, total.target, mode));
  }
  parallel_for(count * blocks, [&](int i) {
    const int n = i / blocks, start = i % blocks * kBlockPixels;
    const PixelRun run = run_of(faces + static_cast<std::size_t>(n) * face_floats, mask_of(n), area, start);
    float* to = out + static_cast<std::size_t>(n) * face_floats + start;
    float* const rgb[3] = {to, to + area, to + 2 * static_cast<std::ptrdiff_t>(area)};
    kernels().apply_color(maps[static_cast<std::size_t>(n)], run, rgb);
  });
}

}  // namespace fs
