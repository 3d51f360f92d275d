// Drawing faces into pictures on the GPU: one launch makes all faces' layers, one draws them into luma and
// chroma.
#include "blend.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "../csrc/draw_plan.h"
#include "launch.cuh"
#include "tones.h"
#include "windows.h"

namespace fs::cuda {
namespace {

constexpr int kTileX = 32, kTileY = 8;

// --- layers
// --------------------------------------------------------------------------------------------------

// One pixel of an HDR picture's layers.
__device__ void make_toned_layer(const LayerParams& p, int x, int y, std::ptrdiff_t at) {
  float rgb[3];
  LayerParams one = p;
  for (int c = 0; c < 3; ++c) {
    rgb[c] = tone(p.tone, clamp_unit(p.pixels.channel[c][y * p.pixels.pitch + x]));
    one.pixels.channel[c] = &rgb[c];
    one.chroma[c] += at;
  }
  one.pixels.mask += y * p.pixels.mask_pitch + x;
  one.luma += 2 * at;
  make_layers<LayerSource::kRgb, float>(one, 0, 0);
}

// Layers of a whole crop, their rings of zeros included: p.luma and p.chroma point to the crop's first pixel.
__global__ void fill_layers(const LayerParams* faces, int ring) {
  const LayerParams& p = faces[blockIdx.z];
  const int x = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x) - ring;
  const int y = static_cast<int>(blockIdx.y * blockDim.y + threadIdx.y) - ring;
  const int width = p.pixels.width, height = p.pixels.height;
  if (x >= width + ring || y >= height + ring) return;
  const std::ptrdiff_t at = y * p.out_pitch + x;
  if (x >= 0 && y >= 0 && x < width && y < height) {
    if (p.tone != nullptr) {
      make_toned_layer(p, x, y, at);
    } else {
      make_layers<LayerSource::kRgb, float>(p, x, y);
    }
    return;
  }
  p.luma[2 * at] = p.luma[2 * at + 1] = 0;
  for (int c = 0; c < 3; ++c) p.chroma[c][at] = 0;
}

Layers layers_of(Call& call, int size, const Rect& reached, int ring) {
  Layers layers{nullptr, {}, {-ring, -ring, size + 2 * ring, size + 2 * ring}, {}, ring};
  const std::size_t area = layers.rect.area() + kSamplerMargin;
  layers.luma = call.scratch<std::uint16_t>(2 * area);
  for (std::uint16_t*& plane : layers.chroma) plane = call.scratch<std::uint16_t>(area);
  const double x0 = reached.x0, y0 = reached.y0, x1 = x0 + reached.width, y1 = y0 + reached.height;
  layers.extent = {reached, x0 + y0, x1 + y1, x0 - y1, x1 - y0};
  return layers;
}

LayerParams layer_params(const Layers& layers, const ColorSpec& color, int size, const float* face,
                         const float* mask, float opacity, const float* tone) {
  const std::ptrdiff_t area = static_cast<std::ptrdiff_t>(size) * size;
  LayerParams p{};
  p.tone = tone;
  p.pixels = {{face, face + area, face + 2 * area}, size, mask, size, size, size};
  p.source = LayerSource::kRgb;
  p.opacity = opacity;
  p.color = yuv_transform(color);
  aim(p, layers, 0);
  return p;
}

// --- drawing
// -------------------------------------------------------------------------------------------------

// One plane or two of a picture, at the same positions, and where they change.
template <class T>
struct DrawPlanes {
  BlendRow<T> row;  // its `row`, `x0`, `x1` and `y` are not used
  PlaneView<T> planes[2];
  Span rows, columns;

  bool is_empty() const { return rows.begin >= rows.end || columns.begin >= columns.end; }
  bool meets(const DrawPlanes& other) const {
    return rows.begin < other.rows.end && other.rows.begin < rows.end && columns.begin < other.columns.end &&
           other.columns.begin < columns.end;
  }
};

// One sample of C planes, by a filter of kTaps.
template <int C, int kTaps, class T>
__device__ void draw_sample(const DrawPlanes<T>& p, int x, int y) {
  const Sampler& sampler = p.row.sampler;
  float value[C + 1];
  if constexpr (kTaps == 2) {
    sample<C + 1>(sampler, row_u(sampler, y), row_v(sampler, y), x, value);
  } else {
    sample_wide<kTaps>(sampler, row_u(sampler, y), row_v(sampler, y), x, value);
  }
  if (!(value[0] > 0.0f)) return;  // its bytes stay
  for (int c = 0; c < C; ++c) {
    if (p.row.grain[c] > 0.0f)
      value[c + 1] += p.row.grain[c] * grain_strength(value[0]) * grain_at(x, y, p.row.seed[c]);
    T& word = p.planes[c].row(y)[x * p.planes[c].step];
    const float old = static_cast<float>(word >> p.row.shift);
    const float mixed = blend_code(old, value[0], value[c + 1], p.row.unit, p.row.most);
    word = static_cast<T>(static_cast<int>(mixed) << p.row.shift);
  }
}

template <class T>
__global__ void draw_tiles(const DrawPlanes<T>* faces) {
  const DrawPlanes<T>& p = faces[blockIdx.z];
  const int x = p.columns.begin + static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  const int y = p.rows.begin + static_cast<int>(blockIdx.y * blockDim.y + threadIdx.y);
  if (x >= p.columns.end || y >= p.rows.end) return;
  switch (p.row.sampler.filter) {
    case Enlarge::kBilinear:
      return p.row.count == 1 ? draw_sample<1, 2>(p, x, y) : draw_sample<2, 2>(p, x, y);
    case Enlarge::kBicubic:
      return p.row.count == 1 ? draw_sample<1, 4>(p, x, y) : draw_sample<2, 4>(p, x, y);
    case Enlarge::kLanczos:
      return p.row.count == 1 ? draw_sample<1, 6>(p, x, y) : draw_sample<2, 6>(p, x, y);
  }
}

// A sampler of the layers, or of reductions of them, which are added to `fills`.
Sampler layer_sampler(Call& call, const Affine& to_crop, const Footprint& f, const Layers& layers,
                      bool chroma, std::vector<WindowFill<std::uint16_t>>& fills) {
  if (f.log2_x == 0 && f.log2_y == 0) return direct_sampler(to_crop, f, layers, chroma);
  const Rect& rect = layers.rect;
  const LayerViews views = views_of(layers, chroma);
  const WindowShape shape = layer_window(f, rect);
  Sampler sampler = window_sampler(to_crop, shape);
  for (int i = 0; i < views.count; ++i) {
    auto* out = call.scratch<std::uint16_t>(window_size(shape));
    fills.push_back({views.plane[i], 16, shape, Border::kBlack, 0, out, nullptr, rect.x0, rect.y0});
    sampler.plane[i] = out;
  }
  return sampler;
}

template <class T>
DrawPlanes<T> plan_planes(Call& call, const DrawJob<T>& job, const Layers& layers, float opacity,
                          Enlarge enlarge, bool chroma, std::vector<WindowFill<std::uint16_t>>& fills) {
  const Picture<T>& picture = job.picture;
  const Affine to_plane = chroma ? compose(chroma_from_luma(picture.color), job.to_coded) : job.to_coded;
  const Affine to_crop = inverse(to_plane);
  const Footprint footprint = plan(to_crop);
  DrawPlanes<T> p{};
  p.planes[0] = chroma ? picture.u : picture.y;
  p.planes[1] = chroma ? picture.v : picture.y;
  p.row.sampler = layer_sampler(call, to_crop, footprint, layers, chroma, fills);
  p.row.count = chroma ? 2 : 1;
  p.row.shift = picture.color.shift;
  p.row.unit = std::ldexp(1.0f, picture.color.bits - 16);
  p.row.most = std::ldexp(1.0f, picture.color.bits) - 1.0f;
  for (int i = 0; i < p.row.count; ++i) {
    const int plane = chroma ? i + 1 : 0;
    p.row.grain[i] = job.grain.deviation[plane] * 65536.0f;
    p.row.seed[i] = job.grain.seed + static_cast<std::uint32_t>(plane) * 0x632be59bu;
  }
  if (enlarges(footprint)) p.row.sampler.filter = enlarge;
  p.row.sampler.most = opacity * 65535.0f;
  const Region region = reach(layers.extent, footprint, taps_of(p.row.sampler.filter));
  p.rows = rows_of(to_plane, region, p.planes[0].height);
  p.columns = columns_in(to_plane, region, p.planes[0].width);
  return p;
}

// The launches of a batch: a face's planes are in the first round in which nothing before them meets them.
template <class T>
class Rounds {
 public:
  void add(const DrawPlanes<T>& p) {
    if (p.is_empty()) return;
    std::size_t round = 0;
    for (std::size_t r = rounds_.size(); r-- > 0;) {
      const bool met = std::any_of(rounds_[r].begin(), rounds_[r].end(), [&](const DrawPlanes<T>& other) {
        return other.planes[0].data == p.planes[0].data && other.meets(p);
      });
      if (!met) continue;
      round = r + 1;
      break;
    }
    if (round == rounds_.size()) rounds_.emplace_back();
    rounds_[round].push_back(p);
  }

  void draw(Call& call) const {
    std::vector<const DrawPlanes<T>*>
        sent;  // all before the first launch: memory that is not there stops nothing
    for (const auto& round : rounds_) sent.push_back(call.send(round));  // that was begun
    for (std::size_t r = 0; r < rounds_.size(); ++r) {
      const auto& round = rounds_[r];
      int widest = 0, highest = 0;
      for (const DrawPlanes<T>& p : round) {
        widest = std::max(widest, p.columns.end - p.columns.begin);
        highest = std::max(highest, p.rows.end - p.rows.begin);
      }
      const dim3 grid(blocks_for(widest, kTileX), blocks_for(highest, kTileY),
                      static_cast<unsigned>(round.size()));
      FS_LAUNCH(draw_tiles<T>, grid, dim3(kTileX, kTileY), 0, call.stream(), sent[r]);
    }
  }

 private:
  std::vector<std::vector<DrawPlanes<T>>> rounds_;
};

}  // namespace

template <class T>
void blend(Call& call, const DrawJob<T>* jobs, int count, int size, const float* faces, const float* masks,
           float opacity, Enlarge enlarge) {
  const int ring = rings_of(enlarge);
  const std::ptrdiff_t area = static_cast<std::ptrdiff_t>(size) * size;
  std::vector<LayerParams> layer_list;
  std::vector<WindowFill<std::uint16_t>> fills;
  Rounds<T> rounds;
  Tones tones(call);
  for (int n = 0; n < count; ++n) {
    const DrawJob<T>& job = jobs[n];
    if (job.reached.area() == 0 || !has_area(job.to_coded)) continue;
    const Layers layers = layers_of(call, size, job.reached, ring);
    layer_list.push_back(layer_params(layers, job.picture.color, size, faces + 3 * n * area, masks + n * area,
                                      opacity, tones.from_sdr(job.picture.color.transfer)));
    rounds.add(plan_planes(call, job, layers, opacity, enlarge, false, fills));
    rounds.add(plan_planes(call, job, layers, opacity, enlarge, true, fills));
  }
  if (layer_list.empty()) return;
  const dim3 grid(blocks_for(size + 2 * ring, kTileX), blocks_for(size + 2 * ring, kTileY),
                  static_cast<unsigned>(layer_list.size()));
  FS_LAUNCH(fill_layers, grid, dim3(kTileX, kTileY), 0, call.stream(), call.send(layer_list), ring);
  if (!fills.empty()) fill_windows(call, fills);
  rounds.draw(call);
}

template void blend(Call&, const DrawJob<std::uint8_t>*, int, int, const float*, const float*, float,
                    Enlarge);
template void blend(Call&, const DrawJob<std::uint16_t>*, int, int, const float*, const float*, float,
                    Enlarge);

}  // namespace fs::cuda
