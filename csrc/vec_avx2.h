// Eight lanes: the names of lanes.h for AVX2 with FMA. Included by kernels_avx2.cpp alone.
#pragma once

#include <immintrin.h>

#include "sample.h"

namespace fs {

struct F8 {
  __m256 v;
};
struct I8 {
  __m256i v;
};

FS_HD F8 operator+(F8 a, F8 b) { return {_mm256_add_ps(a.v, b.v)}; }
FS_HD F8 operator-(F8 a, F8 b) { return {_mm256_sub_ps(a.v, b.v)}; }
FS_HD F8 operator*(F8 a, F8 b) { return {_mm256_mul_ps(a.v, b.v)}; }
FS_HD F8 operator/(F8 a, F8 b) { return {_mm256_div_ps(a.v, b.v)}; }
FS_HD I8 operator+(I8 a, I8 b) { return {_mm256_add_epi32(a.v, b.v)}; }
FS_HD I8 operator-(I8 a, I8 b) { return {_mm256_sub_epi32(a.v, b.v)}; }
FS_HD I8 operator*(I8 a, int b) { return {_mm256_mullo_epi32(a.v, _mm256_set1_epi32(b))}; }

FS_HD F8 fmadd(F8 a, F8 b, F8 c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
FS_HD F8 lower(F8 a, F8 b) { return {_mm256_min_ps(a.v, b.v)}; }
FS_HD F8 upper(F8 a, F8 b) { return {_mm256_max_ps(a.v, b.v)}; }
FS_HD F8 root(F8 a) { return {_mm256_sqrt_ps(a.v)}; }
FS_HD I8 truncate(F8 a) { return {_mm256_cvttps_epi32(a.v)}; }
FS_HD I8 lower(I8 a, int b) { return {_mm256_min_epi32(a.v, _mm256_set1_epi32(b))}; }
FS_HD F8 to_float(I8 a) { return {_mm256_cvtepi32_ps(a.v)}; }
FS_HD F8 choose_less(F8 a, F8 b, F8 yes, F8 no) {
  return {_mm256_blendv_ps(no.v, yes.v, _mm256_cmp_ps(a.v, b.v, _CMP_LT_OQ))};
}
FS_HD bool any_above_zero(F8 a) {
  return _mm256_movemask_ps(_mm256_cmp_ps(a.v, _mm256_setzero_ps(), _CMP_GT_OQ)) != 0;
}
FS_HD float sum(F8 a) {
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
FS_HD I8 bits_of(F8 a) { return {_mm256_castps_si256(a.v)}; }
FS_HD F8 from_bits(I8 a) { return {_mm256_castsi256_ps(a.v)}; }

FS_HD F8 gather(const float* data, I8 index) { return {_mm256_i32gather_ps(data, index.v, 4)}; }

FS_HD void load_pair(const std::uint16_t* data, I8 index, F8& left, F8& right) {
  const __m256i both = _mm256_i32gather_epi32(reinterpret_cast<const int*>(data), index.v, 2);
  left.v = _mm256_cvtepi32_ps(_mm256_and_si256(both, _mm256_set1_epi32(0xffff)));
  right.v = _mm256_cvtepi32_ps(_mm256_srli_epi32(both, 16));
}

// The even 32-bit numbers of both.
FS_HD __m256i even_of(__m256i low, __m256i high) {
  const __m256 both =
      _mm256_shuffle_ps(_mm256_castsi256_ps(low), _mm256_castsi256_ps(high), _MM_SHUFFLE(2, 0, 2, 0));
  return _mm256_permute4x64_epi64(_mm256_castps_si256(both), _MM_SHUFFLE(3, 1, 2, 0));
}

FS_HD void load_two_pairs(const std::uint16_t* data, I8 index, I8 apart, F8& a, F8& b, F8& p, F8& q) {
  const long long* base = reinterpret_cast<const long long*>(data);
  const __m256i low = _mm256_i32gather_epi64(base, _mm256_castsi256_si128(index.v), 2);
  const __m256i high = _mm256_i32gather_epi64(base, _mm256_extracti128_si256(index.v, 1), 2);
  const __m256i bits = _mm256_slli_epi32(apart.v, 4);
  const __m256i low_far = _mm256_srlv_epi64(low, _mm256_cvtepu32_epi64(_mm256_castsi256_si128(bits)));
  const __m256i high_far = _mm256_srlv_epi64(high, _mm256_cvtepu32_epi64(_mm256_extracti128_si256(bits, 1)));
  const __m256i near = even_of(low, high), far = even_of(low_far, high_far), mask = _mm256_set1_epi32(0xffff);
  a.v = _mm256_cvtepi32_ps(_mm256_and_si256(near, mask));
  b.v = _mm256_cvtepi32_ps(_mm256_srli_epi32(near, 16));
  p.v = _mm256_cvtepi32_ps(_mm256_and_si256(far, mask));
  q.v = _mm256_cvtepi32_ps(_mm256_srli_epi32(far, 16));
}

FS_HD void load_pair_in_turns(const std::uint16_t* data, I8 index, F8 (&left)[2], F8 (&right)[2]) {
  const long long* base = reinterpret_cast<const long long*>(data);
  const __m256i low = _mm256_i32gather_epi64(base, _mm256_castsi256_si128(index.v), 4);
  const __m256i high = _mm256_i32gather_epi64(base, _mm256_extracti128_si256(index.v, 1), 4);
  const __m256i near = even_of(low, high), mask = _mm256_set1_epi32(0xffff);
  const __m256i far = even_of(_mm256_srli_epi64(low, 32), _mm256_srli_epi64(high, 32));
  left[0].v = _mm256_cvtepi32_ps(_mm256_and_si256(near, mask));
  left[1].v = _mm256_cvtepi32_ps(_mm256_srli_epi32(near, 16));
  right[0].v = _mm256_cvtepi32_ps(_mm256_and_si256(far, mask));
  right[1].v = _mm256_cvtepi32_ps(_mm256_srli_epi32(far, 16));
}

FS_HD int first_lane(I8 a) { return _mm_cvtsi128_si32(_mm256_castsi256_si128(a.v)); }
FS_HD int last_lane(I8 a) { return _mm_extract_epi32(_mm256_extracti128_si256(a.v, 1), 3); }

// More rows than this take longer than a gather.
inline constexpr int kMostRows = 3;

// Walks down the rows that the lanes touch: of each lane keeps the left and right sample of its own row and
// of the next. pick(row, left, right) gives a row's.
template <class Pick>
FS_HD void walk_rows(const Reach& reach, I8 y, const Pick& pick, __m256i& a, __m256i& b, __m256i& p,
                     __m256i& q) {
  pick(0, a, b);
  pick(1, p, q);
  __m256i left = p, right = q;
  for (int row = 1; row <= reach.rows; ++row) {
    const __m256i here = _mm256_cmpeq_epi32(y.v, _mm256_set1_epi32(reach.y0 + row));
    a = _mm256_blendv_epi8(a, left, here);
    b = _mm256_blendv_epi8(b, right, here);
    pick(row + 1, left, right);
    p = _mm256_blendv_epi8(p, left, here);
    q = _mm256_blendv_epi8(q, right, here);
  }
}

FS_HD void load_square_in_turns(const std::uint16_t* data, int stride, I8 x, I8 y, Square<F8> (&s)[2]) {
  const Reach reach = reach_of(x, y);
  if (reach.columns > 15 || reach.rows > kMostRows)
    return load_square_in_turns<F8, I8>(data, stride, x, y, s);
  const __m256i from = _mm256_sub_epi32(x.v, _mm256_set1_epi32(reach.x0));
  const std::uint16_t* at = data + 2 * (static_cast<std::ptrdiff_t>(reach.y0) * stride + reach.x0);
  const auto eight = [&](const std::uint16_t* n) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(n));
  };
  const auto narrow = [&](int row, __m256i& left, __m256i& right) __attribute__((always_inline)) {
    const std::uint16_t* n = at + static_cast<std::ptrdiff_t>(row) * 2 * stride;
    left = _mm256_permutevar8x32_epi32(eight(n), from);
    right = _mm256_permutevar8x32_epi32(eight(n + 2), from);
  };
  const __m256i far = _mm256_cmpgt_epi32(from, _mm256_set1_epi32(7));
  const auto wide = [&](int row, __m256i& left, __m256i& right) __attribute__((always_inline)) {
    const std::uint16_t* n = at + static_cast<std::ptrdiff_t>(row) * 2 * stride;
    const auto pick = [&](const std::uint16_t* m) __attribute__((always_inline)) {
      return _mm256_blendv_epi8(_mm256_permutevar8x32_epi32(eight(m), from),
                                _mm256_permutevar8x32_epi32(eight(m + 16), from), far);
    };
    left = pick(n);
    right = pick(n + 2);
  };
  __m256i corners[4];
  reach.columns > 7 ? walk_rows(reach, y, wide, corners[0], corners[1], corners[2], corners[3])
                    : walk_rows(reach, y, narrow, corners[0], corners[1], corners[2], corners[3]);
  F8 low[4], high[4];
  for (int i = 0; i < 4; ++i) {
    low[i].v = _mm256_cvtepi32_ps(_mm256_and_si256(corners[i], _mm256_set1_epi32(0xffff)));
    high[i].v = _mm256_cvtepi32_ps(_mm256_srli_epi32(corners[i], 16));
  }
  s[0] = {low[0], low[1], low[2], low[3]};
  s[1] = {high[0], high[1], high[2], high[3]};
}

template <>
struct Lanes<F8> {
  static constexpr int width = 8;
  using Int = I8;
  static FS_HD F8 set(float x) { return {_mm256_set1_ps(x)}; }
  static FS_HD F8 index() { return {_mm256_setr_ps(0, 1, 2, 3, 4, 5, 6, 7)}; }
  static FS_HD __m256i first(int n) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  }
  // Known to the compiler to be a whole vector.
  static FS_HD bool whole(int n) { return __builtin_constant_p(n) && n >= width; }
  static FS_HD F8 load(const float* p, int n) {
    return {whole(n) ? _mm256_loadu_ps(p) : _mm256_maskload_ps(p, first(n))};
  }
  static FS_HD void store(float* p, F8 x, int n) {
    whole(n) ? _mm256_storeu_ps(p, x.v) : _mm256_maskstore_ps(p, first(n), x.v);
  }
  static FS_HD void store_u16_pair(std::uint16_t* p, F8 a, F8 b, int n) {
    const __m256i low = _mm256_min_epu32(_mm256_cvtps_epi32(a.v), _mm256_set1_epi32(0xffff));
    const __m256i high = _mm256_min_epu32(_mm256_cvtps_epi32(b.v), _mm256_set1_epi32(0xffff));
    const __m256i both = _mm256_or_si256(low, _mm256_slli_epi32(high, 16));
    whole(n) ? _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), both)
             : _mm256_maskstore_epi32(reinterpret_cast<int*>(p), first(n), both);
  }
  static FS_HD void store_u16(std::uint16_t* p, F8 x, int n) {
    const __m256i wide = _mm256_cvtps_epi32(x.v);
    const __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(wide), _mm256_extracti128_si256(wide, 1));
    if (n >= 8) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(p), words);
      return;
    }
    alignas(16) std::uint16_t all[8];
    _mm_store_si128(reinterpret_cast<__m128i*>(all), words);
    for (int i = 0; i < n; ++i) p[i] = all[i];
  }
};

}  // namespace fs
