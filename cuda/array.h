// Arrays in device memory, as Python sees them: __cuda_array_interface__ and DLPack.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "stream.h"

namespace fs::cuda {

namespace py = pybind11;

// What an array's memory is, whoever owns it. Strides are bytes and may be negative.
struct Layout {
  std::uintptr_t pointer = 0;
  std::vector<std::int64_t> shape, strides;
  std::string typestr;  // as in NumPy: |u1, <u2, <f4
  bool readonly = false;

  int item() const;        // bytes of an element
  bool is_packed() const;  // C-contiguous
  std::size_t count() const;
};

// Of an object that has __cuda_array_interface__. Raises ValueError for one that has not, naming the
// argument.
Layout layout_of(const py::handle& object, const std::string& name);

// An array that views memory of `owner`'s, or its own.
class Array {
 public:
  Array(std::uintptr_t pointer, std::vector<std::int64_t> shape,
        std::optional<std::vector<std::int64_t>> strides, std::string typestr, py::object owner);

  // Uninitialised memory on the device.
  static Array empty(std::vector<std::int64_t> shape, std::string typestr, int device);
  // Any object with __dlpack__ whose memory is a CUDA device's. Nothing is synchronised: order the producer's
  // stream before one's own first.
  static Array from_dlpack(const py::object& source);

  const Layout& layout() const { return layout_; }
  int device() const { return device_; }
  py::dict interface() const;
  py::capsule to_dlpack() const;
  // Queues a copy from host memory of the same shape and type; pageable memory has been read when it returns.
  void upload(const py::array& source, const Stream& stream) const;
  // A copy in host memory, when what is queued in the stream is done.
  py::array download(Stream& stream) const;

 private:
  Array() = default;
  std::size_t bytes() const { return layout_.count() * static_cast<std::size_t>(layout_.item()); }

  Layout layout_;
  int device_ = 0;
  std::shared_ptr<void> memory_;  // what must live as long
};

void bind_array(py::module_& module);

}  // namespace fs::cuda
