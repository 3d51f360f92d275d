// The crop on the GPU.
#pragma once

#include "../csrc/crop.h"

namespace fs::cuda {

// As fs::crop: pictures and results lie in host memory. All faces share one launch per step.
// Throws std::runtime_error when there is no GPU or CUDA fails.
template <class T>
void crop(const CropJob<T>* jobs, int count, int size, Border border);

}  // namespace fs::cuda
