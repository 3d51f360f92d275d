// Bindings of what steadies points over time.
#pragma once

#include <vector>

#include "bind_picture.h"
#include "steady.h"

namespace fs {

// Arrays of one shape [C, P] with C >= 2, and the fits over them: tuples (first, basis [n, d], solve [d, n]).
struct Measured {
  std::vector<Floats> arrays, matrices;
  std::vector<Sample> samples;
  std::vector<PolynomialFit> fits;
  int coordinates = 0, points = 0;

  Measured(const py::sequence& list, const py::sequence& fit_list) {
    for (const auto& item : list) {
      arrays.push_back(py::cast<Floats>(item));
      require_shape(arrays.front(), "samples", {-1, -1});
      require_shape(arrays.back(), "samples", {arrays.front().shape(0), arrays.front().shape(1)});
      samples.push_back(arrays.back().data());
    }
    if (samples.empty()) throw bad_argument("samples: there are none");
    coordinates = static_cast<int>(arrays.front().shape(0));
    points = static_cast<int>(arrays.front().shape(1));
    if (coordinates < 2 || points < 1) throw bad_argument("samples: they need x, y and a point");
    for (const auto& item : fit_list) add(py::cast<py::tuple>(item));
  }

 private:
  void add(const py::tuple& fit) {
    if (fit.size() != 3) throw bad_argument("fits: each is a tuple of first, basis and solve");
    const int first = py::cast<int>(fit[0]);
    matrices.push_back(py::cast<Floats>(fit[1]));
    const Floats basis = matrices.back();
    matrices.push_back(py::cast<Floats>(fit[2]));
    const Floats solve = matrices.back();
    require_shape(basis, "basis", {-1, -1});
    require_shape(solve, "solve", {basis.shape(1), basis.shape(0)});
    const auto count = static_cast<int>(basis.shape(0)), terms = static_cast<int>(basis.shape(1));
    if (first < 0 || count < 1 || static_cast<std::size_t>(first + count) > samples.size())
      throw bad_argument("fits: one reaches beyond the samples");
    fits.push_back({first, count, terms, basis.data(), solve.data()});
  }
};

inline float bind_median_residual(const py::sequence& samples, const py::tuple& fit) {
  const Measured measured(samples, py::make_tuple(fit));
  const py::gil_scoped_release release;
  return median_residual(measured.samples, measured.points, measured.fits.front());
}

inline Floats bind_steady(const py::sequence& samples, const py::sequence& fits, int now, float noise) {
  const Measured measured(samples, fits);
  for (const PolynomialFit& fit : measured.fits) {
    if (now < fit.first || now >= fit.first + fit.count) throw bad_argument("now lies outside a fit");
  }
  if (now < 0 || static_cast<std::size_t>(now) >= measured.samples.size())
    throw bad_argument("now: no such sample");
  if (!(noise >= 0.0f)) throw bad_argument("noise must not be negative");
  Floats out({measured.coordinates, measured.points});
  float* to = out.mutable_data();
  {
    const py::gil_scoped_release release;
    steady(measured.samples, measured.coordinates, measured.points, measured.fits, now, noise, to);
  }
  return out;
}

}  // namespace fs
