// The seam's match on the GPU; see csrc/seam.h.
#pragma once

#include <vector>

#include "../csrc/seam.h"
#include "color.h"

namespace fs::cuda {

// A crop's place in its frame: pixel (x, y)'s centre lies at luma coordinates u0 + u_x x + u_y y, v0 + v_x x
// + v_y y.
struct FrameMap {
  float u0, v0, u_x, v_x, u_y, v_y;
  float width, height;
};
FrameMap frame_map(const Affine& to_coded, int width, int height);

// As fs::match_seam: out is count x 3 x size x size R'G'B' in 0..1, and not the faces.
void match_seam(Call& call, const FaceBatch& batch, const std::vector<FrameMap>& frames, BlendMode mode,
                float* out);

// The modes' own parts.
void poisson(Call& call, const FaceBatch& batch, const std::vector<FrameMap>& frames, float* out);
void multiband(Call& call, const FaceBatch& batch, float* out);

}  // namespace fs::cuda
