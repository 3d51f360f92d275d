// CUDA calls that fail throw, and what they made is freed by itself.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <stdexcept>
#include <string>
#include <utility>

namespace fs::cuda {

inline void check(cudaError_t error, const char* call) {
  if (error == cudaSuccess) return;
  const bool absent = error == cudaErrorNoDevice || error == cudaErrorInsufficientDriver;
  const std::string what = std::string(call) + " failed: " + cudaGetErrorString(error) + " (CUDA error " +
                           std::to_string(static_cast<int>(error)) + ")";
  throw std::runtime_error(absent ? "no usable NVIDIA GPU or driver: " + what : what);
}

// The call's own text becomes part of the message.
#define FS_CUDA(call) ::fs::cuda::check((call), #call)

class Stream {
 public:
  Stream() { FS_CUDA(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking)); }
  ~Stream() { cudaStreamDestroy(stream_); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  operator cudaStream_t() const { return stream_; }

 private:
  cudaStream_t stream_ = nullptr;
};

// Device memory of `size()` elements.
template <class T>
class DeviceArray {
 public:
  DeviceArray() = default;
  explicit DeviceArray(std::size_t size) : size_(size) {
    if (size > 0) FS_CUDA(cudaMalloc(&data_, size * sizeof(T)));
  }
  DeviceArray(const T* host, std::size_t size, cudaStream_t stream) : DeviceArray(size) {
    if (size > 0) FS_CUDA(cudaMemcpyAsync(data_, host, size * sizeof(T), cudaMemcpyHostToDevice, stream));
  }
  DeviceArray(DeviceArray&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  DeviceArray& operator=(DeviceArray&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~DeviceArray() { cudaFree(data_); }

  T* data() const { return data_; }
  std::size_t size() const { return size_; }

 private:
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace fs::cuda
