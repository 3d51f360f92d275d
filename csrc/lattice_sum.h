// What the x86 levels share of `lattice_move`.
#pragma once

#include <immintrin.h>

#include "tables.h"

namespace fs {

// The sum of eight nodes times their weights for one lane: (r, g, b, unused) times kLatticeUnit squared.
// pairs: for each corner and lane two 15-bit weights, of the node and of the next one along B'.
template <class F, int kLanes>
FS_HD __m128i lattice_sum(const LatticeNode* node, const std::int32_t (&pairs)[4][kLanes], int lane) {
  const auto corner = [&](int k, int offset) __attribute__((always_inline)) {
    return _mm_madd_epi16(_mm_load_si128(reinterpret_cast<const __m128i*>(node + offset)),
                          _mm_set1_epi32(pairs[k][lane]));
  };
  constexpr int kRed = kLatticeSide * kLatticeSide;
  return _mm_add_epi32(_mm_add_epi32(corner(0, 0), corner(1, kLatticeSide)),
                       _mm_add_epi32(corner(2, kRed), corner(3, kRed + kLatticeSide)));
}

}  // namespace fs
