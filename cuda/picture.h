// The arguments of the bindings: pictures and arrays in device memory, with the checks of _cpu's.
#pragma once

#include <string>
#include <vector>

#include "../csrc/bind_picture.h"
#include "array.h"

namespace fs::cuda {

// In one call: launches count faces, and up to five planes of each, in the third dimension.
inline constexpr std::size_t kMostFaces = 12000;

inline void require_count(std::int64_t count) {
  if (count > static_cast<std::int64_t>(kMostFaces)) throw bad_argument("over 12000 faces in one call");
}

// A plane in device memory; as plane_from.
template <class T>
PlaneView<T> device_plane(const Layout& layout, const char* name) {
  using Sample = std::remove_const_t<T>;
  const std::string plane = std::string(name) + " plane";
  if (layout.typestr != (sizeof(Sample) == 1 ? "|u1" : "<u2"))
    throw bad_argument(plane + ": its dtype is not that of the luma plane, or not uint8 or uint16");
  if (layout.shape.size() != 2 || layout.count() == 0)
    throw bad_argument(plane + ": it must have two dimensions, neither of them empty");
  if (layout.shape[0] > 65536 || layout.shape[1] > 65536)
    throw bad_argument(plane + ": over 65536 samples wide or high");
  const auto item = static_cast<std::int64_t>(sizeof(Sample));
  if (layout.strides[0] % item != 0 || layout.strides[1] % item != 0)
    throw bad_argument(plane + ": its strides are no multiples of the sample size");
  if (!std::is_const_v<T> && layout.readonly) throw bad_argument(plane + ": it is read-only");
  PlaneView<T> view;
  view.data = reinterpret_cast<T*>(layout.pointer);
  view.height = static_cast<int>(layout.shape[0]);
  view.width = static_cast<int>(layout.shape[1]);
  view.stride = layout.strides[0] / item;
  view.step = layout.strides[1] / item;
  return view;
}

// As PictureTuple.
struct DevicePicture {
  Layout planes[3];
  ColorSpec color;
};

// The depth fits the samples and the chroma planes fit the luma plane, as for _cpu.
template <class T>
void require_fitting(const Picture<T>& picture) {
  const ColorSpec& color = picture.color;
  const int least = sizeof(T) == 1 ? 8 : 9, most = sizeof(T) == 1 ? 8 : 16;
  if (color.bits < least || color.bits > most) throw bad_argument("bits do not fit the planes' dtype");
  if (color.word_bits() > most) throw bad_argument("the shift does not fit the planes' dtype");
  const auto parts = [](int luma, int log2) { return (luma + (1 << log2) - 1) >> log2; };
  for (const auto* plane : {&picture.u, &picture.v}) {
    if (plane->width != parts(picture.y.width, color.log2_sub_x) ||
        plane->height != parts(picture.y.height, color.log2_sub_y)) {
      throw bad_argument(
          "chroma planes must have the luma plane's size divided by the subsampling, rounded up");
    }
  }
}

template <class T>
Picture<T> picture_from(const DevicePicture& p) {
  const Picture<T> picture{device_plane<T>(p.planes[0], "Y"), device_plane<T>(p.planes[1], "U"),
                           device_plane<T>(p.planes[2], "V"), p.color};
  require_fitting(picture);
  return picture;
}

inline bool is_wide(const DevicePicture& p) { return p.planes[0].typestr == "<u2"; }

// What follows the planes, read by _cpu's own code.
inline ColorSpec color_of(const py::tuple& parts) {
  py::list list(parts);
  for (std::size_t i = 0; i < 3; ++i) list[i] = py::array_t<float>(1);
  return picture_tuple(py::tuple(list)).color;
}

inline std::vector<DevicePicture> device_pictures(const py::sequence& pictures) {
  std::vector<DevicePicture> list;
  for (const py::handle item : pictures) {
    const auto t = py::cast<py::tuple>(item);
    if (t.size() > 2 && t[1].is_none())
      throw bad_argument("a gray picture: on the GPU there are pictures of three planes alone");
    if (t.size() < 8) throw bad_argument("a picture has at least 8 parts; see Picture in _cpu.pyi");
    list.push_back(
        {{layout_of(t[0], "Y plane"), layout_of(t[1], "U plane"), layout_of(t[2], "V plane")}, color_of(t)});
    if (is_wide(list.back()) != is_wide(list.front()))
      throw bad_argument("pictures of one call must share their dtype");
  }
  require_count(static_cast<std::int64_t>(list.size()));
  return list;
}

// The memory of a packed array of that shape; -1 stands for any size.
template <class T>
const T* device_array(const py::handle& object, const char* name, std::initializer_list<std::int64_t> shape) {
  const Layout layout = layout_of(object, name);
  const std::string who = name;
  const bool is_double = sizeof(T) == 8;
  if (layout.typestr != (is_double ? "<f8" : "<f4"))
    throw bad_argument(who + ": its elements are not " + (is_double ? "float64" : "float32"));
  if (!layout.is_packed()) throw bad_argument(who + ": it is not C-contiguous");
  bool good = layout.shape.size() == shape.size();
  std::size_t i = 0;
  for (const std::int64_t side : shape) {
    good = good && (side < 0 || layout.shape[i] == side);
    ++i;
  }
  if (!good) throw bad_argument(who + ": its shape does not fit the other arguments");
  return reinterpret_cast<const T*>(layout.pointer);
}

// The same to write to.
template <class T>
T* device_output(const py::handle& object, const char* name, std::initializer_list<std::int64_t> shape) {
  const T* memory = device_array<T>(object, name, shape);
  if (layout_of(object, name).readonly) throw bad_argument(std::string(name) + ": it is read-only");
  return const_cast<T*>(memory);
}

// The side of square pictures, the last of so many dimensions.
py::ssize_t side_of(const py::object& array, const char* name, std::size_t dimensions);

// Bindings of the operations on batches of faces, and of what is measured and done to faces before they are
// drawn.
void bind_ops(py::module_& module);
void bind_look(py::module_& module);

}  // namespace fs::cuda
