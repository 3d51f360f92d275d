// Colour match: moves the new face's colours to those of the target, from statistics of the masked pixels
// alone.
#pragma once

#include "colorspace.h"

namespace fs {

enum class ColorMode { kNone, kReinhard, kLinear, kMkl, kHistogram, kSliced };

// Whether the mode's statistics are moments, and whether those are taken in L*a*b*.
FS_HD bool uses_moments(ColorMode mode) {
  return mode == ColorMode::kReinhard || mode == ColorMode::kLinear || mode == ColorMode::kMkl;
}
FS_HD bool uses_lab(ColorMode mode) { return mode == ColorMode::kReinhard; }
FS_HD bool uses_tables(ColorMode mode) { return mode == ColorMode::kHistogram || mode == ColorMode::kSliced; }

// Weighted sums over pixels, in L*a*b* or R'G'B', less a pivot near the middle so that squares stay small.
//
// They are taken row by row in runs that start at multiples of 16 pixels, then added up over blocks of rows,
// so the same pixels give the same sums wherever a rectangle around the mask starts, and on any number of
// threads.
struct Moments {
  double weight = 0;
  double first[3] = {0, 0, 0};
  double second[6] = {0, 0, 0, 0, 0, 0};  // 00 01 02 11 12 22

  FS_HD void add(const Moments& other) {
    weight += other.weight;
    for (int i = 0; i < 3; ++i) first[i] += other.first[i];
    for (int i = 0; i < 6; ++i) second[i] += other.second[i];
  }
};

inline constexpr int kMomentRows = 32;  // rows of the crop in a block
inline constexpr float kLabPivot = 50.0f,
                       kRgbPivot = 0.5f;  // of L* (a* and b* have none) and of all of R'G'B'

// x -> matrix x + offset, in L*a*b*, where the matrix is diagonal, or in R'G'B'.
struct ColorMap {
  bool lab;  // as in the mode's statistics
  float matrix[3][3];
  float offset[3];
};

// Rows of planar pixels and their weights, somewhere inside a crop.
struct PixelRows {
  const float* channel[3];
  std::ptrdiff_t pitch;
  const float* mask;
  std::ptrdiff_t mask_pitch;
  int width, height;

  PixelRows rows(int y0, int y1) const {
    PixelRows part = *this;
    for (const float*& c : part.channel) c += y0 * pitch;
    part.mask += y0 * mask_pitch;
    part.height = y1 - y0;
    return part;
  }
};

// Planes to write to, rows as in PixelRows.
struct ChannelRows {
  float* channel[3];
  std::ptrdiff_t pitch;
};

// R'G'B' of any value (NaN is 0) as the channels that statistics are taken of.
template <bool kLab, class F>
FS_HD Triple<F> statistics_space(const Triple<F>& rgb) {
  const Triple<F> in = {clamp_unit(rgb.a), clamp_unit(rgb.b), clamp_unit(rgb.c)};
  if constexpr (kLab) {
    return lab_from_rgb(in);
  } else {
    return in;
  }
}

// The mapped colour of a pixel in the map's own space, as R'G'B'.
template <bool kLab, class F>
FS_HD Triple<F> mapped_rgb(const ColorMap& map, const Triple<F>& in) {
  if constexpr (kLab) {
    using L = Lanes<F>;
    return rgb_from_lab(fmadd(L::set(map.matrix[0][0]), in.a, L::set(map.offset[0])),
                        fmadd(L::set(map.matrix[1][1]), in.b, L::set(map.offset[1])),
                        fmadd(L::set(map.matrix[2][2]), in.c, L::set(map.offset[2])));
  } else {
    return {clamp_unit(row3(map.matrix[0], map.offset[0], in.a, in.b, in.c)),
            clamp_unit(row3(map.matrix[1], map.offset[1], in.a, in.b, in.c)),
            clamp_unit(row3(map.matrix[2], map.offset[2], in.a, in.b, in.c))};
  }
}

// The map from the face's statistics to the target's, for a mode that uses moments.
// Reinhard et al., "Color Transfer between Images" (2001), in CIE L*a*b* instead of l-alpha-beta. In R'G'B':
// linear covariance, T^1/2 F^-1/2 for the covariances F of the face and T of the target; linear
// Monge-Kantorovitch, Pitie and Kokaram, "The linear Monge-Kantorovitch linear colour mapping" (2007).
// All are kept tame: variances are floored and gains (singular values) limited, and almost no weight (16
// pixels) gives the identity. strength mixes with the identity.
ColorMap color_map(const Moments& face, const Moments& target, ColorMode mode, double strength);

inline constexpr double kLeastColorWeight = 16.0;  // pixels
inline constexpr double kLeastGain = 0.6, kMostGain = 1.5;

}  // namespace fs
