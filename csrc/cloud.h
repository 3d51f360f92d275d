// A cloud: a picture's colours, gathered in the cells of a cube.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "color.h"

namespace fs {

inline constexpr int kCloudSide = 16;  // cells of a cloud along R', G' and B'
inline constexpr int kCloudCells = kCloudSide * kCloudSide * kCloudSide;
inline constexpr int kSumNumbers = 4;      // of a cell: weight, and its colours' weighted sums
inline constexpr int kCellNumbers = 5;     // of a cell in a list: its number before those
inline constexpr int kListedCells = 1024;  // a list has room for; faces fill a hundred or two
inline constexpr int kCloudNumbers = 1 + kListedCells * kCellNumbers;  // of a list

// A list of the cells that are filled, in their order: the whole weight, then kCellNumbers for each, and
// zeros up to kCloudNumbers. Where more than kListedCells are filled, two by two by two are joined, see
// `joined_cell`.
struct CellList {
  const double* numbers;

  double weight() const { return numbers[0]; }
  const double* cell(int i) const { return numbers + 1 + static_cast<std::ptrdiff_t>(i) * kCellNumbers; }
  bool ends(int i) const { return i == kListedCells || !(cell(i)[1] > 0.0); }
};

// The number of the cell of a colour in 0..1.
template <class F>
FS_HD F cloud_cell(const F (&rgb)[3]) {
  const F side = Lanes<F>::set(static_cast<float>(kCloudSide));
  F cell = Lanes<F>::set(0.0f);
  for (int c = 0; c < 3; ++c) cell = cell * side + to_float(lower(truncate(rgb[c] * side), kCloudSide - 1));
  return cell;
}

// The cell whose number cell n gets when eight are joined: the one of them with the least R', G' and B'.
FS_HD int joined_cell(int n) {
  const int r = n / (kCloudSide * kCloudSide), g = n / kCloudSide % kCloudSide, b = n % kCloudSide;
  return ((r & ~1) * kCloudSide + (g & ~1)) * kCloudSide + (b & ~1);
}

// The cloud of some pixels, into kCloudNumbers. Sums run along the rows, so that they are the same on any
// number of threads.
void gather_cloud(const PixelRows& rows, double* out);

// The mean colour of a cloud.
std::array<double, 3> mean_of(const CellList& list);

// The sum of clouds times their shares, each first moved so that its mean colour is that of cloud `like`;
// below 0 none is moved. Cells keep their pixels.
void join_clouds(const std::vector<CellList>& clouds, const std::vector<double>& shares, int like,
                 double* out);

}  // namespace fs
