// Mask: where the new face shows, at crop size.
#pragma once

#include <cstdint>

#include "buffer.h"

namespace fs {

// Masks are 15-bit here: whole numbers make running sums exact, so what is zero stays zero.
inline constexpr int kMaskOne = 32767;

struct MaskParams {
  int size;
  int erode;    // pixels
  int feather;  // pixels: half the width of the soft edge
};

struct MaskScratch {
  Buffer<float> coverage;
  Buffer<std::int16_t> planes[3];
  Buffer<std::uint32_t> sums;
};

// Area of each pixel that a closed outline covers (crop pixels, `points` pairs of x and y), 0..1.
void fill_outline(const float* outline, int points, int size, float* coverage);

// Shrinks by an octagon of that radius; beyond the edge of the picture the mask is 0. `spare` is of the same
// size.
void erode(std::int16_t* mask, std::int16_t* spare, int size, int radius);

// Three box filters one after the other, which reach `radius` pixels in all: near to a Gaussian of deviation
// radius / sqrt(3).
void feather(std::int16_t* mask, std::int16_t* spare, MaskScratch& scratch, int size, int radius);

// One face. outline and generated may be null, not both: their product is shrunk by erode + feather and then
// softened by feather, so the soft edge lies inside the mask shrunk by erode; where that leaves nothing,
// feather is halved until something is left. The result is 0 on the crop's border.
void build_mask(const MaskParams& params, const float* outline, int points, const float* generated,
                MaskScratch& scratch, float* out);

// `count` faces. outlines: count x points x 2 or null; generated and out: count x size x size.
// erode and feather are fractions of the crop's side. Throws std::invalid_argument for outlines that are not
// finite.
void mask(const float* outlines, int points, const float* generated, int count, int size, double erode,
          double feather, float* out);

}  // namespace fs
