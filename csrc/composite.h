// Composite: mask, colour match and blend of each face in one pass, with nothing of crop size written out
// between them.
#pragma once

#include "blend.h"
#include "color.h"
#include "mask.h"

namespace fs {

template <class T>
struct CompositeJob {
  Picture<T> picture;
  Affine to_coded;      // crop pixels to the picture's luma samples
  const float* target;  // 3 x size x size, what crop gave
  const float* face;    // 3 x size x size, what is drawn
  MaskSource mask;
};

struct CompositeParams {
  MaskParams mask;
  ColorMode color;
  float opacity;
};

// The same samples as mask, match_color and blend one after the other. Later jobs draw over earlier ones.
template <class T>
void composite(const CompositeJob<T>* jobs, int count, const CompositeParams& params);

}  // namespace fs
