// The C structures of DLPack 0.8, by which libraries hand arrays to each other
// (https://dmlc.github.io/dlpack/latest/c_api.html).
#pragma once

#include <cstdint>

namespace fs::cuda::dlpack {

inline constexpr int kCpu = 1, kCuda = 2, kCudaHost = 3, kCudaManaged = 13;  // device types
inline constexpr int kInt = 0, kUInt = 1, kFloat = 2;                        // type codes

struct Device {
  std::int32_t type, id;
};
struct Type {
  std::uint8_t code, bits;
  std::uint16_t lanes;
};
struct Tensor {
  void* data;
  Device device;
  std::int32_t ndim;
  Type dtype;
  std::int64_t* shape;
  std::int64_t* strides;  // in elements; null when packed
  std::uint64_t byte_offset;
};
struct ManagedTensor {
  Tensor tensor;
  void* context;
  void (*deleter)(ManagedTensor* self);
};

}  // namespace fs::cuda::dlpack
