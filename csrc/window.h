// Chooses how a map is anti-aliased and copies the part of a plane that it reaches into a window.
#pragma once

#include "affine.h"
#include "buffer.h"
#include "sample.h"

namespace fs {

inline constexpr int kMaxLog2 =
    7;  // of a reduction: pairs of 128 rows of 8-bit samples still sum up in 16 bits

// The footprint of an output pixel in a plane, as box reduction by 2^log2 followed by count_1 x count_2
// bilinear taps.
//
// The unit square under the linear map L has the covariance L L^T / 12. Reduction by r and interpolation
// between the reduced cells account for (3 r^2 - 2) / 12 of it more than plain interpolation does; the taps,
// spread along the columns of the symmetric root of the remainder, supply the rest. All of it is continuous
// in L except at the steps of r, where the covariance still agrees, so a slow zoom shows no jumps. A map that
// enlarges gets one tap.
struct Footprint {
  int log2_x = 0, log2_y = 0;
  int count_1 = 1, count_2 = 1;
  double tap_1x = 0, tap_1y = 0, tap_2x = 0, tap_2y = 0;  // steps between taps, in the plane's samples
};
Footprint plan(const Affine& map);

// The cells of a reduced plane that an output rectangle needs, one ring beyond the plane's edge included.
struct WindowShape {
  Footprint footprint;
  int cell_x0, cell_y0;  // cell (0, 0) covers the plane's samples from 0 on; -1 is the ring
  int width, height;     // in cells, at least 2
};

// map: output pixels to the plane; the window serves output columns x0..x1-1 and rows y0..y1-1.
WindowShape window_shape(const Affine& map, int plane_width, int plane_height, int x0, int x1, int y0,
                         int y1);

// A sampler of the window for output coordinates relative to pixel (0, 0); its plane pointers are still to be
// set.
Sampler window_sampler(const Affine& map, const WindowShape& shape);

// A plane, the window to copy and reduce it into (`shape.width` cells a row), and what lies outside the
// plane: its nearest sample, or the code value `black`.
template <class T>
struct WindowFill {
  PlaneView<const T> plane;
  int bits;  // of the words, `ColorSpec::word_bits`
  WindowShape shape;
  Border border;
  int black;
  std::uint16_t* out;
  std::uint32_t* sums;             // scratch, 2 x `window_scratch(shape)`
  int origin_x = 0, origin_y = 0;  // where the plane's first sample lies in the cells' grid, in samples
};

template <class T>
FS_HD const T* source_row(const WindowFill<T>& p, int y) {
  const int last = p.plane.height - 1;
  return p.plane.row(y < 0 ? 0 : y > last ? last : y);
}

template <class T>
FS_HD bool is_black(const WindowFill<T>& p, int y) {
  return p.border == Border::kBlack && (y < 0 || y >= p.plane.height);
}

// A sum of 2^shift code values as a 16-bit window value.
FS_HD std::uint16_t cell_mean(std::uint32_t total, int bits, int shift) {
  return static_cast<std::uint16_t>(((total << (16 - bits)) + ((1u << shift) >> 1)) >> shift);
}

// One cell, sample by sample: whole cells on the GPU, those that hang over an edge on the CPU.
template <class T>
FS_HD std::uint16_t window_cell(const WindowFill<T>& p, int cell_x, int cell_y) {
  const Footprint& f = p.shape.footprint;
  const int last = p.plane.width - 1;
  std::uint32_t total = 0;
  for (int j = 0; j < 1 << f.log2_y; ++j) {
    const int y = cell_y * (1 << f.log2_y) + j - p.origin_y;
    const T* row = source_row(p, y);
    for (int i = 0; i < 1 << f.log2_x; ++i) {
      const int x = cell_x * (1 << f.log2_x) + i - p.origin_x;
      const bool black = is_black(p, y) || (p.border == Border::kBlack && (x < 0 || x > last));
      total += black ? static_cast<std::uint32_t>(p.black)
                     : row[(x < 0      ? 0
                            : x > last ? last
                                       : x) *
                           p.plane.step];
    }
  }
  return cell_mean(total, p.bits, f.log2_x + f.log2_y);
}

// How many samples a window needs, those that may be read after it included.
inline std::size_t window_size(const WindowShape& shape) {
  return static_cast<std::size_t>(shape.width) * static_cast<std::size_t>(shape.height) + kSamplerMargin;
}

// How many 32-bit numbers a window's scratch holds.
FS_HD std::size_t window_scratch(const WindowShape& shape) {
  return static_cast<std::size_t>(shape.width) << (shape.footprint.log2_x + 1);
}

}  // namespace fs
