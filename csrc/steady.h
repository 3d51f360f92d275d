// Points over time, drawn towards polynomials as far as those agree with what was measured.
#pragma once

#include <vector>

namespace fs {

// One set of points at one time: x, y and further coordinates, `points` floats each.
using Sample = const float*;

// A polynomial over the samples first..first+count-1: its values there are basis * solve * samples, with
// basis count x terms and solve terms x count.
struct PolynomialFit {
  int first, count, terms;
  const float *basis, *solve;
};

// The median over the points of the squared distances, x and y, between the samples and the fit, summed over
// time.
float median_residual(const std::vector<Sample>& samples, int points, const PolynomialFit& fit);

// The values at the sample `now`, coordinates x points floats: fit after fit they move towards the fitted
// ones by exp(-(d / noise)^4), where d is the point's largest distance from that fit in x and y.
void steady(const std::vector<Sample>& samples, int coordinates, int points,
            const std::vector<PolynomialFit>& fits, int now, float noise, float* out);

}  // namespace fs
