// Python bindings of the GPU operations. Importing needs no driver: CUDA is first called by a function.
#include <cuda_runtime.h>

#include "../csrc/bind_crop.h"
#include "check.h"
#include "crop.h"

namespace fs::cuda {
namespace {

// 0 without a GPU or a driver.
int device_count() {
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error == cudaErrorNoDevice || error == cudaErrorInsufficientDriver) return 0;
  check(error, "cudaGetDeviceCount(&count)");
  return count;
}

std::string device_name(int index) {
  cudaDeviceProp properties{};
  FS_CUDA(cudaGetDeviceProperties(&properties, index));
  return properties.name;
}

void bind_crop(const py::sequence& pictures, const Doubles& to_coded, Floats out, const std::string& border) {
  crop_pictures(pictures, to_coded, out, border, [](const auto* jobs, int count, int size, Border how) {
    cuda::crop(jobs, count, size, how);
  });
}

}  // namespace
}  // namespace fs::cuda

PYBIND11_MODULE(_cuda, m) {
  using namespace pybind11::literals;
  m.doc() = "fastswap's pixel operations on NVIDIA GPUs.";
  m.def("crop", &fs::cuda::bind_crop, "pictures"_a, "to_coded"_a.noconvert(), "out"_a.noconvert(),
        "border"_a);
  m.def("device_count", &fs::cuda::device_count);
  m.def("device_name", &fs::cuda::device_name, "index"_a);
}
