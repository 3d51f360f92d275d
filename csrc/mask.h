// Mask: where the new face shows, at crop size.
#pragma once

#include <cstddef>
#include <cstdint>

#include "buffer.h"
#include "hd.h"

namespace fs {

// Masks are 15-bit while they are worked on: whole numbers make running sums exact, so what is zero stays
// zero.
inline constexpr int kMaskOne = 32767;

FS_HD float mask_unit(float x) {  // NaN counts as 0
  const float positive = x > 0.0f ? x : 0.0f;
  return positive < 1.0f ? positive : 1.0f;
}
FS_HD std::int16_t mask_rounded(float x) {
  return static_cast<std::int16_t>(static_cast<std::int32_t>(x + 0.5f));
}
FS_HD std::int16_t mask_fixed(float x) { return mask_rounded(x * kMaskOne); }
FS_HD float mask_float(std::int16_t x) { return static_cast<float>(x) * (1.0f / kMaskOne); }

// What masks shrink and grow by: a square of half-width `square` widened by a diamond of radius `diamond`.
// Two diagonal lines alone reach every second pixel only; the square, which is never empty, fills the gaps.
struct Octagon {
  int square, diamond;
  FS_HD explicit Octagon(int radius)
      : square(static_cast<int>(radius * 0.41421356237309515 + 0.5)), diamond(0) {
    if (square < 1 && radius > 0) square = 1;
    diamond = radius - square;
  }
};

// A rectangle of the crop: columns x0..x0+width-1 and rows y0..y0+height-1.
struct Rect {
  int x0 = 0, y0 = 0, width = 0, height = 0;
  std::size_t area() const { return static_cast<std::size_t>(width) * static_cast<std::size_t>(height); }
};

struct MaskPlane {
  std::int16_t* data;
  int width, height;  // rows follow each other without gaps; beyond the edges the mask is 0
};

enum class MaskJoin { kProduct, kUnion };

struct MaskParams {
  int size;
  int erode;    // pixels; below 0 the mask grows
  int feather;  // pixels: half the width of the soft edge
  MaskJoin join = MaskJoin::kProduct;
};

// Throws std::invalid_argument unless, as fractions of the crop's side, erode lies in -0.5..0.5 and feather
// in 0..0.5.
MaskParams mask_params(int size, double erode, double feather, MaskJoin join = MaskJoin::kProduct);

// What a face's mask is made of, at crop size: `shapes` outlines of `points` pairs of x and y, and a picture
// of size x size; one of the two may be null. The matte, a picture or null, is no part of the shape: it
// multiplies the finished mask.
struct MaskSource {
  const float* outlines;
  int shapes;
  int points;
  const float* generated;
  const float* matte;
};

// Throws std::invalid_argument when there is neither an outline nor a generated mask, or a point is not
// finite.
void require_sane(const MaskSource& source);

struct MaskScratch {
  Buffer<float> cells;
  Buffer<std::int16_t> planes[3], wide[2];
  Buffer<std::uint32_t> sums;
};

// The part of the crop outside of which the mask is 0. Starts at a multiple of 16 columns; may be empty.
Rect mask_rect(const MaskSource& source, const MaskParams& params);

// The mask within `rect`, rows of rect.width floats in 0..1, and 0 on the crop's border.
//
// Outlines and generated mask are joined: their product, or the greatest of them. That is shrunk by erode +
// feather and then softened by feather, so the soft edge lies inside the mask shrunk by erode; where that
// leaves nothing, feather is halved until something is left. The matte multiplies the result.
void build_mask(const MaskParams& params, const MaskSource& source, const Rect& rect, MaskScratch& scratch,
                float* out);

// `count` faces; out: count x size x size.
void mask(const MaskSource* sources, int count, const MaskParams& params, float* out);

// Signed areas of a closed outline: a running sum down the columns of `cells`, rect.height + 1 rows, gives
// coverage.
void fill_outline(const float* outline, int points, const Rect& rect, float* cells);

// Shrinks by an octagon of that radius. All of these leave their result in `mask`; `spare` has room for as
// much.
void erode(MaskPlane mask, std::int16_t* spare, int radius);

// Grows by the same octagon; what reaches beyond the edges is cut off.
void dilate(MaskPlane mask, Buffer<std::int16_t> (&wide)[2], int radius);

// Three box filters one after the other, which reach `radius` pixels in all: near to a Gaussian of deviation
// radius / sqrt(3).
void feather(MaskPlane mask, std::int16_t* spare, Buffer<std::uint32_t>& sums, int radius);

}  // namespace fs
