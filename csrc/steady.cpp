#include "steady.h"

#include <algorithm>
#include <cmath>

namespace fs {
namespace {

// to += factor * from, for each of `count` numbers.
void add_scaled(float* to, const float* from, float factor, int count) {
  for (int i = 0; i < count; ++i) to[i] += factor * from[i];
}

// The polynomials' coefficients: terms x width, of the first `width` floats of every sample.
void solve(const std::vector<Sample>& samples, const PolynomialFit& fit, int width, std::vector<float>& out) {
  out.assign(static_cast<std::size_t>(fit.terms) * static_cast<std::size_t>(width), 0.0f);
  for (int term = 0; term < fit.terms; ++term) {
    for (int i = 0; i < fit.count; ++i)
      add_scaled(out.data() + static_cast<std::ptrdiff_t>(term) * width,
                 samples[static_cast<std::size_t>(fit.first + i)], fit.solve[term * fit.count + i], width);
  }
}

// out = (the fit's values at its i-th time) - from, where `from` may be null.
void evaluate(const std::vector<float>& coefficients, const PolynomialFit& fit, int i, int width,
              const float* from, float* out) {
  for (int k = 0; k < width; ++k) out[k] = from ? -from[k] : 0.0f;
  for (int term = 0; term < fit.terms; ++term)
    add_scaled(out, coefficients.data() + static_cast<std::ptrdiff_t>(term) * width,
               fit.basis[i * fit.terms + term], width);
}

// Hands each sample's squared distances from the fit, one a point, to `take`.
template <class Take>
void each_residual(const std::vector<Sample>& samples, int points, const PolynomialFit& fit,
                   const std::vector<float>& coefficients, int width, const Take& take) {
  std::vector<float> off(static_cast<std::size_t>(width)), squared(static_cast<std::size_t>(points));
  for (int i = 0; i < fit.count; ++i) {
    evaluate(coefficients, fit, i, width, samples[static_cast<std::size_t>(fit.first + i)], off.data());
    for (int k = 0; k < points; ++k) {
      const auto at = static_cast<std::size_t>(k), below = static_cast<std::size_t>(points + k);
      squared[at] = off[at] * off[at] + off[below] * off[below];
    }
    take(squared);
  }
}

float median(std::vector<float>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return 0.5f * (*middle + *std::max_element(values.begin(), middle));
}

}  // namespace

float median_residual(const std::vector<Sample>& samples, int points, const PolynomialFit& fit) {
  std::vector<float> coefficients, total(static_cast<std::size_t>(points), 0.0f);
  solve(samples, fit, 2 * points, coefficients);
  each_residual(samples, points, fit, coefficients, 2 * points, [&](const std::vector<float>& squared) {
    add_scaled(total.data(), squared.data(), 1.0f, points);
  });
  return median(total);
}

void steady(const std::vector<Sample>& samples, int coordinates, int points,
            const std::vector<PolynomialFit>& fits, int now, float noise, float* out) {
  const int width = coordinates * points;
  std::copy_n(samples[static_cast<std::size_t>(now)], width, out);
  std::vector<float> coefficients, worst(static_cast<std::size_t>(points)),
      fitted(static_cast<std::size_t>(width));
  const float scale = 1.0f / std::max(noise * noise, 1e-20f);
  for (const PolynomialFit& fit : fits) {
    solve(samples, fit, width, coefficients);
    std::fill(worst.begin(), worst.end(), 0.0f);
    each_residual(samples, points, fit, coefficients, width, [&](const std::vector<float>& squared) {
      for (std::size_t k = 0; k < worst.size(); ++k) worst[k] = std::max(worst[k], squared[k]);
    });
    evaluate(coefficients, fit, now - fit.first, width, nullptr, fitted.data());
    for (float& w : worst) {
      w *= scale;
      w = std::exp(-w * w);
    }
    for (int c = 0; c < coordinates; ++c) {
      const std::ptrdiff_t start = static_cast<std::ptrdiff_t>(c) * points;
      for (int k = 0; k < points; ++k)
        out[start + k] += worst[static_cast<std::size_t>(k)] *
                          (fitted[static_cast<std::size_t>(start + k)] - out[start + k]);
    }
  }
}

}  // namespace fs
