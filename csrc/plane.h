// Views of pictures that somebody else owns.
#pragma once

#include <cstddef>
#include <cstdint>

#include "hd.h"

namespace fs {

// Rows that are worked on are short and far apart, and the processor does not see the next ones coming: loops
// ask for them this many rows ahead.
inline constexpr int kRowsAhead = 2;

// One plane of samples. Strides count samples and may be negative; `step` is 2 for the interleaved chroma of
// nv12, so planar and semi-planar pictures are the same code.
template <class T>
struct PlaneView {
  T* data = nullptr;
  std::ptrdiff_t stride = 0;  // from one row to the next
  std::ptrdiff_t step = 1;    // from one sample to the next
  int width = 0;
  int height = 0;

  FS_HD T* row(int y) const { return data + stride * y; }
};

// kGbr: no matrix, the planes are G, B and R (H.273's "identity").
enum class Matrix { kBt601, kBt709, kBt2020, kGbr };
enum class Siting { kLeft, kCenter, kTopLeft };
// How code values stand for light: kSdr is every gamma curve (BT.709, sRGB, ...).
enum class Transfer { kSdr, kPq, kHlg };
enum class Border { kReplicate, kBlack };

// How code values map to R'G'B' and where chroma samples lie (ITU-T H.273).
struct ColorSpec {
  Matrix matrix = Matrix::kBt709;
  bool full_range = false;
  Siting siting = Siting::kLeft;
  int bits = 8;
  int log2_sub_x = 1;  // 4:2:0 is (1, 1), 4:2:2 (1, 0), 4:4:4 (0, 0)
  int log2_sub_y = 1;
  int shift = 0;  // how far the code values are moved up in their words: 6 for p010
  Transfer transfer = Transfer::kSdr;
  bool gray = false;  // luma alone: U and V are one constant sample that is never written to

  FS_HD int word_bits() const { return bits + shift; }
};

template <class T>
struct Picture {
  PlaneView<T> y, u, v;
  ColorSpec color;
};

// A 2x3 map. Coordinates are continuous: sample (i, j) covers [j, j+1) x [i, i+1).
struct Affine {
  double xx = 1, xy = 0, x0 = 0;  // x' = xx * x + xy * y + x0
  double yx = 0, yy = 1, y0 = 0;  // y' = yx * x + yy * y + y0
};

}  // namespace fs
