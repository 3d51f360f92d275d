// Eigenvalues of a symmetric 3x3 matrix.
#pragma once

#include <cmath>

#include "hd.h"

namespace fs {

struct Matrix3 {
  double m[3][3];
  FS_HD double* operator[](int i) { return m[i]; }
  FS_HD const double* operator[](int i) const { return m[i]; }
};

FS_HD Matrix3 multiply(const Matrix3& a, const Matrix3& b) {
  Matrix3 out{};
  for (int i = 0; i < 3; ++i) {
    for (int j = 0; j < 3; ++j) {
      for (int k = 0; k < 3; ++k) out[i][j] += a[i][k] * b[k][j];
    }
  }
  return out;
}

// f applied to a symmetric matrix's eigenvalues, which cyclic Jacobi rotations find (Golub and Van
// Loan, 8.5).
template <class Function>
FS_HD Matrix3 apply_to_eigenvalues(Matrix3 m, Function f) {
  Matrix3 v{};
  for (int i = 0; i < 3; ++i) v[i][i] = 1.0;
  for (int sweep = 0; sweep < 16; ++sweep) {
    for (int p = 0; p < 2; ++p) {
      for (int q = p + 1; q < 3; ++q) {
        if (m[p][q] == 0.0) continue;
        const double theta = (m[q][q] - m[p][p]) / (2.0 * m[p][q]);
        const double t = (theta < 0.0 ? -1.0 : 1.0) / (std::abs(theta) + std::sqrt(theta * theta + 1.0));
        const double c = 1.0 / std::sqrt(t * t + 1.0), s = t * c;
        for (int k = 0; k < 3; ++k) {
          const double a = m[k][p], b = m[k][q];
          m[k][p] = c * a - s * b;
          m[k][q] = s * a + c * b;
        }
        for (int k = 0; k < 3; ++k) {
          const double a = m[p][k], b = m[q][k];
          m[p][k] = c * a - s * b;
          m[q][k] = s * a + c * b;
        }
        for (int k = 0; k < 3; ++k) {
          const double a = v[k][p], b = v[k][q];
          v[k][p] = c * a - s * b;
          v[k][q] = s * a + c * b;
        }
      }
    }
  }
  Matrix3 out{};
  for (int e = 0; e < 3; ++e) {
    const double value = f(m[e][e]);
    for (int i = 0; i < 3; ++i) {
      for (int j = 0; j < 3; ++j) out[i][j] += v[i][e] * value * v[j][e];
    }
  }
  return out;
}

}  // namespace fs
