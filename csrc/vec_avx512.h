// Sixteen lanes: the names of lanes.h for AVX-512. Included by kernels_avx512.cpp alone.
#pragma once

#include <immintrin.h>

#include "lattice_sum.h"
#include "sample_near.h"

namespace fs {

struct F16 {
  __m512 v;
};
struct I16 {
  __m512i v;
};

FS_HD F16 operator+(F16 a, F16 b) { return {_mm512_add_ps(a.v, b.v)}; }
FS_HD F16 operator-(F16 a, F16 b) { return {_mm512_sub_ps(a.v, b.v)}; }
FS_HD F16 operator*(F16 a, F16 b) { return {_mm512_mul_ps(a.v, b.v)}; }
FS_HD F16 operator/(F16 a, F16 b) { return {_mm512_div_ps(a.v, b.v)}; }
FS_HD I16 operator+(I16 a, I16 b) { return {_mm512_add_epi32(a.v, b.v)}; }
FS_HD I16 operator-(I16 a, I16 b) { return {_mm512_sub_epi32(a.v, b.v)}; }
FS_HD I16 operator*(I16 a, int b) { return {_mm512_mullo_epi32(a.v, _mm512_set1_epi32(b))}; }

FS_HD F16 fmadd(F16 a, F16 b, F16 c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
FS_HD F16 lower(F16 a, F16 b) { return {_mm512_min_ps(a.v, b.v)}; }
FS_HD F16 upper(F16 a, F16 b) { return {_mm512_max_ps(a.v, b.v)}; }
FS_HD F16 root(F16 a) { return {_mm512_sqrt_ps(a.v)}; }
FS_HD I16 truncate(F16 a) { return {_mm512_cvttps_epi32(a.v)}; }
FS_HD I16 lower(I16 a, int b) { return {_mm512_min_epi32(a.v, _mm512_set1_epi32(b))}; }
FS_HD F16 to_float(I16 a) { return {_mm512_cvtepi32_ps(a.v)}; }
FS_HD F16 choose_less(F16 a, F16 b, F16 yes, F16 no) {
  return {_mm512_mask_blend_ps(_mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ), no.v, yes.v)};
}
FS_HD bool any_above_zero(F16 a) { return _mm512_cmp_ps_mask(a.v, _mm512_setzero_ps(), _CMP_GT_OQ) != 0; }
FS_HD float sum(F16 a) { return _mm512_reduce_add_ps(a.v); }
FS_HD I16 bits_of(F16 a) { return {_mm512_castps_si512(a.v)}; }
FS_HD F16 from_bits(I16 a) { return {_mm512_castsi512_ps(a.v)}; }

FS_HD void store_in_turns(float* p, F16 a, F16 b, F16 c, F16 d) {
  const __m512 ab = _mm512_unpacklo_ps(a.v, b.v), ab2 = _mm512_unpackhi_ps(a.v, b.v);
  const __m512 cd = _mm512_unpacklo_ps(c.v, d.v), cd2 = _mm512_unpackhi_ps(c.v, d.v);
  const __m512 four[4] = {_mm512_shuffle_ps(ab, cd, 0x44), _mm512_shuffle_ps(ab, cd, 0xee),
                          _mm512_shuffle_ps(ab2, cd2, 0x44), _mm512_shuffle_ps(ab2, cd2, 0xee)};
  for (int i = 0; i < 4; ++i) {
    _mm_storeu_ps(p + 4 * i, _mm512_castps512_ps128(four[i]));
    _mm_storeu_ps(p + 16 + 4 * i, _mm512_extractf32x4_ps(four[i], 1));
    _mm_storeu_ps(p + 32 + 4 * i, _mm512_extractf32x4_ps(four[i], 2));
    _mm_storeu_ps(p + 48 + 4 * i, _mm512_extractf32x4_ps(four[i], 3));
  }
}

// Lane by lane, see `Indices` in vec_avx2.h.
FS_HD void gather_pair(const float* data, I16 index, F16& at, F16& next) {
  alignas(64) std::uint32_t lanes[16];
  _mm512_store_si512(lanes, index.v);
  asm("" : "+m"(lanes));
  const auto two = [&](int n) __attribute__((always_inline)) {
    return _mm_loadh_pi(_mm_castsi128_ps(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(data + lanes[n]))),
                        reinterpret_cast<const __m64*>(data + lanes[n + 1]));
  };
  const auto eight = [&](int n) __attribute__((always_inline)) {
    const __m256 a = _mm256_insertf128_ps(_mm256_castps128_ps256(two(n)), two(n + 4), 1);
    const __m256 b = _mm256_insertf128_ps(_mm256_castps128_ps256(two(n + 8)), two(n + 12), 1);
    return _mm512_insertf32x8(_mm512_castps256_ps512(a), b, 1);
  };
  const __m512 low = eight(0), high = eight(2);
  at.v = _mm512_shuffle_ps(low, high, _MM_SHUFFLE(2, 0, 2, 0));
  next.v = _mm512_shuffle_ps(low, high, _MM_SHUFFLE(3, 1, 3, 1));
}

FS_HD void load_pair(const std::uint16_t* data, I16 index, F16& left, F16& right) {
  const __m512i both = _mm512_i32gather_epi32(index.v, data, 2);
  left.v = _mm512_cvtepi32_ps(_mm512_and_si512(both, _mm512_set1_epi32(0xffff)));
  right.v = _mm512_cvtepi32_ps(_mm512_srli_epi32(both, 16));
}

FS_HD void load_two_pairs(const std::uint16_t* data, I16 index, I16 apart, F16& a, F16& b, F16& p, F16& q) {
  const __m512i low = _mm512_i32gather_epi64(_mm512_castsi512_si256(index.v), data, 2);
  const __m512i high = _mm512_i32gather_epi64(_mm512_extracti64x4_epi64(index.v, 1), data, 2);
  const __m512i bits = _mm512_slli_epi32(apart.v, 4);
  const __m512i low_far = _mm512_srlv_epi64(low, _mm512_cvtepu32_epi64(_mm512_castsi512_si256(bits)));
  const __m512i high_far = _mm512_srlv_epi64(high, _mm512_cvtepu32_epi64(_mm512_extracti64x4_epi64(bits, 1)));
  const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  const __m512i near = _mm512_permutex2var_epi32(low, even, high);
  const __m512i far = _mm512_permutex2var_epi32(low_far, even, high_far);
  const __m512i mask = _mm512_set1_epi32(0xffff);
  a.v = _mm512_cvtepi32_ps(_mm512_and_si512(near, mask));
  b.v = _mm512_cvtepi32_ps(_mm512_srli_epi32(near, 16));
  p.v = _mm512_cvtepi32_ps(_mm512_and_si512(far, mask));
  q.v = _mm512_cvtepi32_ps(_mm512_srli_epi32(far, 16));
}

FS_HD void load_pair_in_turns(const std::uint16_t* data, I16 index, F16 (&left)[2], F16 (&right)[2]) {
  const __m512i low = _mm512_i32gather_epi64(_mm512_castsi512_si256(index.v), data, 4);
  const __m512i high = _mm512_i32gather_epi64(_mm512_extracti64x4_epi64(index.v, 1), data, 4);
  const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
  const __m512i odd = _mm512_add_epi32(even, _mm512_set1_epi32(1)), mask = _mm512_set1_epi32(0xffff);
  const __m512i near = _mm512_permutex2var_epi32(low, even, high),
                far = _mm512_permutex2var_epi32(low, odd, high);
  left[0].v = _mm512_cvtepi32_ps(_mm512_and_si512(near, mask));
  left[1].v = _mm512_cvtepi32_ps(_mm512_srli_epi32(near, 16));
  right[0].v = _mm512_cvtepi32_ps(_mm512_and_si512(far, mask));
  right[1].v = _mm512_cvtepi32_ps(_mm512_srli_epi32(far, 16));
}

FS_HD void lattice_move(const LatticeNode* nodes, I16 index, const F16 (&corner)[4], F16 b, F16 (&move)[3]) {
  alignas(64) std::uint32_t from[16];
  alignas(64) std::int32_t pairs[4][16];
  _mm512_store_si512(from, index.v);
  const F16 unit = {_mm512_set1_ps(static_cast<float>(kLatticeUnit))};
  for (int k = 0; k < 4; ++k) {
    const F16 both = corner[k] * unit;
    const __m512i after = _mm512_cvtps_epi32((both * b).v);
    const __m512i before = _mm512_sub_epi32(_mm512_cvtps_epi32(both.v), after);
    _mm512_store_si512(pairs[k], _mm512_or_si512(_mm512_slli_epi32(after, 16), before));
  }
  asm("" : "+m"(from), "+m"(pairs));  // as in `Indices`
  const auto two = [&](int lane) __attribute__((always_inline)) {
    const __m128i low = lattice_sum<F16>(nodes + from[lane], pairs, lane);
    const __m128i high = lattice_sum<F16>(nodes + from[lane + 4], pairs, lane + 4);
    return _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
  };
  const auto four = [&](int lane) __attribute__((always_inline)) {
    return _mm512_inserti64x4(_mm512_castsi256_si512(two(lane)), two(lane + 8), 1);
  };
  const __m512i s0 = four(0), s1 = four(1), s2 = four(2), s3 = four(3);
  const __m512i rg = _mm512_unpacklo_epi32(s0, s1), b0 = _mm512_unpackhi_epi32(s0, s1);
  const __m512i rg2 = _mm512_unpacklo_epi32(s2, s3), b2 = _mm512_unpackhi_epi32(s2, s3);
  const F16 scale = {_mm512_set1_ps(1.0f / (static_cast<float>(kLatticeUnit) * kLatticeUnit))};
  move[0] = F16{_mm512_cvtepi32_ps(_mm512_unpacklo_epi64(rg, rg2))} * scale;
  move[1] = F16{_mm512_cvtepi32_ps(_mm512_unpackhi_epi64(rg, rg2))} * scale;
  move[2] = F16{_mm512_cvtepi32_ps(_mm512_unpacklo_epi64(b0, b2))} * scale;
}

FS_HD int first_lane(I16 a) { return _mm_cvtsi128_si32(_mm512_castsi512_si128(a.v)); }
FS_HD int last_lane(I16 a) { return _mm_extract_epi32(_mm512_extracti32x4_epi32(a.v, 3), 3); }

// More rows than this take longer than a gather.
inline constexpr int kMostRows = 5;

// Walks down the rows that the lanes touch: of each lane keeps pick(row) of its own row as `top`, of the next
// as `bottom`, for each of N numbers that pick(row, out) gives.
template <int N, class Pick>
FS_HD void walk_rows(const Reach& reach, I16 y, const Pick& pick, __m512i (&top)[N], __m512i (&bottom)[N]) {
  pick(0, top);
  pick(1, bottom);
  __m512i now[N];
  for (int i = 0; i < N; ++i) now[i] = bottom[i];
  for (int row = 1; row <= reach.rows; ++row) {
    const __mmask16 here = _mm512_cmpeq_epi32_mask(y.v, _mm512_set1_epi32(reach.y0 + row));
    __m512i next[N];
    pick(row + 1, next);
    for (int i = 0; i < N; ++i) {
      top[i] = _mm512_mask_mov_epi32(top[i], here, now[i]);
      bottom[i] = _mm512_mask_mov_epi32(bottom[i], here, next[i]);
      now[i] = next[i];
    }
  }
}

// Pairs of 16-bit samples in 32-bit lanes, taken apart.
FS_HD Square<F16> square_of(__m512i top, __m512i bottom) {
  const __m512i mask = _mm512_set1_epi32(0xffff);
  return {{_mm512_cvtepi32_ps(_mm512_and_si512(top, mask))},
          {_mm512_cvtepi32_ps(_mm512_srli_epi32(top, 16))},
          {_mm512_cvtepi32_ps(_mm512_and_si512(bottom, mask))},
          {_mm512_cvtepi32_ps(_mm512_srli_epi32(bottom, 16))}};
}

// Numbers of the 16-bit samples x and x + 1, seen from x0.
FS_HD __m512i pair_words(I16 x, int x0) {
  const __m512i from = _mm512_sub_epi32(x.v, _mm512_set1_epi32(x0));
  return _mm512_add_epi32(_mm512_or_si512(from, _mm512_slli_epi32(from, 16)), _mm512_set1_epi32(0x10000));
}

FS_HD void load_square(const std::uint16_t* data, int stride, I16 x, I16 y, Square<F16>& s) {
  const Reach reach = reach_of(x, y);
  if (reach.columns > 30 || reach.rows > kMostRows) return load_square<F16, I16>(data, stride, x, y, s);
  const __m512i words = pair_words(x, reach.x0);
  const std::uint16_t* at = data + static_cast<std::ptrdiff_t>(reach.y0) * stride + reach.x0;
  const auto pick = [&](int row, __m512i(&out)[1]) __attribute__((always_inline)) {
    out[0] =
        _mm512_permutexvar_epi16(words, _mm512_loadu_si512(at + static_cast<std::ptrdiff_t>(row) * stride));
  };
  __m512i top[1], bottom[1];
  walk_rows(reach, y, pick, top, bottom);
  s = square_of(top[0], bottom[0]);
}

FS_HD void load_square_in_turns(const std::uint16_t* data, int stride, I16 x, I16 y, Square<F16> (&s)[2]) {
  const Reach reach = reach_of(x, y);
  if (reach.columns > 30 || reach.rows > kMostRows)
    return load_square_in_turns<F16, I16>(data, stride, x, y, s);
  const __m512i left = _mm512_sub_epi32(x.v, _mm512_set1_epi32(reach.x0));
  const __m512i right = _mm512_add_epi32(left, _mm512_set1_epi32(1));
  const std::uint16_t* at = data + 2 * (static_cast<std::ptrdiff_t>(reach.y0) * stride + reach.x0);
  const auto narrow = [&](int row, __m512i(&out)[2]) __attribute__((always_inline)) {
    const __m512i near = _mm512_loadu_si512(at + static_cast<std::ptrdiff_t>(row) * 2 * stride);
    out[0] = _mm512_permutexvar_epi32(left, near);
    out[1] = _mm512_permutexvar_epi32(right, near);
  };
  const auto wide = [&](int row, __m512i(&out)[2]) __attribute__((always_inline)) {
    const std::uint16_t* from = at + static_cast<std::ptrdiff_t>(row) * 2 * stride;
    const __m512i near = _mm512_loadu_si512(from), far = _mm512_loadu_si512(from + 32);
    out[0] = _mm512_permutex2var_epi32(near, left, far);
    out[1] = _mm512_permutex2var_epi32(near, right, far);
  };
  __m512i top[2], bottom[2];
  reach.columns > 14 ? walk_rows(reach, y, wide, top, bottom) : walk_rows(reach, y, narrow, top, bottom);
  // The planes' numbers are the low and the high halves of a lane, as a pair's two samples are.
  const Square<F16> near = square_of(top[0], bottom[0]), next = square_of(top[1], bottom[1]);
  s[0] = {near.a, next.a, near.p, next.p};
  s[1] = {near.b, next.b, near.q, next.q};
}

FS_HD void load_two_squares(const std::uint16_t* data, int stride, I16 x, I16 x2, I16 y, Square<F16>& s,
                            Square<F16>& t) {
  const Reach reach = reach_of(x, y);
  if (reach.columns > 60 || reach.rows > kMostRows) {
    return load_two_squares<F16, I16>(data, stride, x, x2, y, s, t);
  }
  const __m512i first = pair_words(x, reach.x0), second = pair_words(x2, reach.x0);
  const std::uint16_t* at = data + static_cast<std::ptrdiff_t>(reach.y0) * stride + reach.x0;
  const auto narrow = [&](int row, __m512i(&out)[2]) __attribute__((always_inline)) {
    const __m512i near = _mm512_loadu_si512(at + static_cast<std::ptrdiff_t>(row) * stride);
    out[0] = _mm512_permutexvar_epi16(first, near);
    out[1] = _mm512_permutexvar_epi16(second, near);
  };
  const auto wide = [&](int row, __m512i(&out)[2]) __attribute__((always_inline)) {
    const std::uint16_t* from = at + static_cast<std::ptrdiff_t>(row) * stride;
    const __m512i near = _mm512_loadu_si512(from), far = _mm512_loadu_si512(from + 32);
    out[0] = _mm512_permutex2var_epi16(near, first, far);
    out[1] = _mm512_permutex2var_epi16(near, second, far);
  };
  __m512i top[2], bottom[2];
  reach.columns > 28 ? walk_rows(reach, y, wide, top, bottom) : walk_rows(reach, y, narrow, top, bottom);
  s = square_of(top[0], bottom[0]);
  t = square_of(top[1], bottom[1]);
}

template <>
struct Lanes<F16> {
  static constexpr int width = 16;
  using Int = I16;
  static FS_HD F16 set(float x) { return {_mm512_set1_ps(x)}; }
  static FS_HD F16 index() { return {_mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)}; }
  static FS_HD __mmask16 first(int n) { return static_cast<__mmask16>(n >= 16 ? 0xffffu : (1u << n) - 1u); }
  // Known to the compiler to be a whole vector.
  static FS_HD bool whole(int n) { return __builtin_constant_p(n) && n >= width; }
  static FS_HD F16 load(const float* p, int n) {
    return {whole(n) ? _mm512_loadu_ps(p) : _mm512_maskz_loadu_ps(first(n), p)};
  }
  static FS_HD void store(float* p, F16 x, int n) {
    whole(n) ? _mm512_storeu_ps(p, x.v) : _mm512_mask_storeu_ps(p, first(n), x.v);
  }
  static FS_HD void store_u16_pair(std::uint16_t* p, F16 a, F16 b, int n) {
    const __m512i low = _mm512_min_epu32(_mm512_cvtps_epi32(a.v), _mm512_set1_epi32(0xffff));
    const __m512i high = _mm512_min_epu32(_mm512_cvtps_epi32(b.v), _mm512_set1_epi32(0xffff));
    _mm512_mask_storeu_epi32(p, first(n), _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
  }
  static FS_HD void store_u16(std::uint16_t* p, F16 x, int n) {
    _mm512_mask_cvtusepi32_storeu_epi16(p, first(n), _mm512_cvtps_epi32(x.v));
  }
};

// Pairs of samples times their weights. The products are of signed numbers, so the samples are taken less
// 2^15.
FS_HD __m512i weighted(__m512i samples, __m512i weights) {
  return _mm512_madd_epi16(_mm512_xor_si512(samples, _mm512_set1_epi16(-0x8000)), weights);
}

template <>
struct Near<F16> {
  static FS_HD I16 nearest(F16 a) { return {_mm512_cvtps_epi32(a.v)}; }
  static FS_HD I16 pack(I16 low, I16 high) {
    return {_mm512_mask_blend_epi16(0xaaaaaaaa, low.v, _mm512_slli_epi32(high.v, 16))};
  }

  // In 32 samples of a row.
  template <int C>
  struct Pairs {
    static constexpr int kMostColumns = 30;
    __m512i words;
    FS_HD Pairs(I16 x, int x0) : words(pair_words(x, x0)) {}
    FS_HD void weigh(const Sampler& s, std::ptrdiff_t at, I16 weights, I16 (&out)[C]) const {
      for (int c = 0; c < C; ++c)
        out[c].v = weighted(_mm512_permutexvar_epi16(words, _mm512_loadu_si512(s.plane[c] + at)), weights.v);
    }
  };
};

// Of two planes in turns: in 16 pairs of numbers.
template <>
struct Near<F16>::Pairs<2> {
  static constexpr int kMostColumns = 14;
  __m512i first, second;
  FS_HD Pairs(I16 x, int x0) {
    const __m512i twice = _mm512_slli_epi32(_mm512_sub_epi32(x.v, _mm512_set1_epi32(x0)), 1);
    first =
        _mm512_add_epi32(_mm512_or_si512(twice, _mm512_slli_epi32(twice, 16)), _mm512_set1_epi32(0x20000));
    second = _mm512_add_epi32(first, _mm512_set1_epi32(0x10001));
  }
  FS_HD void weigh(const Sampler& s, std::ptrdiff_t at, I16 weights, I16 (&out)[2]) const {
    const __m512i near = _mm512_loadu_si512(s.plane[0] + 2 * at);
    out[0].v = weighted(_mm512_permutexvar_epi16(first, near), weights.v);
    out[1].v = weighted(_mm512_permutexvar_epi16(second, near), weights.v);
  }
};

template <int T, int C>
FS_HD void filter_squares(const Sampler& s, I16 x, I16 y, const F16 (&wu)[T], const F16 (&wv)[T],
                          F16 (&out)[C]) {
  const Reach reach = reach_of(x, y);
  if (s.exact || reach.columns > Near<F16>::Pairs<C>::kMostColumns || reach.rows > 15)
    return filter_squares<T, C, F16, I16>(s, x, y, wu, wv, out);
  filter_near(s, reach, x, y, wu, wv, out);
}

}  // namespace fs
