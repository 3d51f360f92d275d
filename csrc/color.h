// Colour match: moves the new face's colours to those of the target, from statistics of the masked pixels
// alone.
#pragma once

#include "colorspace.h"

namespace fs {

enum class ColorMode { kNone, kReinhard, kMkl };

// Weighted sums over pixels, in L*a*b* or R'G'B' less `pivot`, so that squares stay small.
struct Moments {
  double weight = 0;
  double first[3] = {0, 0, 0};
  double second[6] = {0, 0, 0, 0, 0, 0};  // 00 01 02 11 12 22
};

// x -> matrix x + offset, in L*a*b* or in R'G'B'.
struct ColorMap {
  bool lab;
  float matrix[3][3];
  float offset[3];
};

// `count` pixels of planar R'G'B' with their weights.
struct PixelRun {
  const float* rgb[3];
  const float* mask;
  int count;
};

template <bool kLab, class F>
FS_HD Triple<F> pivoted(F r, F g, F b) {
  const F half = Lanes<F>::set(0.5f);
  if constexpr (kLab) {
    Triple<F> lab = lab_from_rgb(r, g, b);
    lab.a = lab.a - Lanes<F>::set(50.0f);
    return lab;
  }
  return {clamp_unit(r) - half, clamp_unit(g) - half, clamp_unit(b) - half};
}

template <class F>
FS_HD Triple<F> apply_color(const ColorMap& map, F r, F g, F b) {
  Triple<F> in = {clamp_unit(r), clamp_unit(g), clamp_unit(b)};
  if (map.lab) in = lab_from_rgb(in.a, in.b, in.c);
  const Triple<F> out = {row3(map.matrix[0], map.offset[0], in.a, in.b, in.c),
                         row3(map.matrix[1], map.offset[1], in.a, in.b, in.c),
                         row3(map.matrix[2], map.offset[2], in.a, in.b, in.c)};
  if (map.lab) return rgb_from_lab(out.a, out.b, out.c);
  return {clamp_unit(out.a), clamp_unit(out.b), clamp_unit(out.c)};
}

// The map from the face's statistics to the target's.
// Reinhard et al., "Color Transfer between Images" (2001), in CIE L*a*b* instead of l-alpha-beta; linear
// Monge-Kantorovitch: Pitie and Kokaram, "The linear Monge-Kantorovitch linear colour mapping" (2007), in
// R'G'B'. Both are kept tame: variances are floored and gains limited, and almost no weight (16 pixels) gives
// the identity.
ColorMap color_map(const Moments& face, const Moments& target, ColorMode mode);

// faces, targets, out: count x 3 x size x size R'G'B'; masks: count x size x size. out may be faces.
void match_color(const float* faces, const float* targets, const float* masks, int count, int size,
                 ColorMode mode, float* out);

}  // namespace fs
