// Four lanes in the compilers' own vector notation: the names of lanes.h for any processor with 128-bit
// vectors, which is every x86-64 (SSE2) and every arm64 (NEON). Included by kernels_vec4.cpp alone.
#pragma once

#include "tables.h"

namespace fs {

struct F4 {
  typedef float Vector __attribute__((vector_size(16)));
  Vector v;
};
struct I4 {
  typedef std::int32_t Vector __attribute__((vector_size(16)));
  Vector v;
};

FS_HD F4 operator+(F4 a, F4 b) { return {a.v + b.v}; }
FS_HD F4 operator-(F4 a, F4 b) { return {a.v - b.v}; }
FS_HD F4 operator*(F4 a, F4 b) { return {a.v * b.v}; }
FS_HD F4 operator/(F4 a, F4 b) { return {a.v / b.v}; }
FS_HD I4 operator+(I4 a, I4 b) { return {a.v + b.v}; }
FS_HD I4 operator-(I4 a, I4 b) { return {a.v - b.v}; }
FS_HD I4 operator*(I4 a, int b) { return {a.v * b}; }

FS_HD F4 fmadd(F4 a, F4 b, F4 c) { return {a.v * b.v + c.v}; }
FS_HD F4 lower(F4 a, F4 b) { return {a.v < b.v ? a.v : b.v}; }
FS_HD F4 upper(F4 a, F4 b) { return {a.v > b.v ? a.v : b.v}; }
FS_HD F4 root(F4 a) {
  for (int i = 0; i < 4; ++i) a.v[i] = __builtin_sqrtf(a.v[i]);
  return a;
}
FS_HD I4 truncate(F4 a) { return {__builtin_convertvector(a.v, I4::Vector)}; }
FS_HD I4 lower(I4 a, int b) {
  const I4::Vector most = {b, b, b, b};
  return {a.v < most ? a.v : most};
}
FS_HD F4 to_float(I4 a) { return {__builtin_convertvector(a.v, F4::Vector)}; }
FS_HD F4 choose_less(F4 a, F4 b, F4 yes, F4 no) { return {a.v < b.v ? yes.v : no.v}; }
FS_HD bool any_above_zero(F4 a) { return a.v[0] > 0.0f || a.v[1] > 0.0f || a.v[2] > 0.0f || a.v[3] > 0.0f; }
FS_HD float sum(F4 a) { return (a.v[0] + a.v[2]) + (a.v[1] + a.v[3]); }
FS_HD I4 bits_of(F4 a) { return {(I4::Vector)a.v}; }
FS_HD F4 from_bits(I4 a) { return {(F4::Vector)a.v}; }

FS_HD void store_in_turns(float* p, F4 a, F4 b, F4 c, F4 d) {
  for (int i = 0; i < 4; ++i) store_in_turns(p + 4 * i, a.v[i], b.v[i], c.v[i], d.v[i]);
}

FS_HD void gather_pair(const float* data, I4 index, F4& at, F4& next) {
  for (int i = 0; i < 4; ++i) {
    at.v[i] = data[index.v[i]];
    next.v[i] = data[index.v[i] + 1];
  }
}

FS_HD void load_pair(const std::uint16_t* data, I4 index, F4& left, F4& right) {
  for (int i = 0; i < 4; ++i) {
    float a, b;
    load_pair(data, index.v[i], a, b);
    left.v[i] = a;
    right.v[i] = b;
  }
}

FS_HD void load_two_pairs(const std::uint16_t* data, I4 index, I4 apart, F4& a, F4& b, F4& p, F4& q) {
  load_pair(data, index, a, b);
  load_pair(data, index + apart, p, q);
}

FS_HD void load_pair_in_turns(const std::uint16_t* data, I4 index, F4 (&left)[2], F4 (&right)[2]) {
  load_pair(data, index * 2, left[0], left[1]);
  load_pair(data + 2, index * 2, right[0], right[1]);
}

FS_HD void lattice_move(const LatticeNode* nodes, I4 index, const F4 (&corner)[4], F4 b, F4 (&move)[3]) {
  for (int i = 0; i < 4; ++i) {
    const float corners[4] = {corner[0].v[i], corner[1].v[i], corner[2].v[i], corner[3].v[i]};
    float one[3];
    lattice_move(nodes, index.v[i], corners, b.v[i], one);
    for (int c = 0; c < 3; ++c) move[c].v[i] = one[c];
  }
}

template <>
struct Lanes<F4> {
  static constexpr int width = 4;
  using Int = I4;
  static FS_HD F4 set(float x) { return {F4::Vector{x, x, x, x}}; }
  static FS_HD F4 index() { return {F4::Vector{0.0f, 1.0f, 2.0f, 3.0f}}; }
  static FS_HD F4 load(const float* p, int n) {
    F4 x = set(0.0f);
    memcpy(&x, p, n >= 4 ? sizeof x : static_cast<std::size_t>(n) * sizeof(float));
    return x;
  }
  static FS_HD void store(float* p, F4 x, int n) {
    memcpy(p, &x, n >= 4 ? sizeof x : static_cast<std::size_t>(n) * sizeof(float));
  }
  static FS_HD void store_u16(std::uint16_t* p, F4 x, int n) {
    for (int i = 0; i < (n < 4 ? n : 4); ++i) Lanes<float>::store_u16(p + i, x.v[i], 1);
  }
  static FS_HD void store_u16_pair(std::uint16_t* p, F4 a, F4 b, int n) {
    for (int i = 0; i < (n < 4 ? n : 4); ++i) Lanes<float>::store_u16_pair(p + 2 * i, a.v[i], b.v[i], 1);
  }
};

}  // namespace fs
