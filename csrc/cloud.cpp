#include "cloud.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <memory>

#include "kernels.h"

namespace fs {
namespace {

// Sums of cells, of which few are ever filled. All are 0 between two uses.
class Cells {
 public:
  // The sums of pixel (or cloud) i in cell n. Neighbours are mostly of one cell; so that they need not wait
  // for each other, they take turns.
  double* at(int n, int i) {
    filled_[static_cast<std::size_t>(n)] = 1;
    return sums_[static_cast<std::size_t>(n)][static_cast<std::size_t>(i) % kTurns].data();
  }

  // All cells as a list; leaves them empty.
  void take(double* list) {
    std::fill_n(list, kCloudNumbers, 0.0);
    int count = 0;
    each_filled([&](std::size_t) { ++count; });
    if (count > kListedCells) {
      each_filled([&](std::size_t n) {
        const auto to = static_cast<std::size_t>(joined_cell(static_cast<int>(n)));
        if (to == n) return;
        const Sums sums = take_cell(n);
        filled_[to] = 1;  // lies before n: it is not met again
        for (std::size_t k = 0; k < sums.size(); ++k) sums_[to][0][k] += sums[k];
      });
    }
    double* to = list + 1;
    each_filled([&](std::size_t n) {
      const Sums sums = take_cell(n);
      list[0] += sums[0];
      if (!(sums[0] > 0.0)) return;  // would end the list
      *to++ = static_cast<double>(n);
      to = std::copy(sums.begin(), sums.end(), to);
    });
  }

 private:
  static constexpr std::size_t kTurns = 4;
  using Sums = std::array<double, kSumNumbers>;

  template <class Body>
  void each_filled(Body&& body) {
    for (std::size_t eight = 0; eight < filled_.size(); eight += sizeof(std::uint64_t)) {
      std::uint64_t any;
      std::memcpy(&any, filled_.data() + eight, sizeof any);
      if (any == 0) continue;
      for (std::size_t n = eight; n < eight + sizeof any; ++n) {
        if (filled_[n]) body(n);
      }
    }
  }

  Sums take_cell(std::size_t n) {
    Sums total = {};
    for (Sums& turn : sums_[n]) {
      for (std::size_t k = 0; k < total.size(); ++k) total[k] += turn[k];
      turn = {};
    }
    filled_[n] = 0;
    return total;
  }

  std::array<std::array<Sums, kTurns>, kCloudCells> sums_ = {};
  std::array<std::uint8_t, kCloudCells> filled_ = {};
};

Cells& cells() {
  thread_local const auto own = std::make_unique<Cells>();
  return *own;
}

}  // namespace

void gather_cloud(const PixelRows& rows, double* out) {
  Cells& sums = cells();
  constexpr int kPiece = 512;
  alignas(64) float cell[kPiece], numbers[kPiece * kSumNumbers];
  for (int y = 0; y < rows.height; ++y) {
    for (int x0 = 0; x0 < rows.width; x0 += kPiece) {
      const int count = std::min(rows.width - x0, kPiece);
      const std::ptrdiff_t at = y * rows.pitch + x0;
      const float* channels[3] = {rows.channel[0] + at, rows.channel[1] + at, rows.channel[2] + at};
      kernels().cloud_row(channels, rows.mask + y * rows.mask_pitch + x0, count, cell, numbers);
      for (int i = 0; i < count; ++i) {
        const float* add = numbers + std::ptrdiff_t{i} * kSumNumbers;
        if (!(add[0] > 0.0f)) continue;
        double* to = sums.at(static_cast<int>(cell[i]), i);
        for (int k = 0; k < kSumNumbers; ++k) to[k] += static_cast<double>(add[k]);
      }
    }
  }
  sums.take(out);
}

std::array<double, 3> mean_of(const CellList& list) {
  std::array<double, 3> sum = {};
  for (int i = 0; !list.ends(i); ++i) {
    for (std::size_t c = 0; c < 3; ++c) sum[c] += list.cell(i)[c + 2];
  }
  for (double& value : sum) value /= std::max(list.weight(), 1e-12);
  return sum;
}

void join_clouds(const std::vector<CellList>& clouds, const std::vector<double>& shares, int like,
                 double* out) {
  Cells& sums = cells();
  std::array<double, 3> there = {};
  if (like >= 0) there = mean_of(clouds[static_cast<std::size_t>(like)]);
  for (std::size_t n = 0; n < clouds.size(); ++n) {
    const CellList& list = clouds[n];
    std::array<double, 3> way = {};
    if (like >= 0) {
      const auto here = mean_of(list);
      for (std::size_t c = 0; c < 3; ++c) way[c] = there[c] - here[c];
    }
    for (int i = 0; !list.ends(i); ++i) {
      const double* cell = list.cell(i);
      double* to = sums.at(static_cast<int>(cell[0]), 0);
      to[0] += shares[n] * cell[1];
      for (std::size_t c = 0; c < 3; ++c) to[c + 1] += shares[n] * (cell[c + 2] + cell[1] * way[c]);
    }
  }
  sums.take(out);
}

}  // namespace fs
