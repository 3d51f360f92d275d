#include "composite.h"

#include <vector>

namespace fs::cuda {
template <class T>
void composite(DrawJob<T>* jobs, const CompositeBatch& batch, const CompositeParams& params, Stream& stream) {
  FaceBatch pixels = batch.pixels;
  const int count = pixels.count, size = pixels.size;
  const auto area = static_cast<std::size_t>(size) * static_cast<std::size_t>(size);
  const auto faces = static_cast<std::size_t>(count);
  if (pixels.masks == nullptr) require_sane(batch.sources);
  for (int n = 0; n < count; ++n) {
    require_sane(jobs[n].to_coded);
    jobs[n].reached = {0, 0, size, size};
    if (pixels.masks != nullptr) continue;
    jobs[n].reached = mask_rect(source_of(batch.sources, n), params.mask);
  }
  Call call(stream);
  if (pixels.masks == nullptr) {
    auto* made = call.scratch<float>(faces * area);
    mask(call, batch.sources, params.mask, made);
    pixels.masks = made;
  }
  if (params.color != ColorMode::kNone) {
    StatisticsView statistics = batch.statistics;
    if (statistics.on_host == nullptr && statistics.on_device == nullptr) {
      auto* measured =
          call.scratch<double>(2 * faces * static_cast<std::size_t>(statistics_size(params.color)));
      color_statistics(call, pixels, params.color, measured);
      statistics.on_device = measured;
    }
    auto* matched = call.scratch<float>(3 * faces * area);
    match_color(call, pixels.faces, count, size, statistics, params.color, params.strength, matched);
    pixels.faces = matched;
  }
  if (params.blend != BlendMode::kFeather) {
    std::vector<FrameMap> frames;
    for (int n = 0; n < count; ++n) {
      frames.push_back(frame_map(jobs[n].to_coded, jobs[n].picture.y.width, jobs[n].picture.y.height));
    }
    auto* fitting = call.scratch<float>(3 * faces * area);
    match_seam(call, pixels, frames, params.blend, fitting);
    pixels.faces = fitting;
  }
  blend(call, jobs, count, size, pixels.faces, pixels.masks, params.opacity, params.enlarge);
}

template void composite(DrawJob<std::uint8_t>*, const CompositeBatch&, const CompositeParams&, Stream&);
template void composite(DrawJob<std::uint16_t>*, const CompositeBatch&, const CompositeParams&, Stream&);

}  // namespace fs::cuda
