// Python's pictures as the core's: shared by the bindings of _cpu and _cuda.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "plane.h"

namespace fs {

namespace py = pybind11;

using Floats = py::array_t<float, py::array::c_style>;
using Doubles = py::array_t<double, py::array::c_style>;

inline constexpr int kGraySub = 2;  // the constant chroma of gray pictures is sampled as rarely as can be

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

// (y, u, v, matrix, full_range, siting, bits, (log2_sub_x, log2_sub_y), shift, transfer); see `Picture` in
// _cpu.pyi. The last two may be left out; gray pictures have None for u and v.
struct PictureTuple {
  py::array y, u, v;
  ColorSpec color;
};

inline Matrix matrix_from(const std::string& name) {
  if (name == "bt601") return Matrix::kBt601;
  if (name == "bt709") return Matrix::kBt709;
  if (name == "bt2020") return Matrix::kBt2020;
  if (name == "gbr") return Matrix::kGbr;
  throw bad_argument("matrix is '" + name + "'; choose bt601, bt709, bt2020 or gbr");
}

inline Siting siting_from(const std::string& name) {
  if (name == "left") return Siting::kLeft;
  if (name == "center") return Siting::kCenter;
  if (name == "topleft") return Siting::kTopLeft;
  throw bad_argument("siting is '" + name + "'; choose left, center or topleft");
}

inline Transfer transfer_from(const std::string& name) {
  if (name == "sdr") return Transfer::kSdr;
  if (name == "pq") return Transfer::kPq;
  if (name == "hlg") return Transfer::kHlg;
  throw bad_argument("transfer is '" + name + "'; choose sdr, pq or hlg");
}

inline PictureTuple picture_tuple(const py::handle& item) {
  const auto t = py::cast<py::tuple>(item);
  if (t.size() < 8 || t.size() > 10) {
    throw bad_argument(
        "a picture is (y, u, v, matrix, full_range, siting, bits, (log2_sub_x, log2_sub_y), shift, "
        "transfer)");
  }
  PictureTuple p;
  p.color.gray = t[1].is_none() && t[2].is_none();
  p.y = py::cast<py::array>(t[0]);
  if (!p.color.gray) {
    p.u = py::cast<py::array>(t[1]);
    p.v = py::cast<py::array>(t[2]);
  }
  p.color.matrix = matrix_from(py::cast<std::string>(t[3]));
  p.color.full_range = py::cast<bool>(t[4]);
  p.color.siting = siting_from(py::cast<std::string>(t[5]));
  p.color.bits = py::cast<int>(t[6]);
  const auto sub = py::cast<std::pair<int, int>>(t[7]);
  if (sub.first < 0 || sub.first > 2 || sub.second < 0 || sub.second > 2)
    throw bad_argument("subsampling must lie in 0..2");
  p.color.log2_sub_x = p.color.gray ? kGraySub : sub.first;
  p.color.log2_sub_y = p.color.gray ? kGraySub : sub.second;
  p.color.shift = t.size() > 8 ? py::cast<int>(t[8]) : 0;
  if (t.size() > 9) p.color.transfer = transfer_from(py::cast<std::string>(t[9]));
  if (p.color.shift < 0 || p.color.shift > 8) throw bad_argument("the shift must lie in 0..8");
  if (p.color.gray && p.color.matrix == Matrix::kGbr) throw bad_argument("a gray picture has no matrix gbr");
  return p;
}

// U or V of a gray picture: the same sample everywhere, which is only ever read.
template <class T>
PlaneView<T> neutral_plane(const PlaneView<T>& luma, const ColorSpec& color) {
  static const std::array<std::remove_const_t<T>, 17> neutral = [] {
    std::array<std::remove_const_t<T>, 17> values{};
    for (std::size_t bits = 1; bits < values.size(); ++bits)
      values[bits] = static_cast<std::remove_const_t<T>>(1u << (bits - 1));
    return values;
  }();
  const auto parts = [](int samples) { return (samples + (1 << kGraySub) - 1) >> kGraySub; };
  T* sample = const_cast<T*>(&neutral[static_cast<std::size_t>(color.word_bits())]);
  return {sample, 0, 0, parts(luma.width), parts(luma.height)};
}

template <class T>
Picture<T> picture_from(const PictureTuple& p) {
  using Sample = std::remove_const_t<T>;
  const int least = sizeof(Sample) == 1 ? 8 : 9, most = sizeof(Sample) == 1 ? 8 : 16;
  if (p.color.bits < least || p.color.bits > most) throw bad_argument("bits do not fit the planes' dtype");
  if (p.color.word_bits() > most) throw bad_argument("the shift does not fit the planes' dtype");
  Picture<T> picture{plane_from<T>(p.y, "Y"), {}, {}, p.color};
  if (p.color.gray) {
    picture.u = picture.v = neutral_plane(picture.y, p.color);
    return picture;
  }
  picture.u = plane_from<T>(p.u, "U");
  picture.v = plane_from<T>(p.v, "V");
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

inline std::vector<PictureTuple> picture_list(const py::sequence& pictures) {
  std::vector<PictureTuple> list;
  for (const py::handle item : pictures) list.push_back(picture_tuple(item));
  return list;
}

// True for pictures whose words are T's; what is neither is reported where it is taken for 8 bits.
template <class T>
bool holds_words(const PictureTuple& p) {
  return py::isinstance<py::array_t<std::uint16_t>>(p.y) == (sizeof(T) == 2);
}

// Calls work(T{}) for the word types that the list has; it is to leave out the pictures of the other one.
template <class Work>
void for_each_depth(const std::vector<PictureTuple>& list, Work work) {
  const auto any = [&](auto holds) { return std::any_of(list.begin(), list.end(), holds); };
  if (any(holds_words<std::uint8_t>)) work(std::uint8_t{});
  if (any(holds_words<std::uint16_t>)) work(std::uint16_t{});
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
