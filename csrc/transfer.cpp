#include "transfer.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "kernels.h"
#include "parallel.h"

namespace fs {
namespace {

void pack(const Moments& m, double* out) {
  out[0] += m.weight;
  for (int i = 0; i < 3; ++i) out[1 + i] += m.first[i];
  for (int i = 0; i < 6; ++i) out[4 + i] += m.second[i];
}

// Rows of one picture of a batch.
PixelRows rows_of(const float* rgb, const float* mask, int n, int size, int y0, int y1) {
  const std::ptrdiff_t area = static_cast<std::ptrdiff_t>(size) * size;
  const float* at = rgb + 3 * area * n;
  PixelRows rows{{at, at + area, at + 2 * area}, size, mask ? mask + area * n : nullptr, size, size, size};
  if (!mask) rows.mask_pitch = 0;
  return rows.rows(y0, y1);
}

}  // namespace

void add_statistics(const PixelRows& rows, ColorMode mode, double* out, const ChannelRows* values) {
  if (mode == ColorMode::kHistogram) {
    out[0] += add_to_histograms(rows, out + 1);
  } else if (mode == ColorMode::kSliced) {
    gather_cloud(rows, out);
  } else if (uses_moments(mode)) {
    Moments m;
    kernels().moments(rows, uses_lab(mode), m, values);
    pack(m, out);
  }
}

void apply_tables(const TableMap& map, const PixelRows& rows, const ChannelRows& out) {
  if (map.lattice.empty()) {
    kernels().apply_tables(map.rounds.data(), static_cast<int>(map.rounds.size()), map.strength, rows, out);
  } else {
    kernels().apply_lattice(map.lattice.data(), map.strength, rows, out);
  }
}

void add_lattice(TableMap& map) {
  if (map.rounds.size() < 2) return;
  static const std::vector<float> colors = [] {
    std::vector<float> nodes(3 * kLatticeNodes);
    for (int i = 0; i < 3 * kLatticeNodes; ++i)
      nodes[static_cast<std::size_t>(i)] = lattice_color(i % kLatticeNodes, i / kLatticeNodes);
    return nodes;
  }();
  std::vector<float> moves(colors.size());
  kernels().table_moves(map.rounds.data(), static_cast<int>(map.rounds.size()), colors.data(), kLatticeNodes,
                        moves.data());
  map.lattice.assign(kLatticeNodes, LatticeNode{});
  for (int c = 0; c < 3; ++c) {
    const float* from = moves.data() + std::ptrdiff_t{c} * kLatticeNodes;
    std::int16_t after = 0;  // beside the last node along B', which no colour lies behind
    for (int n = kLatticeNodes - 1; n >= 0; --n) {
      auto& move = map.lattice[static_cast<std::size_t>(n)].move[c];
      move[0] = lattice_number(from[n]);
      move[1] = after;
      after = move[0];
    }
  }
}

std::array<double, 3> mapped_mean(const TableMap& map, const double* own, ColorMode mode) {
  std::array<double, 3> sum = {};
  const auto mapped = [&](const float (&color)[3]) {
    return apply_tables(map.rounds.data(), static_cast<int>(map.rounds.size()), map.strength, color[0],
                        color[1], color[2]);
  };
  if (mode == ColorMode::kHistogram) {
    for (int i = 0; i < kBins; ++i) {
      const float value = static_cast<float>(i) / (kBins - 1);
      const Triple<float> to = mapped({value, value, value});
      const float channels[3] = {to.a, to.b, to.c};
      for (std::size_t c = 0; c < 3; ++c)
        sum[c] += own[1 + c * kBins + static_cast<std::size_t>(i)] * static_cast<double>(channels[c]);
    }
  } else {
    const CellList list{own};
    for (int i = 0; !list.ends(i); ++i) {
      const double* cell = list.cell(i);
      float color[3];
      for (int c = 0; c < 3; ++c) color[c] = static_cast<float>(cell[c + 2] / cell[1]);
      const Triple<float> to = mapped(color);
      sum[0] += cell[1] * static_cast<double>(to.a);
      sum[1] += cell[1] * static_cast<double>(to.b);
      sum[2] += cell[1] * static_cast<double>(to.c);
    }
  }
  for (double& value : sum) value /= std::max(own[0], 1e-12);
  return sum;
}

void color_statistics(const float* faces, const float* targets, const float* masks, int count, int size,
                      ColorMode mode, double* out) {
  const std::ptrdiff_t numbers = statistics_size(mode);
  std::fill_n(out, 2 * numbers * count, 0.0);
  if (mode == ColorMode::kNone) return;
  // Moments are added up over blocks of rows; tables take a picture at once.
  const int blocks = uses_moments(mode) ? (size + kMomentRows - 1) / kMomentRows : 1;
  const int rows = uses_moments(mode) ? kMomentRows : size;
  std::vector<double> parts(static_cast<std::size_t>(2 * numbers * count * (blocks > 1 ? blocks : 0)));
  const auto part = [&](int which, int block) {
    return blocks > 1 ? parts.data() + (std::ptrdiff_t{which} * blocks + block) * numbers
                      : out + which * numbers;
  };
  parallel_for(2 * count * blocks, [&](int i) {
    const int which = i / blocks, block = i % blocks, y0 = block * rows;
    const float* rgb = which % 2 ? targets : faces;
    add_statistics(rows_of(rgb, masks, which / 2, size, y0, std::min(size, y0 + rows)), mode,
                   part(which, block));
  });
  if (blocks == 1) return;
  for (int which = 0; which < 2 * count; ++which) {
    for (int block = 0; block < blocks; ++block) {
      for (int k = 0; k < numbers; ++k) out[which * numbers + k] += part(which, block)[k];
    }
  }
}

void match_color(const float* faces, const double* statistics, int count, int size, ColorMode mode,
                 double strength, float* out) {
  const std::ptrdiff_t area = static_cast<std::ptrdiff_t>(size) * size;
  if (mode == ColorMode::kNone) {
    if (out != faces) std::memcpy(out, faces, static_cast<std::size_t>(3 * area * count) * sizeof(float));
    return;
  }
  const std::ptrdiff_t numbers = statistics_size(mode);
  std::vector<ColorTransfer> transfers(static_cast<std::size_t>(count));
  parallel_for(count, [&](int n) {
    const double* face = statistics + 2 * n * numbers;
    ColorTransfer& own = transfers[static_cast<std::size_t>(n)];
    own = color_transfer(face, face + numbers, mode, strength);
    add_lattice(own.tables);
  });
  const int blocks = (size + kMomentRows - 1) / kMomentRows;
  parallel_for(count * blocks, [&](int i) {
    const int n = i / blocks, y0 = i % blocks * kMomentRows;
    const PixelRows rows = rows_of(faces, nullptr, n, size, y0, std::min(size, y0 + kMomentRows));
    float* to = out + 3 * area * n + static_cast<std::ptrdiff_t>(y0) * size;
    const ChannelRows channels{{to, to + area, to + 2 * area}, size};
    const ColorTransfer& transfer = transfers[static_cast<std::size_t>(n)];
    transfer.linear ? kernels().apply_color(transfer.map, rows, channels)
                    : apply_tables(transfer.tables, rows, channels);
  });
}

}  // namespace fs
