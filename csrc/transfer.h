// The colour match of every mode in two steps: statistics, which may be added up over frames, and the map
// that follows from them.
#pragma once

#include <array>

#include "color.h"
#include "tables.h"

namespace fs {

inline constexpr int kMomentNumbers = 10;  // of a mode that uses moments: weight, first, second

// How many numbers the statistics of one picture are: first the weight in pixels, then moments, histograms or
// the list of a cloud's cells. All are sums over pixels, so those of several frames may be added or averaged,
// clouds by `join_clouds`.
int statistics_size(ColorMode mode);

// Adds the rows' statistics to `out`; a cloud takes the place of what was there. For moments the rows must be
// cut at multiples of kMomentRows of the crop and added in order; `values` as in Kernels::moments.
void add_statistics(const PixelRows& rows, ColorMode mode, double* out, const ChannelRows* values = nullptr);

struct ColorTransfer {
  bool linear;  // by `map`, else by `tables`
  ColorMap map;
  TableMap tables;
};

// The map's lattice is still to be made.
ColorTransfer color_transfer(const double* face, const double* target, ColorMode mode, double strength);

// The mean R'G'B' of a face with statistics `own` under a map of tables; 0 where they have no weight.
std::array<double, 3> mapped_mean(const TableMap& map, const double* own, ColorMode mode);

// Works out a map's rounds at the nodes of a lattice, where there are several.
void add_lattice(TableMap& map);

// `count` pairs of pictures under one mask each. faces, targets: count x 3 x size x size R'G'B'; masks: count
// x size x size; out: count x 2 x statistics_size(mode), the face's and the target's.
void color_statistics(const float* faces, const float* targets, const float* masks, int count, int size,
                      ColorMode mode, double* out);

// out: count x 3 x size x size, may be faces. statistics: as color_statistics gave them.
void match_color(const float* faces, const double* statistics, int count, int size, ColorMode mode,
                 double strength, float* out);

// Rows of pixels through a map of tables; out may be in.
void apply_tables(const TableMap& map, const PixelRows& rows, const ChannelRows& out);

}  // namespace fs
