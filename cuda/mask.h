// Masks on the GPU.
#pragma once

#include "../csrc/mask.h"
#include "stream.h"

namespace fs::cuda {

inline constexpr int kMostMaskSize =
    1920;  // of a crop's side: a soft edge's reach must fit into shared memory

// What the masks of a batch are made of; see MaskSource. Pictures lie in device memory, outlines in the
// host's.
struct MaskSources {
  const float* outlines;  // count x shapes x points x 2, or null
  int shapes, points;
  const float* generated;  // count x size x size, or null
  const float* mattes;
  int count;
};

// Throws std::invalid_argument when there is nothing to make a mask of, or a point is not finite.
void require_sane(const MaskSources& sources);

// The n-th face's; its pictures' pointers say only whether there are any.
MaskSource source_of(const MaskSources& sources, int n);

// As fs::mask; out: count x size x size in device memory.
void mask(Call& call, const MaskSources& sources, const MaskParams& params, float* out);

}  // namespace fs::cuda
