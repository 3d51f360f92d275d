// A cloud: a picture's colours, gathered in the cells of a cube.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "color.h"

namespace fs {

inline constexpr int kCloudSide = 16;  // cells of a cloud along R', G' and B'
inline constexpr int kCloudCells = kCloudSide * kCloudSide * kCloudSide;
inline constexpr int kCloudNumbers = 4;  // of a cell: weight, and its colours' weighted sums
inline constexpr int kCellNumbers = 5;   // of a cell in a list: its number before those

// A list of the cells that are filled, as statistics hold it: the whole weight, then kCellNumbers for each
// cell. Lists of one array are made equally long by cells without weight.
struct CellList {
  const double* numbers;
  int cells;

  double weight() const { return numbers[0]; }
  const double* cell(int i) const { return numbers + 1 + static_cast<std::ptrdiff_t>(i) * kCellNumbers; }
};

inline CellList list_view(const std::vector<double>& numbers) {
  return {numbers.data(), static_cast<int>((numbers.size() - 1) / kCellNumbers)};
}

// The cell of a colour in 0..1.
FS_HD int cloud_cell(float r, float g, float b) {
  const auto along = [](float value) {
    return lower(static_cast<int>(value * static_cast<float>(kCloudSide)), kCloudSide - 1);
  };
  return (along(r) * kCloudSide + along(g)) * kCloudSide + along(b);
}

// The cloud of some pixels as a list in the order of the cells. Sums run along the rows, so that they are the
// same on any number of threads.
std::vector<double> cloud_of(const PixelRows& rows);

// The same of a dense cloud: the whole weight, then kCloudNumbers for each cell.
std::vector<double> list_of(const double* dense);

// The mean colour of a cloud.
std::array<double, 3> mean_of(const CellList& list);

// The sum of clouds times their shares, each first moved so that its mean colour is that of cloud `like`;
// below 0 none is moved. Cells keep their pixels.
std::vector<double> joined_clouds(const std::vector<CellList>& clouds, const std::vector<double>& shares,
                                  int like);

}  // namespace fs
