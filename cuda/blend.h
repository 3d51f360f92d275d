// Drawing faces into pictures on the GPU.
#pragma once

#include "../csrc/blend.h"
#include "stream.h"

namespace fs::cuda {

template <class T>
struct DrawJob {
  Picture<T> picture;  // in device memory
  Affine to_coded;     // crop pixels to the picture's luma samples
  Grain grain;
  Rect reached;  // the mask is 0 outside of it; empty: nothing is drawn
};

// As fs::blend. faces: count x 3 x size x size; masks: count x size x size, in device memory. Faces that
// touch the same samples are drawn one after the other, in order; all others at once.
template <class T>
void blend(Call& call, const DrawJob<T>* jobs, int count, int size, const float* faces, const float* masks,
           float opacity, Enlarge enlarge);

}  // namespace fs::cuda
