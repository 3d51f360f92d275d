#include "composite.h"

#include <algorithm>
#include <vector>

#include "kernels.h"
#include "parallel.h"
#include "tone.h"

namespace fs {
namespace {

// What one face needs while it is worked on. Faces are taken in groups, so memory does not grow with the
// batch.
struct FaceScratch {
  MaskScratch mask_scratch;
  Buffer<float> mask, colors, seam;
  Buffer<std::uint16_t> layers;
};

constexpr int kGroup = 8;

struct Block {
  int y0, y1;                        // rows of the crop
  std::vector<double> face, target;  // statistics
};

struct Face {
  Rect rect;   // where the mask was worked out
  Rect shown;  // where it is above 0; its columns start at multiples of 16, as those of `rect` do
  const float* mask;
  ChannelRows colors;  // the face in L*a*b*, kept from the statistics for the map; or as it will be drawn
  ColorTransfer transfer;
  Layers layers;
  LayerParams params;
  std::vector<Block> blocks;
};

// Blocks are cut at multiples of kMomentRows of the crop, as match_color cuts them.
std::vector<Block> blocks_of(const Rect& rect) {
  std::vector<Block> blocks;
  for (int y = rect.y0; y < rect.y0 + rect.height;) {
    const int end = std::min(rect.y0 + rect.height, (y / kMomentRows + 1) * kMomentRows);
    blocks.push_back({y, end, {}, {}});
    y = end;
  }
  return blocks;
}

// Where face.shown begins in rows of face.rect.
std::ptrdiff_t shown_offset(const Face& face) {
  return static_cast<std::ptrdiff_t>(face.shown.y0 - face.rect.y0) * face.rect.width + face.shown.x0 -
         face.rect.x0;
}

// The pixels of face.shown.
PixelRows shown_rows(const float* rgb, int size, const Face& face) {
  const std::ptrdiff_t area = static_cast<std::ptrdiff_t>(size) * size;
  const float* at = rgb + static_cast<std::ptrdiff_t>(face.shown.y0) * size + face.shown.x0;
  const float* mask = face.mask + shown_offset(face);
  return {{at, at + area, at + 2 * area}, size, mask, face.rect.width, face.shown.width, face.shown.height};
}

template <class T>
class Group {
 public:
  Group(const CompositeJob<T>* jobs, int count, const CompositeParams& params, FaceScratch* scratch)
      : jobs_(jobs), params_(params), scratch_(scratch), faces_(static_cast<std::size_t>(count)) {}

  void run(DrawScratch& draw_scratch) {
    parallel_for(static_cast<int>(faces_.size()), [&](int n) { prepare(n); });
    std::vector<std::pair<int, int>> work;  // face and block
    for (std::size_t n = 0; n < faces_.size(); ++n) {
      for (std::size_t b = 0; b < faces_[n].blocks.size(); ++b)
        work.emplace_back(static_cast<int>(n), static_cast<int>(b));
    }
    const auto each_block = [&](auto&& body) {
      parallel_for(static_cast<int>(work.size()), [&](int i) {
        const auto [n, b] = work[static_cast<std::size_t>(i)];
        Face& face = faces_[static_cast<std::size_t>(n)];
        body(n, face, face.blocks[static_cast<std::size_t>(b)]);
      });
    };
    if (params_.color != ColorMode::kNone) {
      each_block([&](int n, Face& face, Block& block) { measure(n, face, block); });
      parallel_for(static_cast<int>(faces_.size()), [&](int n) { map_colors(n); });
    }
    if (fits_seams()) {
      each_block([&](int n, Face& face, Block& block) { finish_colors(n, face, block); });
      fit_seams();
    }
    each_block([&](int n, Face& face, Block& block) { make_layers(n, face, block); });
    for (std::size_t n = 0; n < faces_.size(); ++n) {
      const CompositeJob<T>& job = jobs_[n];
      if (faces_[n].shown.area() > 0)
        draw(job.picture, job.to_coded, faces_[n].layers, {params_.opacity, params_.enlarge, job.grain},
             draw_scratch);
    }
  }

 private:
  bool fits_seams() const { return params_.blend != BlendMode::kFeather; }

  void prepare(int n) {
    const CompositeJob<T>& job = jobs_[n];
    FaceScratch& scratch = scratch_[n];
    Face& face = faces_[static_cast<std::size_t>(n)];
    const int size = params_.mask.size;
    face.rect = job.ready_mask ? Rect{0, 0, size, size} : mask_rect(job.mask, params_.mask);
    if (face.rect.area() == 0) return;
    face.mask = job.ready_mask;
    if (!face.mask) {
      float* mask = scratch.mask.get(face.rect.area());
      build_mask(params_.mask, job.mask, face.rect, scratch.mask_scratch, mask);
      face.mask = mask;
    }
    const Extent extent = extent_of(face.mask, face.rect.width, face.rect, size);
    face.shown = extent.rect;
    if (face.shown.area() == 0) return;
    if (params_.color != ColorMode::kNone || fits_seams()) {
      const std::size_t plane = face.shown.area();
      float* colors = scratch.colors.get(3 * plane);
      face.colors = {{colors, colors + plane, colors + 2 * plane}, face.shown.width};
    }
    face.layers = make_room(extent, params_.enlarge, scratch.layers);
    face.blocks = blocks_of(face.shown);
    face.params.opacity = params_.opacity;
    face.params.color = yuv_transform(job.picture.color);
    if (const ToneTables* tables = tone_tables(job.picture.color.transfer))
      face.params.tone = tables->from_sdr;
    face.params.source = LayerSource::kRgb;
  }

  // The face's own statistics, unless they are given; the face in L*a*b* where the map needs it.
  void measure(int n, Face& face, Block& block) {
    const CompositeJob<T>& job = jobs_[n];
    const ColorMode mode = params_.color;
    if (job.statistics && !uses_lab(mode)) return;
    const int size = params_.mask.size, y0 = block.y0 - face.shown.y0, y1 = block.y1 - face.shown.y0;
    ChannelRows lab = face.colors;
    for (float*& c : lab.channel) c += y0 * lab.pitch;
    const auto numbers = static_cast<std::size_t>(statistics_size(mode));
    block.face.assign(numbers, 0.0);
    add_statistics(shown_rows(job.face, size, face).rows(y0, y1), mode, block.face.data(),
                   uses_lab(mode) ? &lab : nullptr);
    if (job.statistics) return;
    block.target.assign(numbers, 0.0);
    add_statistics(shown_rows(job.target, size, face).rows(y0, y1), mode, block.target.data());
  }

  // The statistics of all blocks.
  std::vector<double> joined(const Face& face, std::vector<double> Block::* which) const {
    std::vector<double> total(static_cast<std::size_t>(statistics_size(params_.color)));
    if (params_.color == ColorMode::kSliced) {
      std::vector<CellList> clouds;
      for (const Block& block : face.blocks) clouds.push_back({(block.*which).data()});
      join_clouds(clouds, std::vector<double>(clouds.size(), 1.0), -1, total.data());
      return total;
    }
    for (const Block& block : face.blocks) {
      for (std::size_t i = 0; i < total.size(); ++i) total[i] += (block.*which)[i];
    }
    return total;
  }

  void map_colors(int n) {
    Face& face = faces_[static_cast<std::size_t>(n)];
    const ColorMode mode = params_.color;
    if (face.shown.area() == 0) return;
    const auto numbers = static_cast<std::size_t>(statistics_size(mode));
    const double* given = jobs_[n].statistics;
    if (given) {
      face.transfer = color_transfer(given, given + numbers, mode, params_.strength);
    } else {
      const std::vector<double> drawn = joined(face, &Block::face), target = joined(face, &Block::target);
      face.transfer = color_transfer(drawn.data(), target.data(), mode, params_.strength);
    }
    add_lattice(face.transfer.tables);
    if (!face.transfer.linear) return;
    face.params.map = face.transfer.map;
    face.params.source = uses_lab(mode) ? LayerSource::kMappedLab : LayerSource::kMappedRgb;
  }

  // Rows of the face as it came, or of `colors` where `kept`.
  PixelRows face_rows(int n, const Face& face, const Block& block, bool kept) const {
    PixelRows pixels = shown_rows(jobs_[n].face, params_.mask.size, face);
    if (kept) {
      for (int c = 0; c < 3; ++c) pixels.channel[c] = face.colors.channel[c];
      pixels.pitch = face.colors.pitch;
    }
    return pixels.rows(block.y0 - face.shown.y0, block.y1 - face.shown.y0);
  }

  // The face's R'G'B' in its new colours, into `colors`.
  void finish_colors(int n, Face& face, const Block& block) {
    ChannelRows to = face.colors;
    for (float*& c : to.channel) c += (block.y0 - face.shown.y0) * to.pitch;
    if (uses_tables(params_.color)) {
      apply_tables(face.transfer.tables, face_rows(n, face, block, false), to);
    } else {
      const LayerSource source = face.params.source;
      kernels().layer_rgb(source, face.params.map,
                          face_rows(n, face, block, source == LayerSource::kMappedLab), to);
    }
  }

  void fit_seams() {
    std::vector<SeamFace> seams;
    for (std::size_t n = 0; n < faces_.size(); ++n) {
      const Face& face = faces_[n];
      if (face.shown.area() == 0) continue;
      const CompositeJob<T>& job = jobs_[n];
      const PixelRows target = shown_rows(job.target, params_.mask.size, face);
      seams.push_back({face.shown,
                       params_.mask.size,
                       face.colors,
                       target.mask,
                       target.mask_pitch,
                       {target.channel[0], target.channel[1], target.channel[2]},
                       job.to_coded,
                       job.picture.y.width,
                       job.picture.y.height,
                       &scratch_[n].seam});
    }
    match_seams(seams.data(), static_cast<int>(seams.size()), params_.blend);
  }

  void make_layers(int n, Face& face, const Block& block) {
    LayerParams p = face.params;
    const int y0 = block.y0 - face.shown.y0;
    const bool by_tables = uses_tables(params_.color);
    if (by_tables && !fits_seams()) finish_colors(n, face, block);
    p.pixels = face_rows(n, face, block, fits_seams() || by_tables || p.source == LayerSource::kMappedLab);
    if (fits_seams()) p.source = LayerSource::kRgb;
    aim(p, face.layers, y0);
    kernels().make_layers(p);
  }

  const CompositeJob<T>* jobs_;
  const CompositeParams& params_;
  FaceScratch* scratch_;
  std::vector<Face> faces_;
};

// The jobs of each picture, in order.
template <class T>
std::vector<std::vector<CompositeJob<T>>> by_picture(const CompositeJob<T>* jobs, int count) {
  std::vector<std::vector<CompositeJob<T>>> pictures;
  for (int n = 0; n < count; ++n) {
    const auto same = [&](const auto& picture) {
      return picture.front().picture.y.data == jobs[n].picture.y.data;
    };
    const auto found = std::find_if(pictures.begin(), pictures.end(), same);
    (found == pictures.end() ? pictures.emplace_back() : *found).push_back(jobs[n]);
  }
  return pictures;
}

template <class T>
void composite_group(const CompositeJob<T>* jobs, int count, int group, const CompositeParams& params) {
  thread_local FaceScratch scratch[kGroup];
  thread_local DrawScratch draw_scratch;
  for (int n = 0; n < count; n += group) {
    // Scratch is the caller's own, handed to the workers by pointer: inside a worker the name means the
    // worker's.
    Group<T>(jobs + n, std::min(group, count - n), params, scratch).run(draw_scratch);
  }
}

}  // namespace

template <class T>
void composite(const CompositeJob<T>* jobs, int count, const CompositeParams& params) {
  for (int n = 0; n < count; ++n) {
    require_sane(jobs[n].to_coded);
    if (!jobs[n].ready_mask) require_sane(jobs[n].mask);
  }
  // Where there are pictures enough, each thread takes one after the other, face by face, and need not wait
  // for others; a face then stays in its cache.
  const int threads = get_threads();
  const auto pictures = by_picture(jobs, count);
  if (threads == 1 || static_cast<int>(pictures.size()) >= threads) {
    parallel_for(static_cast<int>(pictures.size()), [&](int i) {
      const auto& own = pictures[static_cast<std::size_t>(i)];
      composite_group(own.data(), static_cast<int>(own.size()), 1, params);
    });
  } else {
    composite_group(jobs, count, std::min(threads, kGroup), params);
  }
}

template void composite(const CompositeJob<std::uint8_t>*, int, const CompositeParams&);
template void composite(const CompositeJob<std::uint16_t>*, int, const CompositeParams&);

}  // namespace fs
