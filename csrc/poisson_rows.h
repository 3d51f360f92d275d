// The loops of the membrane. Part of the SIMD kernels (rows.h).
#pragma once

#include "poisson_cells.h"
#include "pyramid_rows.h"

namespace fs {

template <class F>
struct PoissonRows {
  using L = Lanes<F>;

  // Every kInnerStep-th row from y0 on.
  static void inner(const MembraneRows& p, int y0, int y1) {
    for (int y = y0; y < y1; y += kInnerStep) {
      along_row<F>(p.face.width,
                   [&](int x, int n) __attribute__((always_inline)) { inner_cells<F>(p, x, y, n); });
    }
  }

  static void prepare(const MembraneRows& p, int y0, int y1) {
    const int width = p.face.width;
    for (int y = y0; y < y1; ++y) {
      prepare_cells<float>(p, 0, y, 1);
      along_row<F>(width - 2,
                   [&](int x, int n) __attribute__((always_inline)) { prepare_cells<F>(p, x + 1, y, n); });
      if (width > 1) prepare_cells<float>(p, width - 1, y, 1);
    }
  }

  static void equation(const MembraneLevel& p) {
    each(p.grid, [&](int x, int y, int n) __attribute__((always_inline)) { equation_cells<F>(p, x, y, n); });
  }

  static void share(const MembraneLevel& p) {
    each(p.grid, [&](int x, int y, int n) __attribute__((always_inline)) { share_cells<F>(p, x, y, n); });
  }

  static void start(const MembraneStep& p) {
    each(p.grid, [&](int x, int y, int n) __attribute__((always_inline)) { start_cells<F>(p, x, y, n); });
  }

  static void relax(const MembraneStep& p) {
    each(p.grid, [&](int x, int y, int n) __attribute__((always_inline)) { relax_cells<F>(p, x, y, n); });
  }

  // Two rows of what is left at a time, summed up to one row of the next level.
  static void rest(const MembraneStep& p) {
    const int width = p.grid.width, height = p.grid.height;
    p.line[width] = 0.0f;
    for (int y = 0; y < height; y += 2) {
      const bool both = y + 1 < height;
      along_row<F>(width, [&](int x, int n) __attribute__((always_inline)) {
        const F one = rest_at<F>(p, x, y, n);
        L::store(p.line + x, both ? one + rest_at<F>(p, x, y + 1, n) : one, n);
      });
      PyramidRows<F>::pairs(p.line, p.out + y / 2 * p.out_pitch, halved(width));
    }
  }

  // The corrected face.
  static void add(const float* membrane, const Grid& grid, float* face, std::ptrdiff_t face_pitch) {
    for (int y = 0; y < grid.height; ++y, membrane += grid.pitch, face += face_pitch) {
      along_row<F>(grid.width, [&](int x, int n) __attribute__((always_inline)) {
        L::store(face + x, clamp_unit(L::load(face + x, n) + L::load(membrane + x, n)), n);
      });
    }
  }

 private:
  // body(x, y, count) for all cells.
  template <class Body>
  static FS_HD void each(const Grid& grid, const Body& body) {
    for (int y = 0; y < grid.height; ++y) {
      along_row<F>(grid.width, [&](int x, int n) __attribute__((always_inline)) { body(x, y, n); });
    }
  }
};

}  // namespace fs
