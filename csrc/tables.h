// Colour match by tables: the histograms of each channel, or of many directions one after the other.
#pragma once

#include <vector>

#include "cloud.h"

namespace fs {

inline constexpr int kBins = 256;        // of a channel's histogram
inline constexpr int kSlices = 4;        // rounds of the sliced transport
inline constexpr int kSliceBins = 64;    // of its histograms
inline constexpr int kLatticeSide = 17;  // nodes of a lattice along R', G' and B'
inline constexpr int kLatticeNodes = kLatticeSide * kLatticeSide * kLatticeSide;
inline constexpr int kLatticeUnit = 0x7fff;  // 1 in its numbers

// One round: the colour is turned into three axes at right angles, each coordinate is moved by what its table
// says, and the moves are turned back.
struct TableRound {
  int bins;
  float axis[3][3];
  float low[3], scale[3];  // (coordinate - low) * scale is a position in the table
  float move[3][kBins];
};

// How far the colour at a node of the colour cube's lattice is moved in R', G' and B', and beside each number
// that of the next node along B'. Node (r, g, b) is number (r * kLatticeSide + g) * kLatticeSide + b.
struct alignas(16) LatticeNode {
  std::int16_t move[3][2];
  std::int16_t unused[2];
};

// By the lattice of its rounds, or by its one round where there is none. Without rounds the colour stays.
struct TableMap {
  std::vector<TableRound> rounds;
  std::vector<LatticeNode> lattice;
  float strength;
};

// Node n's R', G' or B', for c = 0, 1 and 2.
FS_HD float lattice_color(int n, int c) {
  const int place = c == 0 ? n / (kLatticeSide * kLatticeSide) : c == 1 ? n / kLatticeSide : n;
  return static_cast<float>(place % kLatticeSide) / static_cast<float>(kLatticeSide - 1);
}

// A move as a number of a lattice.
FS_HD std::int16_t lattice_number(float move) {
  const float cut = lower(upper(move, -1.0f), 1.0f) * static_cast<float>(kLatticeUnit);
  return static_cast<std::int16_t>(cut + (cut < 0.0f ? -0.5f : 0.5f));
}

// Moves x by one round.
template <class F>
FS_HD void apply_round(const TableRound& r, F (&x)[3]) {
  using L = Lanes<F>;
  F moved[3] = {x[0], x[1], x[2]};
  for (int i = 0; i < 3; ++i) {
    const F along = L::set(r.axis[i][0]) * x[0] + L::set(r.axis[i][1]) * x[1] + L::set(r.axis[i][2]) * x[2];
    const F most = L::set(static_cast<float>(r.bins - 1));
    const F at = lower(upper((along - L::set(r.low[i])) * L::set(r.scale[i]), L::set(0.0f)), most);
    const auto bin = lower(truncate(at), r.bins - 2);
    F here, next;
    gather_pair(r.move[i], bin, here, next);
    const F move = here + (at - to_float(bin)) * (next - here);
    for (int c = 0; c < 3; ++c) moved[c] = moved[c] + move * L::set(r.axis[i][c]);
  }
  for (int c = 0; c < 3; ++c) x[c] = moved[c];
}

// The move between eight nodes. index: of the one with the least R', G' and B'. corner: weights of it and of
// those next to it along G', R' and both; b: of the next ones along B'.
FS_HD void lattice_move(const LatticeNode* nodes, int index, const float (&corner)[4], float b,
                        float (&move)[3]) {
  for (float& m : move) m = 0.0f;
  for (int k = 0; k < 4; ++k) {
    const LatticeNode node = nodes[index + (k & 1) * kLatticeSide + (k >> 1) * kLatticeSide * kLatticeSide];
    for (int c = 0; c < 3; ++c) {
      const auto here = static_cast<float>(node.move[c][0]), next = static_cast<float>(node.move[c][1]);
      move[c] = fmadd(corner[k], fmadd(b, next - here, here), move[c]);
    }
  }
  for (float& m : move) m = m * (1.0f / kLatticeUnit);
}

// A pixel's R'G'B' under a lattice, whose moves are mixed along each axis; cut to 0..1.
template <class F>
FS_HD Triple<F> apply_lattice(const LatticeNode* nodes, float strength, F r, F g, F b) {
  using L = Lanes<F>;
  const F in[3] = {clamp_unit(r), clamp_unit(g), clamp_unit(b)};
  F part[3];
  auto index = truncate(L::set(0.0f));
  for (int c = 0; c < 3; ++c) {
    const F at = in[c] * L::set(static_cast<float>(kLatticeSide - 1));
    const auto node = lower(truncate(at), kLatticeSide - 2);
    part[c] = at - to_float(node);
    index = index * kLatticeSide + node;
  }
  const F both = part[0] * part[1], second = part[1] - both;
  const F corner[4] = {(L::set(1.0f) - part[0]) - second, second, part[0] - both, both};
  F move[3];
  lattice_move(nodes, index, corner, part[2], move);
  const F s = L::set(strength);
  return {clamp_unit(fmadd(s, move[0], in[0])), clamp_unit(fmadd(s, move[1], in[1])),
          clamp_unit(fmadd(s, move[2], in[2]))};
}

// A pixel's R'G'B' under all rounds, cut to 0..1.
template <class F>
FS_HD Triple<F> apply_tables(const TableRound* rounds, int count, float strength, F r, F g, F b) {
  const F in[3] = {clamp_unit(r), clamp_unit(g), clamp_unit(b)};
  F x[3] = {in[0], in[1], in[2]};
  for (int i = 0; i < count; ++i) apply_round(rounds[i], x);
  for (int c = 0; c < 3; ++c) x[c] = clamp_unit(in[c] + Lanes<F>::set(strength) * (x[c] - in[c]));
  return {x[0], x[1], x[2]};
}

// Adds pixels to histograms of R', G' and B' (3 x kBins; a value between two bins is shared by them). Returns
// their weight.
double add_to_histograms(const PixelRows& rows, double* histograms);

// Histogram matching in each channel. Both histograms are smoothed by a triangle of a thirty-second of their
// bins to either side, and a thousandth of their weight is spread evenly over all bins. The table follows the
// quantiles (of a bin: half its own weight counts), but never with a slope outside kLeastGain..kMostGain,
// seen from the median outwards. So it changes little when the histograms do.
TableMap histogram_map(const double* face, const double* target, double strength);

// Sliced optimal transport, by the iteration of Pitie, Kokaram and Dahyot, "Automated colour grading using
// colour distribution transfer" (2007): in each round all three axes of a turned frame are matched as above.
// The frames are the identity and then turns by Shoemake's uniform quaternions at the points of Roberts's R3
// sequence, so they are always the same. Each round has half the last one's room between 1 and the limits of
// the slopes, else they would together make contrast out of noise. The rounds are worked out at the nodes of
// a lattice alone, see `add_lattice`.
TableMap sliced_map(const CellList& face, const CellList& target, double strength);

}  // namespace fs
