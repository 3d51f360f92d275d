#include "seam.h"

#include <algorithm>
#include <vector>

#include "kernels.h"
#include "layers.h"
#include "multiband.h"
#include "parallel.h"
#include "poisson.h"

namespace fs {

void match_seams(const SeamFace* faces, int count, BlendMode mode) {
  if (mode == BlendMode::kPoisson) poisson(faces, count);
  if (mode == BlendMode::kMultiband) multiband(faces, count);
}

void match_seam(const float* faces, const float* targets, const float* masks, const Affine* to_coded,
                const int* frames, int count, int size, BlendMode mode, float* out) {
  thread_local Buffer<float> memory;
  const std::ptrdiff_t area = static_cast<std::ptrdiff_t>(size) * size;
  for (int n = 0; n < count; ++n) require_sane(to_coded[n]);
  parallel_for(3 * count, [&](int i) {
    const float* from = faces + i * area;
    std::transform(from, from + area, out + i * area, [](float v) { return clamp_unit(v); });
  });
  for (int n = 0; n < count; ++n) {
    const float* mask = masks + n * area;
    const Rect rect = extent_of(mask, size, {0, 0, size, size}, size).rect;
    if (rect.area() == 0) continue;
    const std::ptrdiff_t corner = static_cast<std::ptrdiff_t>(rect.y0) * size + rect.x0;
    SeamFace face{rect, size,        {{}, size},    mask + corner,     size,
                  {},   to_coded[n], frames[2 * n], frames[2 * n + 1], &memory};
    for (int c = 0; c < 3; ++c) {
      face.face.channel[c] = out + (3 * n + c) * area + corner;
      face.target[c] = targets + (3 * n + c) * area + corner;
    }
    match_seams(&face, 1, mode);
  }
}

}  // namespace fs
