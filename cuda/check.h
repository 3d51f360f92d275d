// CUDA calls that fail throw.
#pragma once

#include <cuda_runtime.h>

#include <new>
#include <stdexcept>
#include <string>
#include <utility>

namespace fs::cuda {

// MemoryError in Python: the caller may go on with a smaller batch.
class OutOfMemory : public std::bad_alloc {
 public:
  explicit OutOfMemory(std::string what) : what_(std::move(what)) {}
  const char* what() const noexcept override { return what_.c_str(); }

 private:
  std::string what_;
};

inline void check(cudaError_t error, const char* call) {
  if (error == cudaSuccess) return;
  const bool absent = error == cudaErrorNoDevice || error == cudaErrorInsufficientDriver;
  const std::string what = std::string(call) + " failed: " + cudaGetErrorString(error) + " (CUDA error " +
                           std::to_string(static_cast<int>(error)) + ")";
  if (error == cudaErrorMemoryAllocation) {
    cudaGetLastError();  // this error leaves the context usable, so it must not show up in a later call
    throw OutOfMemory("GPU memory is exhausted: " + what);
  }
  throw std::runtime_error(absent ? "no usable NVIDIA GPU or driver: " + what : what);
}

// The call's own text becomes part of the message.
#define FS_CUDA(call) ::fs::cuda::check((call), #call)

}  // namespace fs::cuda
