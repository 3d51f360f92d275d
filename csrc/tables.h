// Colour match by tables: the histograms of each channel, or of many directions one after the other.
#pragma once

#include <vector>

#include "color.h"

namespace fs {

inline constexpr int kBins = 256;        // of a histogram
inline constexpr int kCloudSide = 16;    // cells of the cloud along R', G' and B'
inline constexpr int kCloudNumbers = 4;  // of a cell: weight, and its colours' weighted sums
inline constexpr int kSlices = 8;        // rounds of the sliced transport

// One round: the colour is turned into three axes at right angles, each coordinate is moved by what its table
// says, and the moves are turned back.
struct TableRound {
  float axis[3][3];
  float low[3], scale[3];  // (coordinate - low) * scale is a position in the table
  float move[3][kBins];
};

struct TableMap {
  std::vector<TableRound> rounds;  // none: the colour stays
  float strength;
};

// Moves x by one round.
template <class F>
FS_HD void apply_round(const TableRound& r, F (&x)[3]) {
  using L = Lanes<F>;
  F moved[3] = {x[0], x[1], x[2]};
  for (int i = 0; i < 3; ++i) {
    const F along = L::set(r.axis[i][0]) * x[0] + L::set(r.axis[i][1]) * x[1] + L::set(r.axis[i][2]) * x[2];
    const F most = L::set(static_cast<float>(kBins - 1));
    const F at = lower(upper((along - L::set(r.low[i])) * L::set(r.scale[i]), L::set(0.0f)), most);
    const auto bin = lower(truncate(at), kBins - 2);
    F here, next;
    gather_pair(r.move[i], bin, here, next);
    const F move = here + (at - to_float(bin)) * (next - here);
    for (int c = 0; c < 3; ++c) moved[c] = moved[c] + move * L::set(r.axis[i][c]);
  }
  for (int c = 0; c < 3; ++c) x[c] = moved[c];
}

// A pixel's R'G'B' under the whole map, cut to 0..1.
template <class F>
FS_HD Triple<F> apply_tables(const TableRound* rounds, int count, float strength, F r, F g, F b) {
  const F in[3] = {clamp_unit(r), clamp_unit(g), clamp_unit(b)};
  F x[3] = {in[0], in[1], in[2]};
  for (int i = 0; i < count; ++i) apply_round(rounds[i], x);
  for (int c = 0; c < 3; ++c) x[c] = clamp_unit(in[c] + Lanes<F>::set(strength) * (x[c] - in[c]));
  return {x[0], x[1], x[2]};
}

// Adds pixels to histograms of R', G' and B' (3 x kBins; a value between two bins is shared by them), or to a
// cloud (kCloudSide^3 x kCloudNumbers). Both return the pixels' weight.
double add_to_histograms(const PixelRows& rows, double* histograms);
double add_to_cloud(const PixelRows& rows, double* cloud);

// Histogram matching in each channel. Both histograms are smoothed by a triangle of 8 bins to either side,
// and a thousandth of their weight is spread evenly over all bins. The table follows the quantiles (of a bin:
// half its own weight counts), but never with a slope outside kLeastGain..kMostGain, seen from the median
// outwards. So it changes little when the histograms do.
TableMap histogram_map(const double* face, const double* target, double strength);

// Sliced optimal transport, by the iteration of Pitie, Kokaram and Dahyot, "Automated colour grading using
// colour distribution transfer" (2007): in each round all three axes of a turned frame are matched as above.
// The frames are the identity and then turns by Shoemake's uniform quaternions at the points of Roberts's R3
// sequence, so they are always the same. Each round has half the last one's room between 1 and the limits of
// the slopes, else eight of them would make contrast out of noise.
TableMap sliced_map(const double* face, const double* target, double strength);

}  // namespace fs
