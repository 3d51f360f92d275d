// The row loops that exist once per SIMD level.
#pragma once

#include <string>
#include <vector>

#include "blend.h"
#include "cloud.h"
#include "color.h"
#include "crop.h"
#include "detail.h"
#include "layers.h"
#include "mask_rows.h"
#include "motion.h"
#include "multiband.h"
#include "poisson.h"
#include "tables.h"
#include "window.h"

namespace fs {

struct Kernels {
  const char* name;
  void (*fill_window_u8)(const WindowFill<std::uint8_t>& params);
  void (*fill_window_u16)(const WindowFill<std::uint16_t>& params);
  void (*zip)(const std::uint16_t* a, const std::uint16_t* b, std::uint16_t* out, int count);
  void (*crop_rows)(const CropParams& params, int y0, int y1);
  // Adds to `total`; `values`, if not null, receives the channels in the statistics' space where the mask is
  // above 0.
  void (*moments)(const PixelRows& rows, bool lab, Moments& total, const ChannelRows* values);
  void (*apply_color)(const ColorMap& map, const PixelRows& rows, const ChannelRows& out);
  // R'G'B' of the pixels as layers would take it.
  void (*layer_rgb)(LayerSource source, const ColorMap& map, const PixelRows& rows, const ChannelRows& out);
  void (*make_layers)(const LayerParams& params);
  // A map by tables (tables.h); pixels whose mask is 0 are only cut to 0..1.
  void (*apply_tables)(const TableRound* rounds, int count, float strength, const PixelRows& rows,
                       const ChannelRows& out);
  void (*apply_lattice)(const LatticeNode* nodes, float strength, const PixelRows& rows,
                        const ChannelRows& out);
  // How far `count` colours (r, g and b, planes of one array) are moved by a map of tables, in each channel.
  void (*table_moves)(const TableRound* rounds, int rounds_count, const float* colors, int count,
                      float* moves);
  // Of `count` pixels the cells (cloud.h) and the kSumNumbers that each adds to its own. Whole vectors are
  // written, of pixels without weight behind the last.
  void (*cloud_row)(const float* const (&channel)[3], const float* mask, int count, float* cells,
                    float* numbers);
  // Row y of a face, blurred where the mask is above 0; out: the row in the first of three planes.
  void (*motion_row)(const MotionParams& params, const float* face, const float* mask, int size, int y,
                     float* out);
  void (*luma)(const float* picture, std::ptrdiff_t area, float* out);
  void (*smooth)(const float* from, int size, int hole, float* row, float* out);
  void (*sharpen)(const DetailBands& bands, const float* gains, const float* picture, std::ptrdiff_t area,
                  float* out);
  void (*blend_row_u8)(const BlendRow<std::uint8_t>& params);
  void (*blend_row_u16)(const BlendRow<std::uint16_t>& params);
  void (*mask_combine)(const CombineParams& params);
  void (*mask_least)(const std::int16_t* in, std::int16_t* out, int width, int height, int dx, int dy);
  void (*mask_greatest)(const std::int16_t* in, std::int16_t* out, int width, int height, int dx, int dy);
  void (*mask_join)(std::int16_t* mask, const std::int16_t* other, int count, bool unite);
  void (*mask_multiply)(float* mask, const float* matte, std::ptrdiff_t matte_pitch, int width, int height);
  void (*mask_box)(const std::int16_t* in, std::int16_t* out, std::uint32_t* sums, int width, int height,
                   int radius);
  void (*mask_transpose)(const std::int16_t* in, std::int16_t* out, int width, int height);
  void (*mask_to_float)(const std::int16_t* in, float* out, int count);
  void (*pyramid_halve)(const PyramidStep& params);
  void (*pyramid_sum)(const PyramidStep& params);
  void (*pyramid_enlarge)(const PyramidStep& params);
  void (*poisson_inner)(const MembraneRows& params, int y0, int y1);
  void (*poisson_prepare)(const MembraneRows& params, int y0, int y1);
  void (*poisson_equation)(const MembraneLevel& params);
  void (*poisson_share)(const MembraneLevel& params);
  void (*poisson_start)(const MembraneStep& params);
  void (*poisson_relax)(const MembraneStep& params);
  void (*poisson_rest)(const MembraneStep& params);
  void (*poisson_add)(const float* membrane, const Grid& grid, float* face, std::ptrdiff_t face_pitch);
  void (*band_prepare)(const BandRows& params, int y0, int y1);
  void (*band_add)(const BandStep& params);
  void (*band_finish)(const BandFinish& params);

  void fill_window(const WindowFill<std::uint8_t>& p) const { fill_window_u8(p); }
  void fill_window(const WindowFill<std::uint16_t>& p) const { fill_window_u16(p); }
  void blend_row(const BlendRow<std::uint8_t>& p) const { blend_row_u8(p); }
  void blend_row(const BlendRow<std::uint16_t>& p) const { blend_row_u16(p); }
};

// The level in use: the widest that this processor has, or what FASTSWAP_SIMD or set_simd chose.
const Kernels& kernels();

// "scalar", "vec4", "avx2", "avx512" as far as this build and this processor have them, narrowest first.
std::vector<std::string> simd_levels();
void set_simd(const std::string& name);
std::string get_simd();

}  // namespace fs
