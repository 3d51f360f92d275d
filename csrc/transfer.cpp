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

void make_equally_long(std::vector<std::vector<double>>& lists) {
  std::size_t most = 0;
  for (const auto& list : lists) most = std::max(most, list.size());
  for (auto& list : lists) list.resize(most);
}

void add_statistics(const PixelRows& rows, ColorMode mode, double* out, const ChannelRows* values) {
  if (mode == ColorMode::kHistogram) {
    out[0] += add_to_histograms(rows, out + 1);
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
    for (int n = 0; n < kLatticeNodes; ++n) {
      const int place[3] = {n / (kLatticeSide * kLatticeSide), n / kLatticeSide % kLatticeSide,
                            n % kLatticeSide};
      for (int c = 0; c < 3; ++c) {
        nodes[static_cast<std::size_t>(c * kLatticeNodes + n)] =
            static_cast<float>(place[c]) / static_cast<float>(kLatticeSide - 1);
      }
    }
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

std::array<double, 3> mapped_mean(const TableMap& map, const double* own, std::ptrdiff_t numbers,
                                  ColorMode mode) {
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
    const CellList list{own, static_cast<int>((numbers - 1) / kCellNumbers)};
    for (int i = 0; i < list.cells; ++i) {
      const double* cell = list.cell(i);
      if (!(cell[1] > 0.0)) continue;
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

std::vector<std::vector<double>> color_statistics(const float* faces, const float* targets,
                                                  const float* masks, int count, int size, ColorMode mode) {
  const int pictures = 2 * count;
  std::vector<std::vector<double>> out(static_cast<std::size_t>(pictures));
  if (mode == ColorMode::kNone) return out;
  const auto numbers = static_cast<std::size_t>(statistics_size(mode));
  const auto picture = [&](int which, int y0, int y1) {
    return rows_of(which % 2 ? targets : faces, masks, which / 2, size, y0, y1);
  };
  if (!uses_moments(mode)) {  // takes a picture at once
    parallel_for(pictures, [&](int which) {
      auto& own = out[static_cast<std::size_t>(which)];
      if (mode == ColorMode::kSliced) {
        own = cloud_of(picture(which, 0, size));
      } else {
        own.assign(numbers, 0.0);
        add_statistics(picture(which, 0, size), mode, own.data());
      }
    });
    make_equally_long(out);
    return out;
  }
  // Moments are added up over blocks of rows.
  const int blocks = (size + kMomentRows - 1) / kMomentRows;
  std::vector<double> parts(numbers * static_cast<std::size_t>(pictures * blocks));
  parallel_for(pictures * blocks, [&](int i) {
    const int which = i / blocks, y0 = i % blocks * kMomentRows;
    add_statistics(picture(which, y0, std::min(size, y0 + kMomentRows)), mode,
                   parts.data() + static_cast<std::size_t>(i) * numbers);
  });
  for (int i = 0; i < pictures * blocks; ++i) {
    auto& own = out[static_cast<std::size_t>(i / blocks)];
    own.resize(numbers);
    for (std::size_t k = 0; k < numbers; ++k) own[k] += parts[static_cast<std::size_t>(i) * numbers + k];
  }
  return out;
}

void match_color(const float* faces, const double* statistics, std::ptrdiff_t numbers, int count, int size,
                 ColorMode mode, double strength, float* out) {
  const std::ptrdiff_t area = static_cast<std::ptrdiff_t>(size) * size;
  if (mode == ColorMode::kNone) {
    if (out != faces) std::memcpy(out, faces, static_cast<std::size_t>(3 * area * count) * sizeof(float));
    return;
  }
  std::vector<ColorTransfer> transfers(static_cast<std::size_t>(count));
  parallel_for(count, [&](int n) {
    const double* face = statistics + 2 * n * numbers;
    ColorTransfer& own = transfers[static_cast<std::size_t>(n)];
    own = color_transfer(face, face + numbers, numbers, mode, strength);
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
