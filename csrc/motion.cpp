#include "motion.h"

#include <algorithm>
#include <cstring>

#include "kernels.h"
#include "parallel.h"

namespace fs {
namespace {

constexpr int kBlockRows = 32;

}  // namespace

void motion_blur(const float* faces, const float* masks, const Affine* motions, int count, int size,
                 float* out) {
  const std::ptrdiff_t area = static_cast<std::ptrdiff_t>(size) * size;
  for (int n = 0; n < count; ++n) motion_params(motions[n], size);
  const int blocks = (size + kBlockRows - 1) / kBlockRows;
  parallel_for(count * blocks, [&](int i) {
    const int n = i / blocks, y0 = i % blocks * kBlockRows, y1 = std::min(size, y0 + kBlockRows);
    const MotionParams p = motion_params(motions[n], size);
    const float* from = faces + 3 * area * n;
    const float* mask = masks + area * n;
    float* to = out + 3 * area * n;
    for (int y = y0; y < y1; ++y) {
      const std::ptrdiff_t row = static_cast<std::ptrdiff_t>(y) * size;
      for (int c = 0; c < 3; ++c) {
        std::memcpy(to + c * area + row, from + c * area + row,
                    static_cast<std::size_t>(size) * sizeof(float));
      }
      if (p.taps > 1) kernels().motion_row(p, from, mask + row, size, y, to + row);
    }
  });
}

}  // namespace fs
