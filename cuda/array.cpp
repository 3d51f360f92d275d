#include "array.h"

#include <pybind11/stl.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "dlpack.h"
#include "memory.h"

namespace fs::cuda {
namespace {

std::invalid_argument bad(const std::string& text) { return std::invalid_argument(text); }

bool is_known(const std::string& typestr) {
  return typestr == "|u1" || typestr == "<u2" || typestr == "<f4" || typestr == "<f8";
}

std::vector<std::int64_t> packed_strides(const std::vector<std::int64_t>& shape, std::int64_t item) {
  std::vector<std::int64_t> strides(shape.size());
  for (std::size_t i = shape.size(); i-- > 0; item *= shape[i]) strides[i] = item;
  return strides;
}

std::string typestr_of(const dlpack::Type& type) {
  static constexpr char kLetters[] = {'i', 'u', 'f'};
  if (type.code > 2 || type.lanes != 1 || type.bits % 8 != 0)
    throw bad("DLPack: the array's element type is not a plain integer or float");
  return std::string(type.bits == 8 ? "|" : "<") + kLetters[type.code] + std::to_string(type.bits / 8);
}

dlpack::Type type_of(const Layout& layout) {
  const char letter = layout.typestr.at(1);
  const int code = letter == 'i' ? dlpack::kInt : letter == 'u' ? dlpack::kUInt : dlpack::kFloat;
  return {static_cast<std::uint8_t>(code), static_cast<std::uint8_t>(8 * layout.item()), 1};
}

// What an exported tensor keeps alive.
struct Exported {
  dlpack::ManagedTensor managed;
  Layout layout;
  std::vector<std::int64_t> strides;  // in elements
  std::shared_ptr<void> memory;
};

void drop_unused(PyObject* capsule) {
  // A consumer renames the capsule and takes over; one that nobody took still owns its tensor.
  if (!PyCapsule_IsValid(capsule, "dltensor")) return;
  auto* managed = static_cast<dlpack::ManagedTensor*>(PyCapsule_GetPointer(capsule, "dltensor"));
  if (managed != nullptr && managed->deleter != nullptr) managed->deleter(managed);
}

// Keeps a Python object alive; may be dropped on any thread.
std::shared_ptr<void> keep(py::object owner) {
  if (owner.is_none()) return nullptr;
  return {owner.release().ptr(), [](void* object) {
            const py::gil_scoped_acquire gil;
            Py_DECREF(static_cast<PyObject*>(object));
          }};
}

}  // namespace

int Layout::item() const { return typestr.at(2) - '0'; }

std::size_t Layout::count() const {
  std::size_t total = 1;
  for (const std::int64_t side : shape) total *= static_cast<std::size_t>(side);
  return total;
}

bool Layout::is_packed() const {
  const auto packed = packed_strides(shape, item());
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] > 1 && strides[i] != packed[i]) return false;
  }
  return true;
}

Layout layout_of(const py::handle& object, const std::string& name) {
  if (!py::hasattr(object, "__cuda_array_interface__"))
    throw bad(name + ": it is no array on a CUDA device (it has no __cuda_array_interface__)");
  const auto interface = py::cast<py::dict>(object.attr("__cuda_array_interface__"));
  Layout layout;
  layout.typestr = py::cast<std::string>(interface["typestr"]);
  if (!is_known(layout.typestr))
    throw bad(name + ": its elements are " + layout.typestr + "; |u1, <u2, <f4 and <f8 are known");
  layout.shape = py::cast<std::vector<std::int64_t>>(interface["shape"]);
  const auto data = py::cast<std::pair<std::uintptr_t, bool>>(interface["data"]);
  layout.pointer = data.first;
  layout.readonly = data.second;
  const py::object strides =
      interface.contains("strides") ? py::object(interface["strides"]) : py::object(py::none());
  layout.strides = strides.is_none() ? packed_strides(layout.shape, layout.item())
                                     : py::cast<std::vector<std::int64_t>>(strides);
  if (layout.strides.size() != layout.shape.size()) throw bad(name + ": its strides do not fit its shape");
  return layout;
}

Array::Array(std::uintptr_t pointer, std::vector<std::int64_t> shape,
             std::optional<std::vector<std::int64_t>> strides, std::string typestr, py::object owner)
    : memory_(keep(std::move(owner))) {
  layout_ = {pointer, std::move(shape), {}, std::move(typestr)};
  if (!is_known(layout_.typestr))
    throw bad("array: typestr is '" + layout_.typestr + "'; choose |u1, <u2, <f4 or <f8");
  for (const std::int64_t side : layout_.shape) {
    if (side < 0) throw bad("array: a side is negative");
  }
  layout_.strides = strides ? *std::move(strides) : packed_strides(layout_.shape, layout_.item());
  if (layout_.strides.size() != layout_.shape.size()) throw bad("array: the strides do not fit the shape");
  cudaPointerAttributes attributes{};
  if (pointer != 0 && cudaPointerGetAttributes(&attributes, reinterpret_cast<void*>(pointer)) == cudaSuccess)
    device_ = attributes.device;
}

Array Array::empty(std::vector<std::int64_t> shape, std::string typestr, int device) {
  Array array(0, std::move(shape), std::nullopt, std::move(typestr), py::none());
  const OnDeviceNumber current(device);
  auto block = std::make_shared<Block<OnDevice>>(array.layout_.count() *
                                                 static_cast<std::size_t>(array.layout_.item()));
  array.layout_.pointer = reinterpret_cast<std::uintptr_t>(block->data());
  array.device_ = device;
  array.memory_ = std::move(block);
  return array;
}

Array Array::from_dlpack(const py::object& source) {
  if (!py::hasattr(source, "__dlpack__")) throw bad("DLPack: the object has no __dlpack__");
  auto capsule = py::cast<py::capsule>(source.attr("__dlpack__")());
  if (!PyCapsule_IsValid(capsule.ptr(), "dltensor"))
    throw bad("DLPack: the capsule was taken before or is of an unknown version");
  auto* managed = capsule.get_pointer<dlpack::ManagedTensor>();
  const dlpack::Tensor& tensor = managed->tensor;
  if (tensor.device.type != dlpack::kCuda && tensor.device.type != dlpack::kCudaManaged)
    throw bad("DLPack: the array does not lie on a CUDA device");
  Array array;
  array.layout_.typestr = typestr_of(tensor.dtype);
  if (!is_known(array.layout_.typestr)) throw bad("DLPack: its elements are " + array.layout_.typestr);
  array.layout_.pointer = reinterpret_cast<std::uintptr_t>(tensor.data) + tensor.byte_offset;
  array.layout_.shape.assign(tensor.shape, tensor.shape + tensor.ndim);
  array.layout_.strides = packed_strides(array.layout_.shape, array.layout_.item());
  for (int i = 0; tensor.strides != nullptr && i < tensor.ndim; ++i)
    array.layout_.strides[static_cast<std::size_t>(i)] = tensor.strides[i] * array.layout_.item();
  array.device_ = tensor.device.id;
  capsule.set_name("used_dltensor");
  array.memory_ = {managed, [](void* memory) {
                     const py::gil_scoped_acquire gil;  // producers in Python need it
                     auto* tensor_of_source = static_cast<dlpack::ManagedTensor*>(memory);
                     if (tensor_of_source->deleter != nullptr) tensor_of_source->deleter(tensor_of_source);
                   }};
  return array;
}

py::dict Array::interface() const {
  py::dict out;
  out["shape"] = py::tuple(py::cast(layout_.shape));
  out["strides"] = py::tuple(py::cast(layout_.strides));
  out["typestr"] = layout_.typestr;
  out["data"] = py::make_tuple(layout_.pointer, layout_.readonly);
  out["version"] = 3;
  out["stream"] = py::none();
  return out;
}

py::capsule Array::to_dlpack() const {
  auto exported = std::make_unique<Exported>();
  exported->layout = layout_;
  exported->memory = memory_;
  for (const std::int64_t stride : layout_.strides) {
    if (stride % layout_.item() != 0) throw bad("DLPack: a stride is no multiple of the element's size");
    exported->strides.push_back(stride / layout_.item());
  }
  dlpack::ManagedTensor& managed = exported->managed;
  managed.tensor = {reinterpret_cast<void*>(layout_.pointer),
                    {dlpack::kCuda, device_},
                    static_cast<std::int32_t>(layout_.shape.size()),
                    type_of(layout_),
                    exported->layout.shape.data(),
                    exported->strides.data(),
                    0};
  managed.context = exported.get();
  managed.deleter = [](dlpack::ManagedTensor* self) { delete static_cast<Exported*>(self->context); };
  PyObject* capsule = PyCapsule_New(&managed, "dltensor", drop_unused);
  if (capsule == nullptr) throw py::error_already_set();
  exported.release();
  return py::reinterpret_steal<py::capsule>(capsule);
}

void Array::upload(const py::array& source, const Stream& stream) const {
  const py::buffer_info info = source.request();
  const std::string typestr = py::cast<std::string>(source.dtype().attr("str"));
  if (typestr != layout_.typestr ||
      !std::equal(info.shape.begin(), info.shape.end(), layout_.shape.begin(), layout_.shape.end()))
    throw bad("upload: the arrays' shapes or types differ");
  if (!layout_.is_packed() || !(source.flags() & py::array::c_style))
    throw bad("upload: both arrays must be C-contiguous");
  const OnDeviceNumber current(stream.device());
  FS_CUDA(cudaMemcpyAsync(reinterpret_cast<void*>(layout_.pointer), info.ptr, bytes(), cudaMemcpyHostToDevice,
                          stream.handle()));
}

py::array Array::download(Stream& stream) const {
  if (!layout_.is_packed()) throw bad("download: the array is not C-contiguous");
  py::array out(py::dtype(layout_.typestr), layout_.shape);
  void* to = out.mutable_data();
  const py::gil_scoped_release release;
  {
    const OnDeviceNumber current(stream.device());
    FS_CUDA(cudaMemcpyAsync(to, reinterpret_cast<void*>(layout_.pointer), bytes(), cudaMemcpyDeviceToHost,
                            stream.handle()));
  }
  stream.synchronize();
  return out;
}

void bind_array(py::module_& module) {
  using namespace pybind11::literals;
  using Sides = std::vector<std::int64_t>;
  py::class_<Array>(module, "Array", py::module_local())
      .def(py::init<std::uintptr_t, Sides, std::optional<Sides>, std::string, py::object>(), "pointer"_a,
           "shape"_a, "strides"_a.none(true), "typestr"_a, "owner"_a = py::none())
      .def_static("empty", &Array::empty, "shape"_a, "typestr"_a, "device"_a = 0)
      .def_static("from_dlpack", &Array::from_dlpack, "source"_a)
      .def_property_readonly("pointer", [](const Array& self) { return self.layout().pointer; })
      .def_property_readonly("shape",
                             [](const Array& self) { return py::tuple(py::cast(self.layout().shape)); })
      .def_property_readonly("strides",
                             [](const Array& self) { return py::tuple(py::cast(self.layout().strides)); })
      .def_property_readonly("typestr", [](const Array& self) { return self.layout().typestr; })
      .def_property_readonly("device", &Array::device)
      .def_property_readonly("__cuda_array_interface__", &Array::interface)
      .def("__dlpack__", [](const Array& self, const py::kwargs&) { return self.to_dlpack(); })
      .def("__dlpack_device__",
           [](const Array& self) { return std::make_pair(dlpack::kCuda, self.device()); })
      .def("upload", &Array::upload, "source"_a, "stream"_a)
      .def("download", &Array::download, "stream"_a);
}

}  // namespace fs::cuda
