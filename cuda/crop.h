// The crop on the GPU.
#pragma once

#include "../csrc/crop.h"
#include "stream.h"

namespace fs::cuda {

// As fs::crop, but the planes and the results lie in device memory and the work is only queued. All faces
// share one launch per step.
template <class T>
void crop(const CropJob<T>* jobs, int count, int size, Border border, Stream& stream);

}  // namespace fs::cuda
