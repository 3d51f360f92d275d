// The row loops that exist once per SIMD level.
#pragma once

#include <string>
#include <vector>

#include "blend.h"
#include "color.h"
#include "crop.h"

namespace fs {

struct Kernels {
  const char* name;
  void (*crop_rows)(const CropParams& params, int y0, int y1);
  // Samples `count` planes along a row into out[c][0...]; out has room for whole vectors.
  void (*sample_row)(const Sampler& sampler, int count, int x0, int x1, int y, float* const* out);
  void (*moments)(const PixelRun& run, bool lab, Moments& total);
  void (*apply_color)(const ColorMap& map, const PixelRun& run, float* const* out);
  void (*premultiply)(const PremultiplyParams& params);
};

// The level in use: the widest that this processor has, or what FASTSWAP_SIMD or set_simd chose.
const Kernels& kernels();

// "scalar", "avx2", "avx512" as far as this build and this processor have them, narrowest first.
std::vector<std::string> simd_levels();
void set_simd(const std::string& name);
std::string get_simd();

}  // namespace fs
