#include "seam.h"

#include <cstddef>

namespace fs::cuda {

FrameMap frame_map(const Affine& to_coded, int width, int height) {
  const Affine& m = to_coded;
  return {static_cast<float>(0.5 * (m.xx + m.xy) + m.x0),
          static_cast<float>(0.5 * (m.yx + m.yy) + m.y0),
          static_cast<float>(m.xx),
          static_cast<float>(m.yx),
          static_cast<float>(m.xy),
          static_cast<float>(m.yy),
          static_cast<float>(width),
          static_cast<float>(height)};
}

void match_seam(Call& call, const FaceBatch& batch, const std::vector<FrameMap>& frames, BlendMode mode,
                float* out) {
  if (mode == BlendMode::kPoisson) return poisson(call, batch, frames, out);
  if (mode == BlendMode::kMultiband) return multiband(call, batch, out);
  const std::size_t numbers = std::size_t{3} * static_cast<std::size_t>(batch.count) *
                              static_cast<std::size_t>(batch.size) * static_cast<std::size_t>(batch.size);
  FS_CUDA(
      cudaMemcpyAsync(out, batch.faces, numbers * sizeof(float), cudaMemcpyDeviceToDevice, call.stream()));
}

}  // namespace fs::cuda
