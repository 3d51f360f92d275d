#include "poisson.h"

#include <algorithm>
#include <vector>

#include "color_cloud.h"
#include "kernels.h"
#include "parallel.h"

namespace fs {
namespace {

constexpr int kBlockRows = 32;
constexpr int kRoom = 16;  // floats between the rows: the widest vector
// Damping of the Jacobi steps before and after a coarser level's correction: Chebyshev's points, which least
// amplify the errors that the coarser level cannot see (eigenvalues of 0.4 to 2).
constexpr float kBefore[2] = {0.565693f, 1.577128f}, kAfter = 0.833333f;

// Cells of a row start at a multiple of kRoom, with at least one cell of room after the last.
Grid grid_of(int width, int height) { return {width, height, (width + 1 + kRoom - 1) / kRoom * kRoom}; }

// A plane's floats, with a row and more before and after it.
std::size_t room(const Grid& g) { return static_cast<std::size_t>(g.pitch * (g.height + 2) + 2 * kRoom); }

void clear_around(float* plane, const Grid& g) {
  std::fill_n(plane - g.pitch - 1, g.pitch + 1, 0.0f);
  for (int y = 0; y < g.height; ++y)
    std::fill(plane + y * g.pitch + g.width, plane + (y + 1) * g.pitch, 0.0f);
  std::fill_n(plane + g.height * g.pitch, g.pitch + 1, 0.0f);
}

// The grids of one face, finest first, down to a single cell.
class Membrane {
 public:
  explicit Membrane(const SeamFace& face) : face_(face) {
    std::vector<Grid> grids = {grid_of(face.rect.width, face.rect.height)};
    while (grids.back().width > 1 || grids.back().height > 1)
      grids.push_back(grid_of(halved(grids.back().width), halved(grids.back().height)));
    const std::size_t line = static_cast<std::size_t>(grids.front().pitch) + kRoom;
    std::size_t total = 3 * line;
    for (const Grid& g : grids) total += 14 * room(g);
    float* memory = face.memory->get(total);
    for (float*& l : line_) {
      l = memory;
      memory += line;
    }
    for (const Grid& g : grids) {
      const auto plane = [&] {
        float* at = memory + g.pitch + kRoom;
        memory += room(g);
        return at;
      };
      MembraneLevel level{g, plane(), plane(), plane(), plane(), plane(), {}, {}, {}};
      clear_around(level.within, g);
      for (int c = 0; c < 3; ++c) {
        clear_around(level.x[c] = plane(), g);
        clear_around(level.spare[c] = plane(), g);
        level.b[c] = plane();
      }
      levels_.push_back(level);
    }
  }

  int blocks() const { return (face_.rect.height + kBlockRows - 1) / kBlockRows; }

  // The likely colours of both pictures; see `trust`.
  void look() {
    const int first = (kInnerStep - face_.rect.y0 % kInnerStep) % kInnerStep;
    if (first >= face_.rect.height) return;
    for (int round = 0; round < kInnerRounds; ++round) {
      const MembraneRows p = rows();
      kernels().poisson_inner(p, first, face_.rect.height);
      const auto cloud = [&](const float* const* channel, std::ptrdiff_t pitch, const float* weight) {
        const PixelRows all{{channel[0], channel[1], channel[2]},
                            pitch,
                            weight,
                            p.to.grid.pitch,
                            face_.rect.width,
                            face_.rect.height};
        PixelRows some = all.rows(first, face_.rect.height);
        some.pitch *= kInnerStep;
        some.mask_pitch *= kInnerStep;
        some.height = (some.height + kInnerStep - 1) / kInnerStep;
        Moments inner;
        kernels().moments(some, false, inner, nullptr);
        return color_cloud(inner);
      };
      face_colors_ = cloud(p.face.channel, p.face.pitch, p.to.weight);
      target_colors_ = cloud(p.target, p.target_pitch, p.to.diagonal);
    }
  }

  void prepare(int block) const {
    kernels().poisson_prepare(rows(), block * kBlockRows,
                              std::min(face_.rect.height, (block + 1) * kBlockRows));
  }

  // The coarser levels' equations. A cell lies in the mask where any cell does that it covers, and holds as
  // strongly as they do together.
  void coarsen() const {
    kernels().poisson_equation(level(0));
    for (int l = 0; l < last(); ++l) {
      const MembraneLevel &fine = level(l), &to = level(l + 1);
      kernels().pyramid_sum({fine.weight, fine.grid, to.weight, to.grid, line_[0], nullptr, false});
      kernels().pyramid_sum({fine.within, fine.grid, to.within, to.grid, line_[0], nullptr, false});
      for (int y = 0; y < to.grid.height; ++y) {
        float* row = to.within + y * to.grid.pitch;
        for (int x = 0; x < to.grid.width; ++x) row[x] = std::min(row[x], 1.0f);
      }
      kernels().poisson_equation(to);
      kernels().pyramid_enlarge({to.within, to.grid, fine.share, fine.grid, line_[0], nullptr, false});
      kernels().poisson_share(fine);
    }
  }

  // Full multigrid: the coarsest level's solution is the next one's first guess, and so on.
  void solve(int c) {
    for (int l = 0; l < last(); ++l)
      kernels().pyramid_sum(
          {level(l).b[c], level(l).grid, level(l + 1).b[c], level(l + 1).grid, line_[c], nullptr, false});
    for (int l = last(); l >= 0; --l) {
      if (l < last()) enlarge(l, c, false);
      cycle(l, c, false);
    }
    cycle(0, c, false);
    kernels().poisson_add(level(0).x[c], level(0).grid, face_.face.channel[c], face_.face.pitch);
  }

 private:
  int last() const { return static_cast<int>(levels_.size()) - 1; }
  const MembraneLevel& level(int l) const { return levels_[static_cast<std::size_t>(l)]; }

  // A V-cycle: what the coarser level sees of what is left is corrected there.
  void cycle(int l, int c, bool from_zero) {
    MembraneLevel& v = levels_[static_cast<std::size_t>(l)];
    if (l == last()) {
      v.x[c][0] = v.inverse[0] * v.b[c][0];
      return;
    }
    const MembraneStep first = step(v, c, kBefore[0]);
    from_zero ? kernels().poisson_start(first) : kernels().poisson_relax(first);
    std::swap(v.x[c], v.spare[c]);
    relax(v, c, kBefore[1]);
    MembraneStep rest = step(v, c, 0.0f);
    rest.out = level(l + 1).b[c];
    rest.out_pitch = level(l + 1).grid.pitch;
    rest.line = line_[c];
    kernels().poisson_rest(rest);
    cycle(l + 1, c, true);
    enlarge(l, c, true);
    relax(v, c, kAfter);
  }

  static void relax(MembraneLevel& v, int c, float damping) {
    kernels().poisson_relax(step(v, c, damping));
    std::swap(v.x[c], v.spare[c]);
  }

  static MembraneStep step(const MembraneLevel& v, int c, float damping) {
    return {v.grid, v.x[c], v.b[c], v.diagonal, v.inverse, damping, v.spare[c], 0, nullptr};
  }

  void enlarge(int l, int c, bool adds) const {
    const MembraneLevel &from = level(l + 1), &to = level(l);
    kernels().pyramid_enlarge({from.x[c], from.grid, to.x[c], to.grid, line_[c], to.share, adds});
  }

  MembraneRows rows() const {
    const SeamFace& f = face_;
    MembraneRows p{};
    p.face = {{f.face.channel[0], f.face.channel[1], f.face.channel[2]},
              f.face.pitch,
              f.mask,
              f.mask_pitch,
              f.rect.width,
              f.rect.height};
    std::copy_n(f.target, 3, p.target);
    p.target_pitch = f.size;
    const float scale = kMembraneReach / static_cast<float>(f.size);
    p.stiffness = scale * scale;
    const Affine& m = f.to_coded;
    const double x = f.rect.x0 + 0.5, y = f.rect.y0 + 0.5;
    p.u0 = static_cast<float>(m.xx * x + m.xy * y + m.x0);
    p.v0 = static_cast<float>(m.yx * x + m.yy * y + m.y0);
    p.u_x = static_cast<float>(m.xx);
    p.u_y = static_cast<float>(m.xy);
    p.v_x = static_cast<float>(m.yx);
    p.v_y = static_cast<float>(m.yy);
    p.frame_width = static_cast<float>(f.frame_width);
    p.frame_height = static_cast<float>(f.frame_height);
    p.face_colors = face_colors_;
    p.target_colors = target_colors_;
    p.to = levels_.front();
    return p;
  }

  const SeamFace& face_;
  ColorCloud face_colors_{}, target_colors_{};
  std::vector<MembraneLevel> levels_;
  float* line_[3];
};

}  // namespace

ColorCloud color_cloud(const Moments& inner) { return make_color_cloud(inner); }

void poisson(const SeamFace* faces, int count) {
  std::vector<Membrane> membranes;
  std::vector<std::pair<int, int>> work;  // face and block
  for (int n = 0; n < count; ++n) {
    membranes.emplace_back(faces[n]);
    for (int b = 0; b < membranes.back().blocks(); ++b) work.emplace_back(n, b);
  }
  const auto of = [&](int n) -> Membrane& { return membranes[static_cast<std::size_t>(n)]; };
  parallel_for(count, [&](int n) { of(n).look(); });
  parallel_for(static_cast<int>(work.size()), [&](int i) {
    const auto [n, block] = work[static_cast<std::size_t>(i)];
    of(n).prepare(block);
  });
  parallel_for(count, [&](int n) { of(n).coarsen(); });
  parallel_for(3 * count, [&](int i) { of(i / 3).solve(i % 3); });
}

}  // namespace fs
