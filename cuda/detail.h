// Sharpness, motion blur and noise on the GPU; see csrc/detail.h, csrc/motion.h and csrc/noise.h.
#pragma once

#include <vector>

#include "../csrc/detail.h"
#include "../csrc/motion.h"
#include "../csrc/noise.h"
#include "stream.h"

namespace fs::cuda {

// As the functions of fs by the same names, but pixels and results lie in device memory.
void detail_statistics(Call& call, const float* pictures, const float* masks, int count, int size,
                       double* out);

// gains: count x kBands in host memory. out may be pictures.
void sharpen(Call& call, const float* pictures, const float* gains, int count, int size, float* out);

// motions: in host memory. out must not be faces.
void motion_blur(Call& call, const float* faces, const float* masks, const std::vector<MotionParams>& motions,
                 int size, float* out);

template <class T>
void noise_statistics(Call& call, const NoiseJob<T>* jobs, int count, int size);

}  // namespace fs::cuda
