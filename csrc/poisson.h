// Poisson: the difference between target and new face, taken along the mask's soft edge and carried smoothly
// across the face.
//
// Gradient-domain cloning (Perez et al., "Poisson Image Editing", 2003) keeps the gradients of the new face
// and the colours of the target on the boundary. That is the face plus a membrane h that is harmonic inside
// and equals target minus face on the boundary. A boundary one pixel wide hands its noise, and every hair
// that crosses it, to the whole face, which is what flickers and bleeds in a video. So the boundary here is
// the mask's whole soft edge:
//
//   h minimises  sum over neighbours (h_i - h_j)^2  +  sum over pixels w_i (h_i - d_i)^2
//
// per channel, with d the target less the face and the weights w of `membrane_weight`. A hard mask (feather
// 0) gives the classical problem but for a boundary that holds with a large finite weight.
//
// Where the soft edge lies over hair, a hand or the background, target and face show different things and
// their difference says nothing about light. So a pixel counts as far as both of its colours are likely ones
// for the inner part of the mask, eyes and mouth aside (`trust`); elsewhere the membrane carries on from
// where they are. Pixels beyond the frame have no weight, so there the membrane ends freely (Neumann) and
// what a crop repeats there does not bleed in.
//
// Pixels outside the mask take no part. The minimum solves (number of neighbours + w_i) h_i - sum of
// neighbours' h = w_i d_i, which full multigrid does (Briggs, Henson and McCormick, "A Multigrid Tutorial",
// 2000): damped Jacobi steps, so that all cells of a level are independent of each other and any number of
// threads, any SIMD level and CUDA do the same work.
#pragma once

#include "pyramid.h"
#include "seam.h"

namespace fs {

// How strongly the soft edge holds the membrane: it follows differences wider than size / kMembraneReach
// pixels.
inline constexpr float kMembraneReach = 80.0f;
// Weight of a pixel at a hard edge, where a step would show.
inline constexpr float kHardEdge = 8.0f;
// The likely colours are taken from every kInnerStep-th row, in rounds: what the last one does not trust
// counts less.
inline constexpr int kInnerStep = 4, kInnerRounds = 3;
// Trust of a colour is a half at this many deviations, of which each axis of the cloud has at least this
// much.
inline constexpr double kTrustedDeviations = 3.0, kLeastDeviation = 0.04;

// Weight of a pixel of the mask: grows as the mask falls off, as what is seen there is the target; 0 outside
// it. least: the least mask value among the four neighbours; inside: 1 within the frame, 0 beyond.
template <class F>
FS_HD F membrane_weight(F alpha, F least, F inside, float stiffness) {
  using L = Lanes<F>;
  const F zero = L::set(0.0f), open = L::set(1.0f) - alpha;
  const F edge = choose_less(zero, least, zero, L::set(kHardEdge) * alpha);
  return choose_less(zero, alpha, fmadd(L::set(stiffness) * open, open, edge) * inside, zero);
}

// How much a pixel counts for the colours of the inner part: those where the mask is above a half.
template <class F>
FS_HD F inner_weight(F alpha, F inside) {
  using L = Lanes<F>;
  const F above = upper(fmadd(L::set(2.0f), alpha, L::set(-1.0f)), L::set(0.0f));
  return above * above * inside;
}

// Likely colours: a mean and the squared distance from it, in units at which trust is a half. Entries 00 11
// 22 of a symmetric matrix, then twice 01 02 12.
struct ColorCloud {
  float mean[3];
  float distance[6];
};

// 1 for likely colours, less the further away.
template <class F>
FS_HD F trust(const ColorCloud& cloud, const Triple<F>& rgb) {
  using L = Lanes<F>;
  const F a = rgb.a - L::set(cloud.mean[0]), b = rgb.b - L::set(cloud.mean[1]),
          c = rgb.c - L::set(cloud.mean[2]);
  const auto& d = cloud.distance;
  const F first = fmadd(L::set(d[0]), a, fmadd(L::set(d[3]), b, L::set(d[4]) * c));
  const F away = fmadd(first, a, fmadd(fmadd(L::set(d[1]), b, L::set(d[5]) * c), b, L::set(d[2]) * c * c));
  const F square = away * away;
  return L::set(1.0f) / fmadd(square, square, L::set(1.0f));
}

// The cloud of the inner part's colours from their moments in R'G'B'; of too few pixels one that trusts every
// colour.
ColorCloud color_cloud(const Moments& inner);

// The distance of a pixel to the frame's nearest edge as a soft switch. u and v: luma coordinates of its
// centre.
template <class F>
FS_HD F inside_frame(F u, F v, float width, float height) {
  using L = Lanes<F>;
  const F x = lower(u, L::set(width) - u), y = lower(v, L::set(height) - v);
  return clamp_unit(lower(x, y) + L::set(0.5f));
}

// The equation's diagonal: neighbours within the mask and weight. Its inverse is 0 where there is nothing to
// solve, so that h stays 0 there.
template <class F>
FS_HD F membrane_diagonal(F within, F neighbours_within, F weight) {
  using L = Lanes<F>;
  return choose_less(L::set(0.0f), within, neighbours_within + weight, L::set(0.0f));
}
template <class F>
FS_HD F membrane_inverse(F diagonal) {
  using L = Lanes<F>;
  const F zero = L::set(0.0f);
  return choose_less(zero, diagonal, L::set(1.0f) / upper(diagonal, L::set(1e-12f)), zero);
}

// A damped Jacobi step of diagonal x - neighbours = b.
template <class F>
FS_HD F relaxed(F x, F around, F b, F inverse, float damping) {
  return fmadd(Lanes<F>::set(damping), fmadd(inverse, around + b, Lanes<F>::set(0.0f) - x), x);
}

// What is left of b.
template <class F>
FS_HD F residual(F x, F around, F b, F diagonal, F inverse) {
  return diagonal * fmadd(inverse, around + b, Lanes<F>::set(0.0f) - x);
}

// One level of the grid; cells as in pyramid.h. Around the cells of `within` and x lie zeros.
struct MembraneLevel {
  Grid grid;
  float *weight, *within;  // within: 1 in the mask, else 0
  float *diagonal, *inverse;
  float* share;                   // 1 / what the next level's cells in the mask give a cell, else 0
  float *x[3], *spare[3], *b[3];  // per channel
};

// The finest level's weights and right sides.
struct MembraneRows {
  PixelRows face;  // with the mask
  const float* target[3];
  std::ptrdiff_t target_pitch;
  float stiffness;
  float u0, v0, u_x, v_x, u_y, v_y;  // luma coordinates: u0 + u_x x + u_y y at pixel (x, y)'s centre
  float frame_width, frame_height;
  ColorCloud face_colors, target_colors;
  MembraneLevel to;
};

// A step on one channel of a level: out = the relaxed x, or what is left of b as the next level's b.
struct MembraneStep {
  Grid grid;
  const float *x, *b, *diagonal, *inverse;
  float damping;
  float* out;
  std::ptrdiff_t out_pitch;
  float* line;  // scratch for what is left: a row and 8 floats more
};

// Corrects `faces` in place.
void poisson(const SeamFace* faces, int count);

}  // namespace fs
