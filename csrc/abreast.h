// Vectors that a body works on in step. The operations of a long body on one vector mostly wait for one
// another; those of several do not (`fastswap bench ops`, reinhard: a sixth less time).
#pragma once

#include "lanes.h"

namespace fs {

// A lane type like any other, as far as the bodies need that use it so.
template <class F, int N>
struct Abreast {
  F v[N];
};

template <class F, int N>
struct Lanes<Abreast<F, N>> {
  using V = Abreast<F, N>;
  using L = Lanes<F>;
  static constexpr int width = N * L::width;
  static FS_HD V set(float x) {
    V out;
    for (F& v : out.v) v = L::set(x);
    return out;
  }
  // Always whole.
  static FS_HD V load(const float* p, int) {
    V out;
    for (int i = 0; i < N; ++i) out.v[i] = L::load(p + i * L::width, L::width);
    return out;
  }
  static FS_HD void store(float* p, const V& x, int) {
    for (int i = 0; i < N; ++i) L::store(p + i * L::width, x.v[i], L::width);
  }
  static FS_HD void store_u16(std::uint16_t* p, const V& x, int) {
    for (int i = 0; i < N; ++i) L::store_u16(p + i * L::width, x.v[i], L::width);
  }
  static FS_HD void store_u16_pair(std::uint16_t* p, const V& a, const V& b, int) {
    for (int i = 0; i < N; ++i) L::store_u16_pair(p + 2 * i * L::width, a.v[i], b.v[i], L::width);
  }
};

template <class F, int N>
FS_HD Abreast<F, N> operator+(const Abreast<F, N>& a, const Abreast<F, N>& b) {
  Abreast<F, N> out;
  for (int i = 0; i < N; ++i) out.v[i] = a.v[i] + b.v[i];
  return out;
}
template <class F, int N>
FS_HD Abreast<F, N> operator-(const Abreast<F, N>& a, const Abreast<F, N>& b) {
  Abreast<F, N> out;
  for (int i = 0; i < N; ++i) out.v[i] = a.v[i] - b.v[i];
  return out;
}
template <class F, int N>
FS_HD Abreast<F, N> operator*(const Abreast<F, N>& a, const Abreast<F, N>& b) {
  Abreast<F, N> out;
  for (int i = 0; i < N; ++i) out.v[i] = a.v[i] * b.v[i];
  return out;
}
template <class F, int N>
FS_HD Abreast<F, N> fmadd(const Abreast<F, N>& a, const Abreast<F, N>& b, const Abreast<F, N>& c) {
  Abreast<F, N> out;
  for (int i = 0; i < N; ++i) out.v[i] = fmadd(a.v[i], b.v[i], c.v[i]);
  return out;
}
template <class F, int N>
FS_HD Abreast<F, N> lower(const Abreast<F, N>& a, const Abreast<F, N>& b) {
  Abreast<F, N> out;
  for (int i = 0; i < N; ++i) out.v[i] = lower(a.v[i], b.v[i]);
  return out;
}
template <class F, int N>
FS_HD Abreast<F, N> upper(const Abreast<F, N>& a, const Abreast<F, N>& b) {
  Abreast<F, N> out;
  for (int i = 0; i < N; ++i) out.v[i] = upper(a.v[i], b.v[i]);
  return out;
}
template <class F, int N>
FS_HD Abreast<F, N> choose_less(const Abreast<F, N>& a, const Abreast<F, N>& b, const Abreast<F, N>& yes,
                                const Abreast<F, N>& no) {
  Abreast<F, N> out;
  for (int i = 0; i < N; ++i) out.v[i] = choose_less(a.v[i], b.v[i], yes.v[i], no.v[i]);
  return out;
}
template <class F, int N>
FS_HD Abreast<F, N> number_of_bits(const Abreast<F, N>& a) {
  Abreast<F, N> out;
  for (int i = 0; i < N; ++i) out.v[i] = number_of_bits(a.v[i]);
  return out;
}
template <class F, int N>
FS_HD bool any_above_zero(const Abreast<F, N>& a) {
  F most = a.v[0];
  for (int i = 1; i < N; ++i) most = upper(a.v[i], most);
  return any_above_zero(most);
}

// The single vectors of a value, in order.
template <class F>
inline constexpr int kVectors = 1;
template <class F, int N>
inline constexpr int kVectors<Abreast<F, N>> = N;
template <class F>
FS_HD F vector_of(F x, int) {
  return x;
}
template <class F, int N>
FS_HD F vector_of(const Abreast<F, N>& x, int i) {
  return x.v[i];
}

// As `along_row`, two vectors at a time as long as there are so many: body.operator()<V>(x, count), where V
// is Abreast<F, 2> or F.
template <class F, class Body>
FS_HD void along_row_abreast(int width, const Body& body) {
  using Two = Abreast<F, 2>;
  int x = 0;
  for (; x + Lanes<Two>::width <= width; x += Lanes<Two>::width)
    body.template operator()<Two>(x, Lanes<Two>::width);
  for (; x < width; x += Lanes<F>::width) body.template operator()<F>(x, lower(width - x, Lanes<F>::width));
}

}  // namespace fs
