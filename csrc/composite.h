// Composite: mask, colour match and blend of each face in one pass, with nothing of crop size written out
// between them.
#pragma once

#include "blend.h"
#include "mask.h"
#include "seam.h"
#include "transfer.h"

namespace fs {

template <class T>
struct CompositeJob {
  Picture<T> picture;
  Affine to_coded;      // crop pixels to the picture's luma samples
  const float* target;  // 3 x size x size, what crop gave
  const float* face;    // 3 x size x size, what is drawn
  MaskSource mask;
  const float* ready_mask;   // size x size, in place of `mask`; may be null
  const double* statistics;  // the face's and the target's, in place of their own in this frame; may be null
  Grain grain;
};

struct CompositeParams {
  MaskParams mask;
  ColorMode color;
  double strength;  // of the colour match
  BlendMode blend;
  float opacity;
  Enlarge enlarge;
};

// The same samples as mask, match_color, match_seam and blend one after the other. Later jobs draw over
// earlier ones.
template <class T>
void composite(const CompositeJob<T>* jobs, int count, const CompositeParams& params);

}  // namespace fs
