// The soft edge of masks: three box filters along each axis, in shared memory.
#include "launch.cuh"
#include "mask_steps.cuh"

namespace fs::cuda {
namespace {

constexpr int kSoftColumns = 32, kSoftRows = 32, kSoftGroups = 8;
constexpr int kSoftPitch = kSoftColumns + 2;  // so that neither rows nor columns share a bank

std::size_t soft_bytes(int reach) { return std::size_t{2} * 2 * kSoftPitch * (kSoftRows + 2 * reach); }

// One box filter down the columns of a tile; rows first..end-1 are made.
__device__ void box_rows(const std::int16_t* in, std::int16_t* out, int part, int first, int end, int top,
                         int height) {
  const int lane = static_cast<int>(threadIdx.x), group = static_cast<int>(threadIdx.y);
  const int each = (end - first + kSoftGroups - 1) / kSoftGroups;
  const int begin = first + group * each, stop = begin + each < end ? begin + each : end;
  const float scale = 1.0f / static_cast<float>(2 * part + 1);
  int sum = 0;
  for (int row = begin - part; row < begin + part && begin < stop; ++row) sum += in[row * kSoftPitch + lane];
  for (int row = begin; row < stop; ++row) {
    sum += in[(row + part) * kSoftPitch + lane];
    // What lies beyond the plane's edges stays 0.
    const bool inside = top + row >= 0 && top + row < height;
    out[row * kSoftPitch + lane] = inside ? mask_rounded(static_cast<float>(sum) * scale) : std::int16_t{0};
    sum -= in[(row - part) * kSoftPitch + lane];
  }
}

// Box filters down the columns: of a tile and what they reach above and below it.
__global__ void soften_columns(Planes in, SoftPass p, Planes out, float* floats, const float* mattes) {
  FS_DYNAMIC_SHARED(memory);
  const int rows = kSoftRows + 2 * p.reach;
  auto* a = reinterpret_cast<std::int16_t*>(memory);
  std::int16_t* b = a + rows * kSoftPitch;
  const int lane = static_cast<int>(threadIdx.x), group = static_cast<int>(threadIdx.y);
  const int face = static_cast<int>(blockIdx.z), radius = p.radii[face];
  const int x = static_cast<int>(blockIdx.x) * kSoftColumns, y = static_cast<int>(blockIdx.y) * kSoftRows;
  const int top = y - p.reach;  // of the tile's first row in the plane
  for (int row = group; row < rows; row += kSoftGroups) {
    const bool inside = x + lane < in.width && top + row >= 0 && top + row < in.height;
    const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(top + row) * in.width + x + lane;
    a[row * kSoftPitch + lane] = inside ? in.of(face)[at] : std::int16_t{0};
  }
  __syncthreads();
  int margin = 0;
  for (int i = p.first; i <= p.last; ++i) {
    const int part = (radius + i) / 3;  // the three parts add up to the radius
    if (part == 0) continue;
    margin += part;
    box_rows(a, b, part, margin, rows - margin, top, in.height);
    __syncthreads();
    std::int16_t* const other = a;
    a = b;
    b = other;
  }
  for (int k = group; k < kSoftRows; k += kSoftGroups) {
    // Neighbouring threads write neighbouring numbers.
    const int column = p.turns ? k : lane, row = p.turns ? lane : k;
    if (x + column >= in.width || y + row >= in.height) continue;
    const std::int16_t value = a[(p.reach + row) * kSoftPitch + column];
    const std::ptrdiff_t to = p.turns ? static_cast<std::ptrdiff_t>(x + column) * in.height + y + row
                                      : static_cast<std::ptrdiff_t>(y + row) * in.width + x + column;
    if (floats == nullptr) {
      out.of(face)[to] = value;
      continue;
    }
    const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(face) * in.width * in.height + to;
    floats[at] = mask_float(value) * (mattes ? mask_unit(mattes[at]) : 1.0f);
  }
}

static_assert(kMostReach == (48 * 1024 / (2 * 2 * kSoftPitch) - kSoftRows) / 2);

}  // namespace

void soften(Call& call, const Planes& in, const SoftPass& pass, const Planes& out, const MaskSources& sources,
            float* floats) {
  const dim3 grid(blocks_for(in.width, kSoftColumns), blocks_for(in.height, kSoftRows),
                  static_cast<unsigned>(sources.count));
  FS_LAUNCH(soften_columns, grid, dim3(kSoftColumns, kSoftGroups), soft_bytes(pass.reach), call.stream(), in,
            pass, out, floats, sources.mattes);
}

}  // namespace fs::cuda
