// The steps of the masks; see mask.cu.
#pragma once

#include <cstddef>
#include <cstdint>

#include "mask.h"

namespace fs::cuda {

// Planes of `width` x `height`, one after the other, one for each face.
struct Planes {
  std::int16_t* data;
  int width, height;

  __device__ std::int16_t* of(int face) const {
    return data + static_cast<std::ptrdiff_t>(face) * width * height;
  }
};

// The most that box filters may reach in one launch: their tile and what lies around it must fit into shared
// memory.
inline constexpr int kMostReach = 164;

struct SoftPass {
  int first, last;   // which of the three boxes
  int reach;         // the most that they reach
  bool turns;        // the result is written with rows and columns changed
  const int* radii;  // of the three boxes together, for each face
};

// Box filters down the columns of all faces, into `out` or, as the finished masks, into `floats`.
void soften(Call& call, const Planes& in, const SoftPass& pass, const Planes& out, const MaskSources& sources,
            float* floats);

}  // namespace fs::cuda
