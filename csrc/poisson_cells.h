// What is done to cells x, x+1, ... (n of them) of row y of the membrane's grids: by vectors in
// poisson_rows.h, one by one on CUDA.
#pragma once

#include "poisson.h"

namespace fs {

// Sum of the four neighbours; around the cells lie zeros.
template <class F>
FS_HD F neighbours(const float* plane, const Grid& g, int x, int y, int n) {
  using L = Lanes<F>;
  const float* at = plane + y * g.pitch + x;
  return (L::load(at - 1, n) + L::load(at + 1, n)) + (L::load(at - g.pitch, n) + L::load(at + g.pitch, n));
}

template <class F>
FS_HD F inside_at(const MembraneRows& p, int x, int y) {
  using L = Lanes<F>;
  const F column = L::index() + L::set(static_cast<float>(x));
  const float row = static_cast<float>(y);
  return inside_frame(fmadd(column, L::set(p.u_x), L::set(p.u0 + p.u_y * row)),
                      fmadd(column, L::set(p.v_x), L::set(p.v0 + p.v_y * row)), p.frame_width,
                      p.frame_height);
}

template <class F>
FS_HD Triple<F> face_at(const MembraneRows& p, int x, int y, int n) {
  using L = Lanes<F>;
  const std::ptrdiff_t at = y * p.face.pitch + x;
  return {L::load(p.face.channel[0] + at, n), L::load(p.face.channel[1] + at, n),
          L::load(p.face.channel[2] + at, n)};
}

template <class F>
FS_HD Triple<F> target_at(const MembraneRows& p, int x, int y, int n) {
  using L = Lanes<F>;
  const std::ptrdiff_t at = y * p.target_pitch + x;
  return {clamp_unit(L::load(p.target[0] + at, n)), clamp_unit(L::load(p.target[1] + at, n)),
          clamp_unit(L::load(p.target[2] + at, n))};
}

// Weights for the clouds of colours, into the places of the weights (the face's) and of the diagonal (the
// target's).
template <class F>
FS_HD void inner_cells(const MembraneRows& p, int x, int y, int n) {
  using L = Lanes<F>;
  const F alpha = clamp_unit(L::load(p.face.mask + y * p.face.mask_pitch + x, n));
  const F weight = inner_weight(alpha, inside_at<F>(p, x, y));
  const std::ptrdiff_t to = y * p.to.grid.pitch + x;
  L::store(p.to.weight + to, weight * trust(p.face_colors, face_at<F>(p, x, y, n)), n);
  L::store(p.to.diagonal + to, weight * trust(p.target_colors, target_at<F>(p, x, y, n)), n);
}

// Weights, mask and right sides. The first and the last cell of a row must come alone: they have one
// neighbour less.
template <class F>
FS_HD void prepare_cells(const MembraneRows& p, int x, int y, int n) {
  using L = Lanes<F>;
  const F zero = L::set(0.0f);
  const float* row = p.face.mask + y * p.face.mask_pitch + x;
  const F alpha = clamp_unit(L::load(row, n));
  const F left = x > 0 ? L::load(row - 1, n) : zero;
  const F right = x + n < p.face.width ? L::load(row + 1, n) : zero;
  const F above = y > 0 ? L::load(row - p.face.mask_pitch, n) : zero;
  const F below = y + 1 < p.face.height ? L::load(row + p.face.mask_pitch, n) : zero;
  const F least =
      lower(lower(clamp_unit(left), clamp_unit(right)), lower(clamp_unit(above), clamp_unit(below)));
  const Triple<F> face = face_at<F>(p, x, y, n), target = target_at<F>(p, x, y, n);
  const F hold = membrane_weight(alpha, least, inside_at<F>(p, x, y), p.stiffness);
  const F weight = hold * (trust(p.face_colors, face) * trust(p.target_colors, target));
  const std::ptrdiff_t to = y * p.to.grid.pitch + x;
  L::store(p.to.weight + to, weight, n);
  L::store(p.to.within + to, choose_less(zero, alpha, L::set(1.0f), zero), n);
  L::store(p.to.b[0] + to, weight * (target.a - face.a), n);
  L::store(p.to.b[1] + to, weight * (target.b - face.b), n);
  L::store(p.to.b[2] + to, weight * (target.c - face.c), n);
}

// The equation of a level from its weights.
template <class F>
FS_HD void equation_cells(const MembraneLevel& p, int x, int y, int n) {
  using L = Lanes<F>;
  const std::ptrdiff_t at = y * p.grid.pitch + x;
  const F diagonal = membrane_diagonal(L::load(p.within + at, n), neighbours<F>(p.within, p.grid, x, y, n),
                                       L::load(p.weight + at, n));
  L::store(p.diagonal + at, diagonal, n);
  L::store(p.inverse + at, membrane_inverse(diagonal), n);
}

// share: comes as the next level's `within`, enlarged.
template <class F>
FS_HD void share_cells(const MembraneLevel& p, int x, int y, int n) {
  using L = Lanes<F>;
  const std::ptrdiff_t at = y * p.grid.pitch + x;
  const F zero = L::set(0.0f), reached = membrane_inverse(L::load(p.share + at, n));
  L::store(p.share + at, choose_less(zero, L::load(p.inverse + at, n), reached, zero), n);
}

// A step from x = 0.
template <class F>
FS_HD void start_cells(const MembraneStep& p, int x, int y, int n) {
  using L = Lanes<F>;
  const std::ptrdiff_t at = y * p.grid.pitch + x;
  L::store(p.out + at, L::set(p.damping) * (L::load(p.inverse + at, n) * L::load(p.b + at, n)), n);
}

template <class F>
FS_HD void relax_cells(const MembraneStep& p, int x, int y, int n) {
  using L = Lanes<F>;
  const std::ptrdiff_t at = y * p.grid.pitch + x;
  L::store(p.out + at,
           relaxed(L::load(p.x + at, n), neighbours<F>(p.x, p.grid, x, y, n), L::load(p.b + at, n),
                   L::load(p.inverse + at, n), p.damping),
           n);
}

// What is left of b.
template <class F>
FS_HD F rest_at(const MembraneStep& p, int x, int y, int n) {
  using L = Lanes<F>;
  const std::ptrdiff_t at = y * p.grid.pitch + x;
  return residual(L::load(p.x + at, n), neighbours<F>(p.x, p.grid, x, y, n), L::load(p.b + at, n),
                  L::load(p.diagonal + at, n), L::load(p.inverse + at, n));
}

}  // namespace fs
