// Python bindings of the GPU operations. Importing needs no driver: CUDA is first called by a function.
#include <cuda_runtime.h>
#include <pybind11/stl.h>

#include "../csrc/bind_crop.h"
#include "crop.h"
#include "picture.h"
#include "streams.h"

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

template <class T>
void crop_as(const std::vector<DevicePicture>& list, const Doubles& to_coded, float* out, int size,
             Border border, Stream& stream) {
  const std::ptrdiff_t each = 3 * static_cast<std::ptrdiff_t>(size) * size;
  std::vector<CropJob<T>> jobs;
  for (std::size_t n = 0; n < list.size(); ++n) {
    const auto i = static_cast<py::ssize_t>(n);
    jobs.push_back({picture_from<const T>(list[n]), affine_from(to_coded, i), out + i * each});
  }
  const py::gil_scoped_release release;
  crop(jobs.data(), static_cast<int>(jobs.size()), size, border, stream);
}

void bind_crop(const py::sequence& pictures, const Doubles& to_coded, const py::object& out,
               const std::string& border, Stream& stream) {
  const auto list = device_pictures(pictures);
  const auto count = static_cast<py::ssize_t>(list.size());
  require_shape(to_coded, "to_coded", {count, 2, 3});
  device_output<float>(out, "out", {count, 3, -1, -1});
  const std::int64_t size = layout_of(out, "out").shape[3];
  float* to = device_output<float>(out, "out", {count, 3, size, size});
  if (count == 0) return;
  const int side = checked_size(size);
  const Border how = border_from(border);
  is_wide(list.front()) ? crop_as<std::uint16_t>(list, to_coded, to, side, how, stream)
                        : crop_as<std::uint8_t>(list, to_coded, to, side, how, stream);
}

void bind_stream(py::module_& m) {
  using namespace pybind11::literals;
  py::class_<Stream>(m, "Stream", py::module_local())
      .def(py::init<std::uintptr_t, int>(), "handle"_a = 0, "device"_a = 0)
      .def_static("create", &Stream::create, "device"_a = 0)
      .def("synchronize", &Stream::synchronize, py::call_guard<py::gil_scoped_release>())
      .def_property_readonly("handle", &Stream::number)
      .def_property_readonly("device", &Stream::device)
      .def_property_readonly("reserved", &Stream::reserved);
  py::class_<Timer>(m, "Timer", py::module_local())
      .def(py::init<int>(), "device"_a = 0)
      .def("start", &Timer::start, "stream"_a)
      .def("stop", &Timer::stop, "stream"_a)
      .def("milliseconds", &Timer::milliseconds, py::call_guard<py::gil_scoped_release>());
}

}  // namespace
}  // namespace fs::cuda

PYBIND11_MODULE(_cuda, m) {
  using namespace pybind11::literals;
  m.doc() = "fastswap's pixel operations on NVIDIA GPUs.";
  fs::cuda::bind_array(m);
  fs::cuda::bind_stream(m);
  fs::cuda::bind_streams(m);
  m.def("crop", &fs::cuda::bind_crop, "pictures"_a, "to_coded"_a.noconvert(), "out"_a, "border"_a,
        "stream"_a);
  fs::cuda::bind_ops(m);
  fs::cuda::bind_look(m);
  m.def("device_count", &fs::cuda::device_count);
  m.def("device_name", &fs::cuda::device_name, "index"_a);
}
