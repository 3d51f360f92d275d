// Kernels are launched here, and nowhere else.
#pragma once

#include <cuda_runtime.h>

#include <string>

#include "check.h"

// Shared memory whose size the launch gives.
#ifndef FS_DYNAMIC_SHARED
#define FS_DYNAMIC_SHARED(name) extern __shared__ __align__(16) unsigned char name[]
#endif

namespace fs::cuda {

// Queues kernel<<<grid, block, shared, stream>>>(args...); an empty grid queues nothing.
template <class... Params, class... Args>
void launch(const char* name, void (*kernel)(Params...), dim3 grid, dim3 block, std::size_t shared,
            cudaStream_t stream, const Args&... args) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  const auto queue = [&](Params... params) {
    void* pointers[] = {const_cast<void*>(static_cast<const void*>(&params))...};
    return cudaLaunchKernel(kernel, grid, block, pointers, shared, stream);
  };
  check(queue(args...), name);
}

// The kernel's own name becomes part of the message.
#define FS_LAUNCH(kernel, ...) ::fs::cuda::launch("launch of " #kernel, kernel, __VA_ARGS__)

inline unsigned blocks_for(int count, int each) { return static_cast<unsigned>((count + each - 1) / each); }

}  // namespace fs::cuda
