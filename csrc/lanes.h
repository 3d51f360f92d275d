// The arithmetic that pixel bodies are written in, for one lane (a float).
//
// A pixel body is a template over a lane type F: `float` here and on CUDA, a SIMD vector in vec_avx2.h and
// vec_avx512.h, which overload these same names. One body thus serves the scalar reference, each SIMD level
// and the GPU.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "hd.h"

namespace fs {

// As the SIMD instructions do, these return the second operand when the first is NaN.
FS_HD float lower(float a, float b) { return a < b ? a : b; }
FS_HD float upper(float a, float b) { return a > b ? a : b; }

template <class F>
struct Lanes;

template <>
struct Lanes<float> {
  static constexpr int width = 1;
  using Int = int;
  static FS_HD float set(float x) { return x; }
  static FS_HD float index() { return 0.0f; }  // the lane's own number
  static FS_HD float load(const float* p, int) { return *p; }
  static FS_HD void store(float* p, float x, int) { *p = x; }
  static FS_HD void store_u16(std::uint16_t* p, float x, int) {
    *p = static_cast<std::uint16_t>(lower(x, 65535.0f) + 0.5f);
  }
  static FS_HD void store_u16_pair(std::uint16_t* p, float a, float b, int) {
    store_u16(p, a, 1);
    store_u16(p + 1, b, 1);
  }
};

FS_HD float fmadd(float a, float b, float c) { return a * b + c; }
FS_HD float root(float a) { return sqrtf(a); }
FS_HD int truncate(float a) { return static_cast<int>(a); }
FS_HD int lower(int a, int b) { return a < b ? a : b; }
FS_HD float to_float(int a) { return static_cast<float>(a); }
FS_HD float choose_less(float a, float b, float yes, float no) { return a < b ? yes : no; }
FS_HD bool any_above_zero(float a) { return a > 0.0f; }
FS_HD float sum(float a) { return a; }

FS_HD int bits_of(float a) {
  int bits;
  memcpy(&bits, &a, sizeof bits);
  return bits;
}
FS_HD float from_bits(int a) {
  float value;
  memcpy(&value, &a, sizeof value);
  return value;
}

// The bits of a number above 0 as a number: about 2^23 (127 + log2 a).
template <class F>
FS_HD F number_of_bits(F a) {
  return to_float(bits_of(a));
}

// Four numbers of each lane beside each other, one lane after the other.
FS_HD void store_in_turns(float* p, float a, float b, float c, float d) {
  p[0] = a;
  p[1] = b;
  p[2] = c;
  p[3] = d;
}

// Two neighbouring numbers at `index`.
FS_HD void gather_pair(const float* data, int index, float& at, float& next) {
  at = data[index];
  next = data[index + 1];
}

// Two neighbouring 16-bit samples at `index`.
FS_HD void load_pair(const std::uint16_t* data, int index, float& left, float& right) {
  left = static_cast<float>(data[index]);
  right = static_cast<float>(data[index + 1]);
}

// The neighbours `index` and `index + 1`, each two numbers that lie in turns.
FS_HD void load_pair_in_turns(const std::uint16_t* data, int index, float (&left)[2], float (&right)[2]) {
  load_pair(data, 2 * index, left[0], left[1]);
  load_pair(data, 2 * index + 2, right[0], right[1]);
}

// The pairs at `index` and at `index + apart`, where apart is 0, 1 or 2. May read four samples from `index`
// on.
FS_HD void load_two_pairs(const std::uint16_t* data, int index, int apart, float& a, float& b, float& p,
                          float& q) {
  load_pair(data, index, a, b);
  load_pair(data, index + apart, p, q);
}

// body(x, count) along a row: whole vectors first, whose count the compiler knows, so that they are not
// masked.
template <class F, class Body>
FS_HD void along_row(int width, const Body& body) {
  int x = 0;
  for (; x + Lanes<F>::width <= width; x += Lanes<F>::width) body(x, Lanes<F>::width);
  if (x < width) body(x, width - x);
}

template <class F>
FS_HD F clamp_unit(F x) {
  return lower(upper(x, Lanes<F>::set(0.0f)), Lanes<F>::set(1.0f));
}

}  // namespace fs
