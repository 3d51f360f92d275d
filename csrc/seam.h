// Seam: makes the new face fit the target along its mask's soft edge, before it is drawn by that mask.
#pragma once

#include <string>

#include "affine.h"
#include "buffer.h"
#include "color.h"
#include "mask.h"

namespace fs {

enum class BlendMode { kFeather, kPoisson, kMultiband };

// One face at crop size. Pointers are to the first pixel of `rect`, outside of which the mask is 0.
struct SeamFace {
  Rect rect;
  int size;          // of the crop
  ChannelRows face;  // R'G'B' in 0..1; becomes the face that fits
  const float* mask;
  std::ptrdiff_t mask_pitch;
  const float* target[3];  // R'G'B' of any value (NaN is 0), rows of `size`
  Affine to_coded;         // crop pixels to the luma samples of a frame of this size
  int frame_width, frame_height;
  Buffer<float>* memory;
};

// Poisson: poisson.h; multi-band: multiband.h. Every face is worked on by itself, so a batch changes nothing.
void match_seams(const SeamFace* faces, int count, BlendMode mode);

// The same for whole crops. faces, targets and out: count x 3 x size x size R'G'B'; masks: count x size x
// size; where a mask is 0 the face is only cut to 0..1. frames: width and height of each face's frame.
void match_seam(const float* faces, const float* targets, const float* masks, const Affine* to_coded,
                const int* frames, int count, int size, BlendMode mode, float* out);

}  // namespace fs
