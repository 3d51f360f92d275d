#include "blend.h"

#include <algorithm>

#include "kernels.h"
#include "parallel.h"
#include "tone.h"

namespace fs {
namespace {

constexpr int kBlockRows = 32;

}  // namespace

template <class T>
void blend(const BlendJob<T>* jobs, int count, int size, float opacity, Enlarge enlarge) {
  thread_local DrawScratch scratch;
  thread_local Buffer<std::uint16_t> memory;
  for (int i = 0; i < count; ++i) require_sane(jobs[i].to_coded);
  const std::ptrdiff_t area = static_cast<std::ptrdiff_t>(size) * size;
  for (int i = 0; i < count; ++i) {
    const BlendJob<T>& job = jobs[i];
    const Extent extent = extent_of(job.mask, size, {0, 0, size, size}, size);
    const Rect& rect = extent.rect;
    if (rect.area() == 0) continue;
    const Layers layers = make_room(extent, enlarge, memory);
    const std::ptrdiff_t corner = static_cast<std::ptrdiff_t>(rect.y0) * size + rect.x0;
    const PixelRows pixels{{job.face + corner, job.face + area + corner, job.face + 2 * area + corner},
                           size,
                           job.mask + corner,
                           size,
                           rect.width,
                           rect.height};
    LayerParams p{};
    p.source = LayerSource::kRgb;
    p.opacity = opacity;
    p.color = yuv_transform(job.picture.color);
    if (const ToneTables* tables = tone_tables(job.picture.color.transfer)) p.tone = tables->from_sdr;
    parallel_for((rect.height + kBlockRows - 1) / kBlockRows, [&](int block) {
      LayerParams part = p;
      const int y0 = block * kBlockRows;
      part.pixels = pixels.rows(y0, std::min(rect.height, y0 + kBlockRows));
      aim(part, layers, y0);
      kernels().make_layers(part);
    });
    draw(job.picture, job.to_coded, layers, {opacity, enlarge, job.grain}, scratch);
  }
}

template void blend(const BlendJob<std::uint8_t>*, int, int, float, Enlarge);
template void blend(const BlendJob<std::uint16_t>*, int, int, float, Enlarge);

}  // namespace fs
