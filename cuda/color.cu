// Colour match on the GPU: statistics in blocks of rows, one map a face, and its use on every pixel.
#include "color.h"

#include <stdexcept>

#include "../csrc/color_map.h"
#include "launch.cuh"
#include "reduce.cuh"

namespace fs::cuda {
namespace {

constexpr int kThreads = 256, kWarps = kThreads / kWarpSize;
// Fixed-point steps of 1 in sums that atomics add up, so that their order does not matter.
constexpr float kHistogramStep = 65536.0f;
constexpr double kCloudStep = 16777216.0;

// One pixel of a batch's picture `which` (the faces' and the targets' in turns).
struct BatchPixels {
  const float *faces, *targets;
  const float* masks;
  int size;

  __device__ Triple<float> color(int which, int at) const {
    const int area = size * size;
    const float* from =
        (which % 2 ? targets : faces) + 3 * static_cast<std::ptrdiff_t>(which / 2) * area + at;
    return {from[0], from[area], from[2 * static_cast<std::ptrdiff_t>(area)]};
  }
  __device__ float weight(int which, int at) const {
    return clamp_unit(masks[static_cast<std::ptrdiff_t>(which / 2) * size * size + at]);
  }
};

// --- moments
// -------------------------------------------------------------------------------------------------

template <bool kLab>
__global__ void add_moments(BatchPixels pixels, double* parts) {
  const int which = static_cast<int>(blockIdx.z), block = static_cast<int>(blockIdx.x);
  const int first = block * kMomentRows * pixels.size, area = pixels.size * pixels.size;
  const int end = first + kMomentRows * pixels.size < area ? first + kMomentRows * pixels.size : area;
  const float pivot = kLab ? kLabPivot : kRgbPivot, other_pivot = kLab ? 0.0f : kRgbPivot;
  float s[kMomentNumbers] = {};
  for (int at = first + static_cast<int>(threadIdx.x); at < end; at += kThreads) {
    const float w = pixels.weight(which, at);
    if (!(w > 0.0f)) continue;
    const Triple<float> rgb = pixels.color(which, at);
    Triple<float> t = statistics_space<kLab>(rgb);
    t = {t.a - pivot, t.b - other_pivot, t.c - other_pivot};
    const float wa = w * t.a, wb = w * t.b, wc = w * t.c;
    s[0] += w;
    s[1] += wa;
    s[2] += wb;
    s[3] += wc;
    s[4] = fmadd(wa, t.a, s[4]);
    s[5] = fmadd(wa, t.b, s[5]);
    s[6] = fmadd(wa, t.c, s[6]);
    s[7] = fmadd(wb, t.b, s[7]);
    s[8] = fmadd(wb, t.c, s[8]);
    s[9] = fmadd(wc, t.c, s[9]);
  }
  double sums[kMomentNumbers];
  for (int k = 0; k < kMomentNumbers; ++k) sums[k] = static_cast<double>(s[k]);
  block_sums<kMomentNumbers, kWarps>(sums);
  if (threadIdx.x != 0) return;
  double* to = parts + (static_cast<std::ptrdiff_t>(which) * gridDim.x + block) * kMomentNumbers;
  for (int k = 0; k < kMomentNumbers; ++k) to[k] = sums[k];
}

__global__ void join_moments(const double* parts, int blocks, double* out) {
  const int which = static_cast<int>(blockIdx.x), k = static_cast<int>(threadIdx.x);
  if (k >= kMomentNumbers) return;
  double sum = 0.0;
  for (int b = 0; b < blocks; ++b) {
    sum += parts[(static_cast<std::ptrdiff_t>(which) * blocks + b) * kMomentNumbers + k];
  }
  out[which * kMomentNumbers + k] = sum;
}

// --- histograms and clouds
// -----------------------------------------------------------------------------------

using Fixed = unsigned long long;

constexpr int kHistogramNumbers = 1 + 3 * kBins;

__global__ void add_histograms(BatchPixels pixels, Fixed* out) {
  __shared__ unsigned sums[kHistogramNumbers];
  const int which = static_cast<int>(blockIdx.z), block = static_cast<int>(blockIdx.x);
  const int first = block * kMomentRows * pixels.size, area = pixels.size * pixels.size;
  const int end = first + kMomentRows * pixels.size < area ? first + kMomentRows * pixels.size : area;
  for (int k = static_cast<int>(threadIdx.x); k < kHistogramNumbers; k += kThreads) sums[k] = 0;
  __syncthreads();
  for (int at = first + static_cast<int>(threadIdx.x); at < end; at += kThreads) {
    const auto weight = static_cast<unsigned>(pixels.weight(which, at) * kHistogramStep + 0.5f);
    if (weight == 0) continue;
    const Triple<float> t = pixels.color(which, at);
    const float rgb[3] = {t.a, t.b, t.c};
    atomicAdd(&sums[0], weight);
    for (int c = 0; c < 3; ++c) {
      const float place = clamp_unit(rgb[c]) * static_cast<float>(kBins - 1);
      const int bin = lower(static_cast<int>(place), kBins - 2);
      const float share = (place - static_cast<float>(bin)) * static_cast<float>(weight);
      const unsigned after = lower(static_cast<int>(share + 0.5f), static_cast<int>(weight));
      atomicAdd(&sums[1 + c * kBins + bin], weight - after);
      atomicAdd(&sums[1 + c * kBins + bin + 1], after);
    }
  }
  __syncthreads();
  for (int k = static_cast<int>(threadIdx.x); k < kHistogramNumbers; k += kThreads) {
    if (sums[k] > 0) atomicAdd(&out[which * kHistogramNumbers + k], static_cast<Fixed>(sums[k]));
  }
}

// A dense cloud: kSumNumbers for each cell.
__global__ void add_clouds(BatchPixels pixels, Fixed* clouds) {
  const int which = static_cast<int>(blockIdx.z);
  const int at = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (at >= pixels.size * pixels.size) return;
  const auto weight = static_cast<double>(pixels.weight(which, at));
  if (!(weight > 0.0)) return;
  const Triple<float> t = pixels.color(which, at);
  const float rgb[3] = {clamp_unit(t.a), clamp_unit(t.b), clamp_unit(t.c)};
  const int cell = static_cast<int>(cloud_cell(rgb));
  Fixed* to = clouds + (static_cast<std::ptrdiff_t>(which) * kCloudCells + cell) * kSumNumbers;
  const auto fixed = [](double x) { return static_cast<Fixed>(x * kCloudStep + 0.5); };
  atomicAdd(to, fixed(weight));
  for (int c = 0; c < 3; ++c) atomicAdd(to + c + 1, fixed(weight * static_cast<double>(rgb[c])));
}

// Of the eight cells that `joined_cell` joins to cell n, the i-th.
__device__ int joined_part(int n, int i) {
  return n + ((i >> 2) * kCloudSide + (i >> 1 & 1)) * kCloudSide + (i & 1);
}

// One cloud's list. Each thread lists the cells of a part of the cube, behind those of the threads before it.
__global__ void list_cells(const Fixed* clouds, double* out) {
  constexpr int kEach = kCloudCells / kThreads;
  __shared__ int filled[kThreads];
  __shared__ double weights[kThreads];
  const int thread = static_cast<int>(threadIdx.x);
  const Fixed* cloud = clouds + static_cast<std::ptrdiff_t>(blockIdx.x) * kCloudCells * kSumNumbers;
  double* list = out + static_cast<std::ptrdiff_t>(blockIdx.x) * kCloudNumbers;
  const auto weight_of = [&](int n, int parts) {
    Fixed weight = 0;
    for (int i = 0; i < parts; ++i) weight += cloud[joined_part(n, i) * kSumNumbers];
    return weight;
  };
  // Parts of a cell: 1, or 8 where too many cells are filled.
  const auto is_listed = [&](int n, int parts) {
    return (parts == 1 || joined_cell(n) == n) && weight_of(n, parts) > 0;
  };
  int before = 0, total = 0;
  const auto count = [&](int parts) {
    int own = 0;
    for (int n = thread * kEach; n < (thread + 1) * kEach; ++n) own += is_listed(n, parts) ? 1 : 0;
    filled[thread] = own;
    __syncthreads();
    before = total = 0;
    for (int i = 0; i < kThreads; ++i) {
      before += i < thread ? filled[i] : 0;
      total += filled[i];
    }
    __syncthreads();
  };
  count(1);
  const int parts = total > kListedCells ? 8 : 1;
  if (parts > 1) count(parts);
  double own = 0.0;
  double* to = list + 1 + before * kCellNumbers;
  for (int n = thread * kEach; n < (thread + 1) * kEach; ++n) {
    if (!is_listed(n, parts)) continue;
    to[0] = n;
    for (int k = 0; k < kSumNumbers; ++k) {
      Fixed sum = 0;
      for (int i = 0; i < parts; ++i) sum += cloud[joined_part(n, i) * kSumNumbers + k];
      to[k + 1] = static_cast<double>(sum) / kCloudStep;
    }
    own += to[1];
    to += kCellNumbers;
  }
  weights[thread] = own;
  __syncthreads();
  if (thread == 0) {
    double sum = 0.0;
    for (int i = 0; i < kThreads; ++i) sum += weights[i];
    list[0] = sum;
  }
  for (int i = 1 + total * kCellNumbers + thread; i < kCloudNumbers; i += kThreads) list[i] = 0.0;
}

__global__ void from_fixed(const Fixed* in, double step, int count, double* out) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < count) out[i] = static_cast<double>(in[i]) / step;
}

// --- maps and their use
// --------------------------------------------------------------------------------------

// By the lattice, where it is null by the rounds, and where these are null too by `map`.
struct Transfer {
  ColorMap map;
  const TableRound* rounds;
  int count;
  const LatticeNode* lattice;
  float strength;
};

__device__ Moments unpack(const double* in) {
  Moments m;
  m.weight = in[0];
  for (int i = 0; i < 3; ++i) m.first[i] = in[1 + i];
  for (int i = 0; i < 6; ++i) m.second[i] = in[4 + i];
  return m;
}

__global__ void make_maps(const double* statistics, ColorMode mode, double strength, int count,
                          Transfer* out) {
  const int face = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (face >= count) return;
  const double* from = statistics + static_cast<std::ptrdiff_t>(face) * 2 * kMomentNumbers;
  out[face] = {make_color_map(unpack(from), unpack(from + kMomentNumbers), mode, strength), nullptr, 0,
               nullptr, 0.0f};
}

__global__ void apply_transfers(const Transfer* transfers, const float* in, int area, float* out) {
  const int at = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (at >= area) return;
  const Transfer& t = transfers[blockIdx.z];
  const std::ptrdiff_t first = 3 * static_cast<std::ptrdiff_t>(blockIdx.z) * area + at;
  const Triple<float> x = {in[first], in[first + area], in[first + 2 * static_cast<std::ptrdiff_t>(area)]};
  const Triple<float> rgb = t.lattice != nullptr  ? apply_lattice(t.lattice, t.strength, x.a, x.b, x.c)
                            : t.rounds != nullptr ? apply_tables(t.rounds, t.count, t.strength, x.a, x.b, x.c)
                            : t.map.lab           ? mapped_rgb<true>(t.map, statistics_space<true>(x))
                                                  : mapped_rgb<false>(t.map, statistics_space<false>(x));
  out[first] = rgb.a;
  out[first + area] = rgb.b;
  out[first + 2 * static_cast<std::ptrdiff_t>(area)] = rgb.c;
}

// One node of each face's lattice.
__global__ void fill_lattices(const TableRound* rounds, int rounds_count, LatticeNode* lattices) {
  const int n = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (n >= kLatticeNodes) return;
  LatticeNode* nodes = lattices + static_cast<std::ptrdiff_t>(blockIdx.z) * kLatticeNodes;
  float made[3];
  for (int c = 0; c < 3; ++c) made[c] = lattice_color(n, c);
  const TableRound* own = rounds + static_cast<std::ptrdiff_t>(blockIdx.z) * rounds_count;
  for (int i = 0; i < rounds_count; ++i) apply_round(own[i], made);
  nodes[n].unused[0] = nodes[n].unused[1] = 0;
  for (int c = 0; c < 3; ++c) {
    const std::int16_t move = lattice_number(made[c] - lattice_color(n, c));
    nodes[n].move[c][0] = move;
    if (n > 0) nodes[n - 1].move[c][1] = move;
    if (n == kLatticeNodes - 1) nodes[n].move[c][1] = 0;
  }
}

// The maps of a batch, worked out on the host but for the lattices.
const Transfer* send_transfers(Call& call, const double* statistics, ColorMode mode, double strength,
                               int count) {
  const std::ptrdiff_t numbers = statistics_size(mode);
  std::vector<Transfer> transfers;
  std::vector<TableRound> rounds;
  std::vector<std::size_t> first;
  for (int n = 0; n < count; ++n) {
    const double* from = statistics + 2 * n * numbers;
    const ColorTransfer t = color_transfer(from, from + numbers, mode, strength);
    first.push_back(rounds.size());
    rounds.insert(rounds.end(), t.tables.rounds.begin(), t.tables.rounds.end());
    transfers.push_back(
        {t.map, nullptr, static_cast<int>(t.tables.rounds.size()), nullptr, t.tables.strength});
  }
  if (uses_tables(mode)) {
    const TableRound* on_device = call.send(rounds);
    const auto filled = static_cast<unsigned>(rounds.size() / kSlices);
    auto* lattices = mode == ColorMode::kSliced
                         ? call.scratch<LatticeNode>(filled * static_cast<std::size_t>(kLatticeNodes))
                         : nullptr;
    if (lattices != nullptr) {
      FS_LAUNCH(fill_lattices, dim3(blocks_for(kLatticeNodes, kThreads), 1, filled), dim3(kThreads), 0,
                call.stream(), on_device, kSlices, lattices);
    }
    for (std::size_t n = 0; n < transfers.size(); ++n) {
      Transfer& own = transfers[n];
      own.rounds = on_device + first[n];
      if (lattices != nullptr && own.count > 0) own.lattice = lattices + first[n] / kSlices * kLatticeNodes;
    }
  }
  return call.send(transfers);
}

}  // namespace

void color_statistics(Call& call, const FaceBatch& batch, ColorMode mode, double* out) {
  if (mode == ColorMode::kNone) return;
  const BatchPixels pixels{batch.faces, batch.targets, batch.masks, batch.size};
  const int numbers = statistics_size(mode), pictures = 2 * batch.count;
  const dim3 blocks(blocks_for(batch.size, kMomentRows), 1, static_cast<unsigned>(pictures));
  const auto total = static_cast<std::size_t>(pictures) * static_cast<std::size_t>(numbers);
  if (uses_moments(mode)) {
    auto* parts = call.scratch<double>(total * blocks.x);
    if (uses_lab(mode)) {
      FS_LAUNCH(add_moments<true>, blocks, dim3(kThreads), 0, call.stream(), pixels, parts);
    } else {
      FS_LAUNCH(add_moments<false>, blocks, dim3(kThreads), 0, call.stream(), pixels, parts);
    }
    FS_LAUNCH(join_moments, dim3(blocks.z), dim3(kWarpSize), 0, call.stream(), parts,
              static_cast<int>(blocks.x), out);
    return;
  }
  const auto zeros = [&](std::size_t count) {
    auto* sums = call.scratch<Fixed>(count);
    FS_CUDA(cudaMemsetAsync(sums, 0, count * sizeof(Fixed), call.stream()));
    return sums;
  };
  if (mode == ColorMode::kHistogram) {
    Fixed* sums = zeros(total);
    FS_LAUNCH(add_histograms, blocks, dim3(kThreads), 0, call.stream(), pixels, sums);
    FS_LAUNCH(from_fixed, dim3(blocks_for(static_cast<int>(total), kThreads)), dim3(kThreads), 0,
              call.stream(), sums, static_cast<double>(kHistogramStep), static_cast<int>(total), out);
  } else {
    Fixed* clouds = zeros(static_cast<std::size_t>(pictures) * kCloudCells * kSumNumbers);
    const dim3 grid(blocks_for(batch.size * batch.size, kThreads), 1, blocks.z);
    FS_LAUNCH(add_clouds, grid, dim3(kThreads), 0, call.stream(), pixels, clouds);
    FS_LAUNCH(list_cells, dim3(blocks.z), dim3(kThreads), 0, call.stream(), clouds, out);
  }
}

void match_color(Call& call, const float* faces, int count, int size, const StatisticsView& statistics,
                 ColorMode mode, double strength, float* out) {
  const int area = size * size;
  if (mode == ColorMode::kNone) {
    const std::size_t bytes =
        std::size_t{3} * static_cast<std::size_t>(count) * static_cast<std::size_t>(area) * sizeof(float);
    if (out != faces) FS_CUDA(cudaMemcpyAsync(out, faces, bytes, cudaMemcpyDeviceToDevice, call.stream()));
    return;
  }
  const Transfer* transfers = nullptr;
  if (statistics.on_host != nullptr) {
    transfers = send_transfers(call, statistics.on_host, mode, strength, count);
  } else if (uses_moments(mode)) {
    auto* made = call.scratch<Transfer>(static_cast<std::size_t>(count));
    FS_LAUNCH(make_maps, dim3(blocks_for(count, kWarpSize)), dim3(kWarpSize), 0, call.stream(),
              statistics.on_device, mode, strength, count, made);
    transfers = made;
  } else {
    throw std::invalid_argument("colour modes histogram and sliced need statistics in host memory");
  }
  const dim3 grid(blocks_for(area, kThreads), 1, static_cast<unsigned>(count));
  FS_LAUNCH(apply_transfers, grid, dim3(kThreads), 0, call.stream(), transfers, faces, area, out);
}

}  // namespace fs::cuda
