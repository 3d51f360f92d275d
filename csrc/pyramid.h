// Pyramids: planes of cells, each level half as wide and high as the one before, rounded up.
//
// Cells lie between those of the finer level (cell c covers the finer cells 2c and 2c + 1), so a plane and
// its reductions stay centred on each other. The membrane's multigrid (poisson.h) and the bands (multiband.h)
// share this.
#pragma once

#include <cstddef>

#include "lanes.h"

namespace fs {

// The size of a plane of cells, and how far apart its rows lie.
struct Grid {
  int width, height;
  std::ptrdiff_t pitch;
  FS_HD bool holds(int x, int y) const { return x >= 0 && x < width && y >= 0 && y < height; }
};

FS_HD int halved(int count) { return (count + 1) / 2; }

// Four neighbours in a line as one of half the resolution: the weights 1 3 3 1 over 8.
template <class F>
FS_HD F halved_line(F a, F b, F c, F d) {
  using L = Lanes<F>;
  return L::set(0.375f) * (b + c) + L::set(0.125f) * (a + d);
}

// Linear interpolation a quarter of the way to the neighbour.
template <class F>
FS_HD F doubled_line(F near, F far) {
  using L = Lanes<F>;
  return L::set(0.75f) * near + L::set(0.25f) * far;
}

// The coarse neighbour that lies on cell `at`'s side; beyond the edges lies the last cell.
FS_HD int coarse_beside(int at, int count) {
  const int other = at / 2 + (at % 2 == 0 ? -1 : 1);
  return other < 0 ? 0 : other < count ? other : count - 1;
}

// Cell (x, y) of the halved plane; beyond the edges lies 0.
FS_HD float halved_cell(const float* fine, const Grid& grid, int x, int y) {
  float line[4];
  for (int i = 0; i < 4; ++i) {
    float v[4];
    for (int j = 0; j < 4; ++j) {
      const int column = 2 * x - 1 + i, row = 2 * y - 1 + j;
      v[j] = grid.holds(column, row) ? fine[row * grid.pitch + column] : 0.0f;
    }
    line[i] = halved_line(v[0], v[1], v[2], v[3]);
  }
  return halved_line(line[0], line[1], line[2], line[3]);
}

// Cell (x, y) of the plane that `coarse` is the half of.
FS_HD float doubled_cell(const float* coarse, const Grid& grid, int x, int y) {
  const float* near = coarse + y / 2 * grid.pitch;
  const float* far = coarse + coarse_beside(y, grid.height) * grid.pitch;
  const int other = coarse_beside(x, grid.width);
  return doubled_line(doubled_line(near[x / 2], far[x / 2]), doubled_line(near[other], far[other]));
}

// The sum of the finer cells that cell (x, y) covers.
FS_HD float summed_cell(const float* fine, const Grid& grid, int x, int y) {
  const float* row = fine + 2 * y * grid.pitch;
  const bool right = 2 * x + 1 < grid.width, below = 2 * y + 1 < grid.height;
  const auto column = [&](int i) { return row[i] + (below ? row[grid.pitch + i] : 0.0f); };
  return column(2 * x) + (right ? column(2 * x + 1) : 0.0f);
}

// out = halved(in), the sums of in, or scale times doubled(in).
struct PyramidStep {
  const float* in;
  Grid from;
  float* out;
  Grid to;
  float* line;         // scratch: the wider row and 8 floats more
  const float* scale;  // of doubling, cells as in `out`; null is 1
  bool adds;           // doubling adds to what is there
};

}  // namespace fs
