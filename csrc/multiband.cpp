#include "multiband.h"

#include <algorithm>
#include <vector>

#include "kernels.h"
#include "parallel.h"

namespace fs {
namespace {

constexpr int kBlockRows = 32;

struct BandLevel {
  Grid grid;
  float* support;
  float *mean[3], *coarse[3], *band[3];  // per channel
};

std::ptrdiff_t area(const Grid& g) { return g.pitch * g.height; }

// The pyramids of one face. They cover the whole crop, so that the cells do not move with the mask.
class Bands {
 public:
  explicit Bands(const SeamFace& face) : face_(face) {
    std::vector<Grid> grids = {{face.size, face.size, face.size}};
    for (int l = band_levels(face.size); l > 0; --l) {
      const int side = halved(grids.back().width);
      grids.push_back({side, side, side});
    }
    const auto room = [](const Grid& g) { return (static_cast<std::size_t>(area(g)) + 15) / 16 * 16; };
    const std::size_t line = (static_cast<std::size_t>(grids.front().width) + 31) / 16 * 16;
    std::size_t total = 3 * line;
    for (const Grid& g : grids) total += 10 * room(g);
    float* memory = face.memory->get(total);
    const auto take = [&](std::size_t size) {
      float* at = memory;
      memory += size;
      return at;
    };
    for (float*& l : line_) l = take(line);
    for (const Grid& g : grids) {
      BandLevel level{g, take(room(g)), {}, {}, {}};
      for (int c = 0; c < 3; ++c) {
        level.mean[c] = take(room(g));
        level.coarse[c] = take(room(g));
        level.band[c] = take(room(g));
      }
      levels_.push_back(level);
    }
  }

  int blocks() const { return (levels_.front().grid.height + kBlockRows - 1) / kBlockRows; }

  void prepare(int block) const {
    const SeamFace& f = face_;
    const BandLevel& v = levels_.front();
    BandRows p{};
    p.face = {{f.face.channel[0], f.face.channel[1], f.face.channel[2]},
              f.face.pitch,
              f.mask,
              f.mask_pitch,
              f.rect.width,
              f.rect.height};
    std::copy_n(f.target, 3, p.target);
    p.target_pitch = f.size;
    p.x = f.rect.x0;
    p.y = f.rect.y0;
    p.grid = v.grid;
    p.support = v.support;
    std::copy_n(v.mean, 3, p.sum);
    kernels().band_prepare(p, block * kBlockRows, std::min(v.grid.height, (block + 1) * kBlockRows));
  }

  void halve_support() const {
    for (int l = 0; l < last(); ++l) halve(l, level(l).support, level(l + 1).support, line_[0]);
  }

  void solve(int c) const {
    for (int l = 0; l < last(); ++l) halve(l, level(l).mean[c], level(l + 1).mean[c], line_[c]);
    for (int l = last(); l >= 0; --l) {
      const BandLevel& v = level(l);
      if (l == last()) {
        std::fill_n(v.band[c], area(v.grid), 0.0f);
        std::fill_n(v.coarse[c], area(v.grid), 0.0f);
      } else {
        enlarge(l, level(l + 1).band[c], v.band[c], line_[c]);
        enlarge(l, level(l + 1).mean[c], v.coarse[c], line_[c]);
      }
      kernels().band_add({v.mean[c], v.support, v.coarse[c], v.band[c], static_cast<int>(area(v.grid))});
    }
    const SeamFace& f = face_;
    const int pitch = level(0).grid.width;
    const float* band = level(0).band[c] + static_cast<std::ptrdiff_t>(f.rect.y0) * pitch + f.rect.x0;
    kernels().band_finish(
        {band, pitch, f.target[c], f.size, f.face.channel[c], f.face.pitch, f.rect.width, f.rect.height});
  }

 private:
  int last() const { return static_cast<int>(levels_.size()) - 1; }
  const BandLevel& level(int l) const { return levels_[static_cast<std::size_t>(l)]; }

  void halve(int l, const float* in, float* out, float* line) const {
    kernels().pyramid_halve({in, level(l).grid, out, level(l + 1).grid, line, nullptr, false});
  }
  void enlarge(int l, const float* in, float* out, float* line) const {
    kernels().pyramid_enlarge({in, level(l + 1).grid, out, level(l).grid, line, nullptr, false});
  }

  const SeamFace& face_;
  std::vector<BandLevel> levels_;
  float* line_[3];
};

}  // namespace

void multiband(const SeamFace* faces, int count) {
  std::vector<Bands> bands;
  std::vector<std::pair<int, int>> work;  // face and block
  for (int n = 0; n < count; ++n) {
    bands.emplace_back(faces[n]);
    for (int b = 0; b < bands.back().blocks(); ++b) work.emplace_back(n, b);
  }
  const auto of = [&](int n) -> const Bands& { return bands[static_cast<std::size_t>(n)]; };
  parallel_for(static_cast<int>(work.size()), [&](int i) {
    const auto [n, block] = work[static_cast<std::size_t>(i)];
    of(n).prepare(block);
  });
  parallel_for(count, [&](int n) { of(n).halve_support(); });
  parallel_for(3 * count, [&](int i) { of(i / 3).solve(i % 3); });
}

}  // namespace fs
