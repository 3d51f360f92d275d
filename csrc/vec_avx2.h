// Eight lanes: the names of lanes.h for AVX2 with FMA. Included by kernels_avx2.cpp alone.
#pragma once

#include <immintrin.h>

#include "lattice_sum.h"
#include "sample_near.h"

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

FS_HD void store_in_turns(float* p, F8 a, F8 b, F8 c, F8 d) {
  const __m256 ab = _mm256_unpacklo_ps(a.v, b.v), ab2 = _mm256_unpackhi_ps(a.v, b.v);
  const __m256 cd = _mm256_unpacklo_ps(c.v, d.v), cd2 = _mm256_unpackhi_ps(c.v, d.v);
  const __m256 four[4] = {_mm256_shuffle_ps(ab, cd, 0x44), _mm256_shuffle_ps(ab, cd, 0xee),
                          _mm256_shuffle_ps(ab2, cd2, 0x44), _mm256_shuffle_ps(ab2, cd2, 0xee)};
  for (int i = 0; i < 4; ++i) {
    _mm_storeu_ps(p + 4 * i, _mm256_castps256_ps128(four[i]));
    _mm_storeu_ps(p + 16 + 4 * i, _mm256_extractf128_ps(four[i], 1));
  }
}

// Loads lane by lane take no longer than a gather, and on processors whose gathers were slowed down for
// safety far less.
struct Indices {
  alignas(32) std::uint32_t at[8];
  FS_HD explicit Indices(I8 index) {
    _mm256_store_si256(reinterpret_cast<__m256i*>(at), index.v);
    asm("" : "+m"(at));  // else the compiler takes the vector apart in registers, which is slower
  }
};

// Four samples from each of the indices first, first + 1, first + 4 and first + 5 on.
FS_HD __m256i load_fours(const std::uint16_t* data, const Indices& index, int first) {
  const auto two = [&](int lane) __attribute__((always_inline)) {
    const __m128i low = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(data + index.at[lane]));
    return _mm_castps_si128(
        _mm_loadh_pi(_mm_castsi128_ps(low), reinterpret_cast<const __m64*>(data + index.at[lane + 1])));
  };
  return _mm256_inserti128_si256(_mm256_castsi128_si256(two(first)), two(first + 4), 1);
}

// Two samples from each of the indices on, in order.
FS_HD __m256i load_pairs(const std::uint16_t* data, const Indices& index) {
  const auto four = [&](int lane) __attribute__((always_inline)) {
    const auto one = [&](int n)
                         __attribute__((always_inline)) { return _mm_loadu_si32(data + index.at[lane + n]); };
    return _mm_unpacklo_epi64(_mm_unpacklo_epi32(one(0), one(1)), _mm_unpacklo_epi32(one(2), one(3)));
  };
  return _mm256_inserti128_si256(_mm256_castsi128_si256(four(0)), four(4), 1);
}

FS_HD void gather_pair(const float* data, I8 index, F8& at, F8& next) {
  const auto* words = reinterpret_cast<const std::uint16_t*>(data);
  const Indices twice(index * 2);
  const __m256 low = _mm256_castsi256_ps(load_fours(words, twice, 0));
  const __m256 high = _mm256_castsi256_ps(load_fours(words, twice, 2));
  at.v = _mm256_shuffle_ps(low, high, _MM_SHUFFLE(2, 0, 2, 0));
  next.v = _mm256_shuffle_ps(low, high, _MM_SHUFFLE(3, 1, 3, 1));
}

// Pairs of samples times their weights. The products are of signed numbers, so the samples are taken less
// 2^15, which `middle` gives back.
FS_HD __m256i weighted(__m256i samples, __m256i weights) {
  return _mm256_madd_epi16(_mm256_xor_si256(samples, _mm256_set1_epi16(-0x8000)), weights);
}

// Weights of the samples before and after a position: two 16-bit numbers whose sum is `unit`.
FS_HD __m256i pair_weights(F8 fraction, int unit) {
  const __m256i after = _mm256_cvtps_epi32((fraction * F8{_mm256_set1_ps(static_cast<float>(unit))}).v);
  return _mm256_add_epi32(_mm256_slli_epi32(after, 16), _mm256_sub_epi32(_mm256_set1_epi32(unit), after));
}

template <int C>
FS_HD void interpolate_planes(const Sampler& s, const Position<F8>& x, const Position<F8>& y, F8 (&out)[C]) {
  if (s.exact) return interpolate_planes<C, F8>(s, x, y, out);
  constexpr int kUnit = 0x7fff;
  const Indices index(y.index * s.stride + x.index);
  const __m256i weights = pair_weights(x.fraction, kUnit);
  const F8 scale = {_mm256_set1_ps(1.0f / kUnit)}, middle = {_mm256_set1_ps(32768.0f)};
  for (int c = 0; c < C; ++c) {
    const auto row = [&](const std::uint16_t* from) __attribute__((always_inline)) {
      return F8{_mm256_cvtepi32_ps(weighted(load_pairs(from, index), weights))};
    };
    const F8 top = row(s.plane[c]), bottom = row(s.plane[c] + s.stride);
    out[c] = fmadd(fmadd(y.fraction, bottom - top, top), scale, middle);
  }
}

FS_HD F8 interpolate_twice(const std::uint16_t* data, int stride, const Position<F8>& x,
                           const Position<F8>& x2, const Position<F8>& y) {
  constexpr int kUnit = 0x3fff;  // two at one sample still fit
  const Indices index(y.index * stride + x.index);
  const __m256i zero = _mm256_setzero_si256();
  const __m256i apart = _mm256_slli_epi32(_mm256_sub_epi32(x2.index.v, x.index.v), 4);  // in bits
  const __m256i first = pair_weights(x.fraction, kUnit), second = pair_weights(x2.fraction, kUnit);
  const __m256i low_weights = _mm256_add_epi16(
      _mm256_unpacklo_epi32(first, zero),
      _mm256_sllv_epi64(_mm256_unpacklo_epi32(second, zero), _mm256_unpacklo_epi32(apart, zero)));
  const __m256i high_weights = _mm256_add_epi16(
      _mm256_unpackhi_epi32(first, zero),
      _mm256_sllv_epi64(_mm256_unpackhi_epi32(second, zero), _mm256_unpackhi_epi32(apart, zero)));
  const auto row = [&](const std::uint16_t* from) __attribute__((always_inline)) {
    const __m256i low = weighted(load_fours(from, index, 0), low_weights);
    const __m256i high = weighted(load_fours(from, index, 2), high_weights);
    return F8{_mm256_cvtepi32_ps(_mm256_hadd_epi32(low, high))};
  };
  const F8 top = row(data), bottom = row(data + stride);
  return fmadd(fmadd(y.fraction, bottom - top, top), F8{_mm256_set1_ps(1.0f / kUnit)},
               F8{_mm256_set1_ps(2.0f * 32768.0f)});
}

FS_HD void interpolate_in_turns(const Sampler& s, const Position<F8>& x, const Position<F8>& y,
                                F8 (&out)[2]) {
  if (s.exact) return interpolate_in_turns<F8>(s, x, y, out);
  constexpr int kUnit = 0x7fff;
  const std::uint16_t* data = s.plane[0];
  const int below = 2 * s.stride;
  const Indices index((y.index * s.stride + x.index) * 2);
  const __m256i weights = pair_weights(x.fraction, kUnit);
  const __m256i low_weights = _mm256_unpacklo_epi32(weights, weights);
  const __m256i high_weights = _mm256_unpackhi_epi32(weights, weights);
  const __m256i order =
      _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15));
  const auto row = [&](const std::uint16_t* from, int first, __m256i w) __attribute__((always_inline)) {
    const __m256i sorted = _mm256_shuffle_epi8(load_fours(from, index, first), order);
    return F8{_mm256_cvtepi32_ps(weighted(sorted, w))};
  };
  const F8 low_y = {_mm256_unpacklo_ps(y.fraction.v, y.fraction.v)};
  const F8 high_y = {_mm256_unpackhi_ps(y.fraction.v, y.fraction.v)};
  const F8 low_top = row(data, 0, low_weights), low_bottom = row(data + below, 0, low_weights);
  const F8 high_top = row(data, 2, high_weights), high_bottom = row(data + below, 2, high_weights);
  const F8 low = fmadd(low_y, low_bottom - low_top, low_top);
  const F8 high = fmadd(high_y, high_bottom - high_top, high_top);
  const F8 scale = {_mm256_set1_ps(1.0f / kUnit)}, middle = {_mm256_set1_ps(32768.0f)};
  out[0] = fmadd(F8{_mm256_shuffle_ps(low.v, high.v, _MM_SHUFFLE(2, 0, 2, 0))}, scale, middle);
  out[1] = fmadd(F8{_mm256_shuffle_ps(low.v, high.v, _MM_SHUFFLE(3, 1, 3, 1))}, scale, middle);
}

// The two halves of 32-bit numbers.
FS_HD F8 low_half(__m256i a) { return {_mm256_cvtepi32_ps(_mm256_and_si256(a, _mm256_set1_epi32(0xffff)))}; }
FS_HD F8 high_half(__m256i a) { return {_mm256_cvtepi32_ps(_mm256_srli_epi32(a, 16))}; }

FS_HD void load_pair(const std::uint16_t* data, I8 index, F8& left, F8& right) {
  const __m256i both = load_pairs(data, Indices(index));
  left = low_half(both);
  right = high_half(both);
}

FS_HD void load_pair_in_turns(const std::uint16_t* data, I8 index, F8 (&left)[2], F8 (&right)[2]) {
  const Indices twice(index * 2);
  const __m256 low = _mm256_castsi256_ps(load_fours(data, twice, 0));
  const __m256 high = _mm256_castsi256_ps(load_fours(data, twice, 2));
  const __m256i before = _mm256_castps_si256(_mm256_shuffle_ps(low, high, _MM_SHUFFLE(2, 0, 2, 0)));
  const __m256i after = _mm256_castps_si256(_mm256_shuffle_ps(low, high, _MM_SHUFFLE(3, 1, 3, 1)));
  left[0] = low_half(before);
  left[1] = high_half(before);
  right[0] = low_half(after);
  right[1] = high_half(after);
}

FS_HD void lattice_move(const LatticeNode* nodes, I8 index, const F8 (&corner)[4], F8 b, F8 (&move)[3]) {
  alignas(32) std::uint32_t from[8];
  alignas(32) std::int32_t pairs[4][8];
  _mm256_store_si256(reinterpret_cast<__m256i*>(from), index.v);
  const F8 unit = {_mm256_set1_ps(static_cast<float>(kLatticeUnit))};
  for (int k = 0; k < 4; ++k) {
    const F8 both = corner[k] * unit;
    const __m256i after = _mm256_cvtps_epi32((both * b).v);
    const __m256i before = _mm256_sub_epi32(_mm256_cvtps_epi32(both.v), after);
    _mm256_store_si256(reinterpret_cast<__m256i*>(pairs[k]),
                       _mm256_or_si256(_mm256_slli_epi32(after, 16), before));
  }
  asm("" : "+m"(from), "+m"(pairs));  // as in `Indices`
  const auto two = [&](int lane) __attribute__((always_inline)) {
    const __m128i low = lattice_sum<F8>(nodes + from[lane], pairs, lane);
    const __m128i high = lattice_sum<F8>(nodes + from[lane + 4], pairs, lane + 4);
    return _mm256_inserti128_si256(_mm256_castsi128_si256(low), high, 1);
  };
  const __m256i s0 = two(0), s1 = two(1), s2 = two(2), s3 = two(3);
  const __m256i rg = _mm256_unpacklo_epi32(s0, s1), b0 = _mm256_unpackhi_epi32(s0, s1);
  const __m256i rg2 = _mm256_unpacklo_epi32(s2, s3), b2 = _mm256_unpackhi_epi32(s2, s3);
  const F8 scale = {_mm256_set1_ps(1.0f / (static_cast<float>(kLatticeUnit) * kLatticeUnit))};
  move[0] = F8{_mm256_cvtepi32_ps(_mm256_unpacklo_epi64(rg, rg2))} * scale;
  move[1] = F8{_mm256_cvtepi32_ps(_mm256_unpackhi_epi64(rg, rg2))} * scale;
  move[2] = F8{_mm256_cvtepi32_ps(_mm256_unpacklo_epi64(b0, b2))} * scale;
}

FS_HD int first_lane(I8 a) { return _mm_cvtsi128_si32(_mm256_castsi256_si128(a.v)); }
FS_HD int last_lane(I8 a) { return _mm_extract_epi32(_mm256_extracti128_si256(a.v, 1), 3); }

template <>
struct Near<F8> {
  static FS_HD I8 nearest(F8 a) { return {_mm256_cvtps_epi32(a.v)}; }
  static FS_HD I8 pack(I8 low, I8 high) {
    return {_mm256_blend_epi16(low.v, _mm256_slli_epi32(high.v, 16), 0xaa)};
  }

  // In eight samples of a row for the first four lanes, and eight for the others.
  template <int C>
  struct Pairs {
    static constexpr int kMostColumns = 12;
    __m256i bytes;
    std::ptrdiff_t low, high;  // where they begin, seen from x0
    FS_HD Pairs(I8 x, int x0) {
      const __m256i from = _mm256_sub_epi32(x.v, _mm256_set1_epi32(x0));
      const __m256i begin = _mm256_min_epi32(from, _mm256_shuffle_epi32(from, _MM_SHUFFLE(3, 3, 3, 3)));
      low = _mm256_cvtsi256_si32(begin);
      high = _mm_cvtsi128_si32(_mm256_extracti128_si256(begin, 1));
      const __m256i twice = _mm256_slli_epi32(_mm256_sub_epi32(from, _mm256_shuffle_epi32(begin, 0)), 1);
      const __m256i both = _mm256_or_si256(twice, _mm256_slli_epi32(twice, 8));
      bytes =
          _mm256_add_epi32(_mm256_or_si256(both, _mm256_slli_epi32(both, 16)), _mm256_set1_epi32(0x03020100));
    }
    FS_HD void weigh(const Sampler& s, std::ptrdiff_t at, I8 weights, I8 (&out)[C]) const {
      const auto half = [](const std::uint16_t* from) __attribute__((always_inline)) {
        return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
      };
      for (int c = 0; c < C; ++c) {
        const std::uint16_t* from = s.plane[c] + at;
        const __m256i near =
            _mm256_inserti128_si256(_mm256_castsi128_si256(half(from + low)), half(from + high), 1);
        out[c].v = weighted(_mm256_shuffle_epi8(near, bytes), weights.v);
      }
    }
  };
};

// Of two planes in turns: in eight pairs of numbers.
template <>
struct Near<F8>::Pairs<2> {
  static constexpr int kMostColumns = 7;
  __m256i lanes;
  FS_HD Pairs(I8 x, int x0) : lanes(_mm256_sub_epi32(x.v, _mm256_set1_epi32(x0))) {}
  FS_HD void weigh(const Sampler& s, std::ptrdiff_t at, I8 weights, I8 (&out)[2]) const {
    const auto* from = reinterpret_cast<const __m256i*>(s.plane[0] + 2 * at);
    const auto* next = reinterpret_cast<const __m256i*>(s.plane[0] + 2 * (at + 1));
    const __m256i a = _mm256_permutevar8x32_epi32(_mm256_loadu_si256(from), lanes);
    const __m256i b = _mm256_permutevar8x32_epi32(_mm256_loadu_si256(next), lanes);
    out[0].v = weighted(_mm256_blend_epi16(a, _mm256_slli_epi32(b, 16), 0xaa), weights.v);
    out[1].v = weighted(_mm256_blend_epi16(_mm256_srli_epi32(a, 16), b, 0xaa), weights.v);
  }
};

template <int T, int C>
FS_HD void filter_squares(const Sampler& s, I8 x, I8 y, const F8 (&wu)[T], const F8 (&wv)[T], F8 (&out)[C]) {
  const Reach reach = reach_of(x, y);
  if (s.exact || reach.columns > Near<F8>::Pairs<C>::kMostColumns || reach.rows > 7)
    return filter_squares<T, C, F8, I8>(s, x, y, wu, wv, out);
  filter_near(s, reach, x, y, wu, wv, out);
}

}  // namespace fs
