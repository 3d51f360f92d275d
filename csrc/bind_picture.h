// Python's pictures as the core's: shared by the bindings of _cpu and _cuda.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "plane.h"

namespace fs {

namespace py = pybind11;

using Floats = py::array_t<float, py::array::c_style>;
using Doubles = py::array_t<double, py::array::c_style>;

inline std::invalid_argument bad_argument(const std::string& text) { return std::invalid_argument(text); }

// A NumPy array as a plane. T may be const; a plane to write to must be writable.
template <class T>
PlaneView<T> plane_from(const py::array& array, const char* name) {
  using Sample = std::remove_const_t<T>;
  if (!py::isinstance<py::array_t<Sample>>(array)) {
    throw bad_argument(std::string(name) +
                       " plane: its dtype is not that of the luma plane, or not uint8 or uint16");
  }
  if (array.ndim() != 2 || array.shape(0) < 1 || array.shape(1) < 1) {
    throw bad_argument(std::string(name) + " plane: it must have two dimensions, neither of them empty");
  }
  if (array.shape(0) > 65536 || array.shape(1) > 65536)
    throw bad_argument(std::string(name) + " plane: over 65536 samples wide or high");
  const auto item = static_cast<py::ssize_t>(sizeof(Sample));
  if (array.strides(0) % item != 0 || array.strides(1) % item != 0) {
    throw bad_argument(std::string(name) + " plane: its strides are no multiples of the sample size");
  }
  if (!std::is_const_v<T> && !array.writeable())
    throw bad_argument(std::string(name) + " plane: it is read-only");
  PlaneView<T> view;
  // The check above replaces mutable_data()'s.
  view.data = static_cast<T*>(const_cast<void*>(array.data()));
  view.height = static_cast<int>(array.shape(0));
  view.width = static_cast<int>(array.shape(1));
  view.stride = array.strides(0) / item;
  view.step = array.strides(1) / item;
  return view;
}

// (y, u, v, matrix, full_range, siting, bits, (log2_sub_x, log2_sub_y)); see `Picture` in _cpu.pyi.
struct PictureTuple {
  py::array y, u, v;
  ColorSpec color;
};

inline PictureTuple picture_tuple(const py::handle& item) {
  const auto t = py::cast<py::tuple>(item);
  if (t.size() != 8)
    throw bad_argument("a picture is (y, u, v, matrix, full_range, siting, bits, (log2_sub_x, log2_sub_y))");
  PictureTuple p{py::cast<py::array>(t[0]), py::cast<py::array>(t[1]), py::cast<py::array>(t[2]), {}};
  const auto matrix = py::cast<std::string>(t[3]), siting = py::cast<std::string>(t[5]);
  if (matrix == "bt601")
    p.color.matrix = Matrix::kBt601;
  else if (matrix == "bt709")
    p.color.matrix = Matrix::kBt709;
  else if (matrix == "bt2020")
    p.color.matrix = Matrix::kBt2020;
  else
    throw bad_argument("matrix is '" + matrix + "'; choose bt601, bt709 or bt2020");
  if (siting == "left")
    p.color.siting = Siting::kLeft;
  else if (siting == "center")
    p.color.siting = Siting::kCenter;
  else if (siting == "topleft")
    p.color.siting = Siting::kTopLeft;
  else
    throw bad_argument("siting is '" + siting + "'; choose left, center or topleft");
  p.color.full_range = py::cast<bool>(t[4]);
  p.color.bits = py::cast<int>(t[6]);
  const auto sub = py::cast<std::pair<int, int>>(t[7]);
  p.color.log2_sub_x = sub.first;
  p.color.log2_sub_y = sub.second;
  if (sub.first < 0 || sub.first > 2 || sub.second < 0 || sub.second > 2)
    throw bad_argument("subsampling must lie in 0..2");
  return p;
}

template <class T>
Picture<T> picture_from(const PictureTuple& p) {
  using Sample = std::remove_const_t<T>;
  Picture<T> picture{plane_from<T>(p.y, "Y"), plane_from<T>(p.u, "U"), plane_from<T>(p.v, "V"), p.color};
  const int least = sizeof(Sample) == 1 ? 8 : 9, most = sizeof(Sample) == 1 ? 8 : 16;
  if (p.color.bits < least || p.color.bits > most) throw bad_argument("bits do not fit the planes' dtype");
  const auto parts = [](int luma, int log2) { return (luma + (1 << log2) - 1) >> log2; };
  for (const auto* plane : {&picture.u, &picture.v}) {
    if (plane->width != parts(picture.y.width, p.color.log2_sub_x) ||
        plane->height != parts(picture.y.height, p.color.log2_sub_y)) {
      throw bad_argument(
          "chroma planes must have the luma plane's size divided by the subsampling, rounded up");
    }
  }
  return picture;
}

inline Affine affine_from(const Doubles& maps, py::ssize_t n) {
  const double* m = maps.data(n, 0, 0);
  return {m[0], m[1], m[2], m[3], m[4], m[5]};
}

inline int checked_size(py::ssize_t size) {
  if (size < 1 || size > 8192) throw bad_argument("size must lie in 1..8192");
  return static_cast<int>(size);
}

inline bool is_wide(const PictureTuple& p) { return py::isinstance<py::array_t<std::uint16_t>>(p.y); }

inline std::vector<PictureTuple> picture_list(const py::sequence& pictures) {
  std::vector<PictureTuple> list;
  for (const py::handle item : pictures) list.push_back(picture_tuple(item));
  for (const PictureTuple& p : list) {
    if (is_wide(p) != is_wide(list.front()))
      throw bad_argument("pictures of one call must share their dtype");
  }
  return list;
}

// Requires the shape; -1 stands for any size.
inline void require_shape(const py::array& array, const char* name,
                          std::initializer_list<py::ssize_t> shape) {
  bool good = array.ndim() == static_cast<py::ssize_t>(shape.size());
  py::ssize_t i = 0;
  for (const py::ssize_t side : shape) {
    good = good && (side < 0 || array.shape(i) == side);
    ++i;
  }
  if (!good) throw bad_argument(std::string(name) + ": its shape does not fit the other arguments");
}

}  // namespace fs
