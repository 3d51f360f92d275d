// The loops of the membrane. Part of the SIMD kernels (rows.h).
#pragma once

#include "poisson.h"
#include "pyramid_rows.h"

namespace fs {

template <class F>
struct PoissonRows {
  using L = Lanes<F>;

  // Weights of the inner part's colours of every kInnerStep-th row, into the places of the finest level's
  // weights (the face's) and diagonal (the target's).
  static void inner(const MembraneRows& p, int y0, int y1) {
    for (int y = y0; y < y1; y += kInnerStep) {
      along_row<F>(p.face.width, [&](int x, int n) __attribute__((always_inline)) {
        const F alpha = clamp_unit(L::load(p.face.mask + y * p.face.mask_pitch + x, n));
        const F weight = inner_weight(alpha, inside_at<F>(p, x, y));
        const std::ptrdiff_t to = y * p.to.grid.pitch + x;
        L::store(p.to.weight + to, weight * trust(p.face_colors, face_at<F>(p, x, y, n)), n);
        L::store(p.to.diagonal + to, weight * trust(p.target_colors, target_at<F>(p, x, y, n)), n);
      });
    }
  }

  // Rows y0..y1-1 of the finest level.
  static void prepare(const MembraneRows& p, int y0, int y1) {
    const int width = p.face.width;
    for (int y = y0; y < y1; ++y) {
      prepare_cells<float>(p, 0, y, 1, width);
      for (int x = 1; x + 1 < width; x += L::width) {
        prepare_cells<F>(p, x, y, width - 1 - x < L::width ? width - 1 - x : L::width, width);
      }
      if (width > 1) prepare_cells<float>(p, width - 1, y, 1, width);
    }
  }

  // The equation of a level from its weights.
  static void equation(const MembraneLevel& p) {
    const std::ptrdiff_t pitch = p.grid.pitch;
    each(p.grid, [&](std::ptrdiff_t at, int n) __attribute__((always_inline)) {
      const F diagonal = membrane_diagonal(L::load(p.within + at, n), around(p.within + at, pitch, n),
                                           L::load(p.weight + at, n));
      L::store(p.diagonal + at, diagonal, n);
      L::store(p.inverse + at, membrane_inverse(diagonal), n);
    });
  }

  // share: comes as the next level's `within`, enlarged.
  static void share(const MembraneLevel& p) {
    const F zero = L::set(0.0f);
    each(p.grid, [&](std::ptrdiff_t at, int n) __attribute__((always_inline)) {
      const F reached = membrane_inverse(L::load(p.share + at, n));
      L::store(p.share + at, choose_less(zero, L::load(p.inverse + at, n), reached, zero), n);
    });
  }

  // From x = 0.
  static void start(const MembraneStep& p) {
    const F damping = L::set(p.damping);
    each(p.grid, [&](std::ptrdiff_t at, int n) __attribute__((always_inline)) {
      L::store(p.out + at, damping * (L::load(p.inverse + at, n) * L::load(p.b + at, n)), n);
    });
  }

  static void relax(const MembraneStep& p) {
    const std::ptrdiff_t pitch = p.grid.pitch;
    each(p.grid, [&](std::ptrdiff_t at, int n) __attribute__((always_inline)) {
      L::store(p.out + at,
               relaxed(L::load(p.x + at, n), around(p.x + at, pitch, n), L::load(p.b + at, n),
                       L::load(p.inverse + at, n), p.damping),
               n);
    });
  }

  // Two rows of what is left at a time, summed up to one row of the next level.
  static void rest(const MembraneStep& p) {
    const int width = p.grid.width, height = p.grid.height;
    const std::ptrdiff_t pitch = p.grid.pitch;
    const auto left = [&](int x, int y, int n) __attribute__((always_inline)) {
      const std::ptrdiff_t at = y * pitch + x;
      return residual(L::load(p.x + at, n), around(p.x + at, pitch, n), L::load(p.b + at, n),
                      L::load(p.diagonal + at, n), L::load(p.inverse + at, n));
    };
    p.line[width] = 0.0f;
    for (int y = 0; y < height; y += 2) {
      const bool both = y + 1 < height;
      along_row<F>(width, [&](int x, int n) __attribute__((always_inline)) {
        const F one = left(x, y, n);
        L::store(p.line + x, both ? one + left(x, y + 1, n) : one, n);
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
  // Pixels x, x+1, ... of row y; the first and the last of a row alone.
  template <class G>
  static FS_HD void prepare_cells(const MembraneRows& p, int x, int y, int n, int width) {
    using M = Lanes<G>;
    const float* row = p.face.mask + y * p.face.mask_pitch + x;
    const G zero = M::set(0.0f);
    const auto beside = [&](std::ptrdiff_t step, bool inside) __attribute__((always_inline)) {
      return inside ? clamp_unit(M::load(row + step, n)) : zero;
    };
    const G alpha = clamp_unit(M::load(row, n));
    const G level = lower(beside(-1, x > 0), beside(1, x + n < width));
    const G upright =
        lower(beside(-p.face.mask_pitch, y > 0), beside(p.face.mask_pitch, y + 1 < p.face.height));
    const Triple<G> face = face_at<G>(p, x, y, n), target = target_at<G>(p, x, y, n);
    const G hold = membrane_weight(alpha, lower(level, upright), inside_at<G>(p, x, y), p.stiffness);
    const G weight = hold * (trust(p.face_colors, face) * trust(p.target_colors, target));
    const std::ptrdiff_t to = y * p.to.grid.pitch + x;
    M::store(p.to.weight + to, weight, n);
    M::store(p.to.within + to, choose_less(zero, alpha, M::set(1.0f), zero), n);
    M::store(p.to.b[0] + to, weight * (target.a - face.a), n);
    M::store(p.to.b[1] + to, weight * (target.b - face.b), n);
    M::store(p.to.b[2] + to, weight * (target.c - face.c), n);
  }

  template <class G>
  static FS_HD Triple<G> face_at(const MembraneRows& p, int x, int y, int n) {
    const std::ptrdiff_t at = y * p.face.pitch + x;
    return {Lanes<G>::load(p.face.channel[0] + at, n), Lanes<G>::load(p.face.channel[1] + at, n),
            Lanes<G>::load(p.face.channel[2] + at, n)};
  }

  template <class G>
  static FS_HD Triple<G> target_at(const MembraneRows& p, int x, int y, int n) {
    const std::ptrdiff_t at = y * p.target_pitch + x;
    return {clamp_unit(Lanes<G>::load(p.target[0] + at, n)), clamp_unit(Lanes<G>::load(p.target[1] + at, n)),
            clamp_unit(Lanes<G>::load(p.target[2] + at, n))};
  }

  template <class G>
  static FS_HD G inside_at(const MembraneRows& p, int x, int y) {
    using M = Lanes<G>;
    const G column = M::index() + M::set(static_cast<float>(x));
    const float row = static_cast<float>(y);
    return inside_frame(fmadd(column, M::set(p.u_x), M::set(p.u0 + p.u_y * row)),
                        fmadd(column, M::set(p.v_x), M::set(p.v0 + p.v_y * row)), p.frame_width,
                        p.frame_height);
  }

  // body(index, count) for all cells.
  template <class Body>
  static FS_HD void each(const Grid& grid, const Body& body) {
    for (int y = 0; y < grid.height; ++y) {
      along_row<F>(grid.width,
                   [&](int x, int n) __attribute__((always_inline)) { body(y * grid.pitch + x, n); });
    }
  }

  // As `neighbours`: zeros lie around the cells.
  static FS_HD F around(const float* at, std::ptrdiff_t pitch, int n) {
    return (L::load(at - 1, n) + L::load(at + 1, n)) + (L::load(at - pitch, n) + L::load(at + pitch, n));
  }
};

}  // namespace fs
