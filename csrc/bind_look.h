// Bindings of what is measured and done to faces before they are drawn: sharpness, motion blur, noise.
#pragma once

#include <vector>

#include "bind_picture.h"
#include "detail.h"
#include "motion.h"
#include "noise.h"

namespace fs {

inline void bind_detail_statistics(const Floats& pictures, const Floats& masks, Doubles out) {
  require_shape(masks, "masks", {-1, -1, -1});
  const py::ssize_t count = masks.shape(0), size = masks.shape(2);
  require_shape(masks, "masks", {count, size, size});
  require_shape(pictures, "pictures", {count, 3, size, size});
  require_shape(out, "out", {count, kDetailNumbers});
  if (count == 0) return;
  const int side = checked_size(size);
  double* to = out.mutable_data();
  const py::gil_scoped_release release;
  detail_statistics(pictures.data(), masks.data(), static_cast<int>(count), side, to);
}

inline void bind_sharpen(const Floats& pictures, const Floats& gains, Floats out) {
  require_shape(pictures, "pictures", {-1, 3, -1, -1});
  const py::ssize_t count = pictures.shape(0), size = pictures.shape(3);
  require_shape(pictures, "pictures", {count, 3, size, size});
  require_shape(gains, "gains", {count, kBands});
  require_shape(out, "out", {count, 3, size, size});
  if (count == 0) return;
  const int side = checked_size(size);
  float* to = out.mutable_data();
  const py::gil_scoped_release release;
  sharpen(pictures.data(), gains.data(), static_cast<int>(count), side, to);
}

inline void bind_motion_blur(const Floats& faces, const Floats& masks, const Doubles& motions, Floats out) {
  require_shape(masks, "masks", {-1, -1, -1});
  const py::ssize_t count = masks.shape(0), size = masks.shape(2);
  require_shape(masks, "masks", {count, size, size});
  require_shape(faces, "faces", {count, 3, size, size});
  require_shape(motions, "motions", {count, 2, 3});
  require_shape(out, "out", {count, 3, size, size});
  if (count == 0) return;
  const int side = checked_size(size);
  float* to = out.mutable_data();
  if (to == faces.data()) throw bad_argument("motion blur: out must not be faces");
  std::vector<Affine> maps;
  for (py::ssize_t n = 0; n < count; ++n) maps.push_back(affine_from(motions, n));
  const py::gil_scoped_release release;
  motion_blur(faces.data(), masks.data(), maps.data(), static_cast<int>(count), side, to);
}

template <class T>
void noise_statistics_as(const std::vector<PictureTuple>& list, const Doubles& to_coded, const Floats& masks,
                         double* out) {
  const int size = static_cast<int>(masks.shape(2));
  std::vector<NoiseJob<T>> jobs;
  for (std::size_t n = 0; n < list.size(); ++n) {
    if (!holds_words<T>(list[n])) continue;
    const auto i = static_cast<py::ssize_t>(n);
    jobs.push_back({picture_from<const T>(list[n]), affine_from(to_coded, i), masks.data(i, 0, 0),
                    out + i * kNoiseNumbers});
  }
  const py::gil_scoped_release release;
  noise_statistics(jobs.data(), static_cast<int>(jobs.size()), size);
}

inline void bind_noise_statistics(const py::sequence& pictures, const Doubles& to_coded, const Floats& masks,
                                  Doubles out) {
  const auto list = picture_list(pictures);
  const auto count = static_cast<py::ssize_t>(list.size());
  require_shape(to_coded, "to_coded", {count, 2, 3});
  require_shape(masks, "masks", {count, -1, -1});
  require_shape(masks, "masks", {count, masks.shape(2), masks.shape(2)});
  require_shape(out, "out", {count, kNoiseNumbers});
  if (count == 0) return;
  checked_size(masks.shape(2));
  double* to = out.mutable_data();
  for_each_depth(list, [&](auto word) { noise_statistics_as<decltype(word)>(list, to_coded, masks, to); });
}

inline void bind_look(py::module_& m) {
  using namespace pybind11::literals;
  m.def("detail_statistics", &bind_detail_statistics, "pictures"_a.noconvert(), "masks"_a.noconvert(),
        "out"_a.noconvert());
  m.def("sharpen", &bind_sharpen, "pictures"_a.noconvert(), "gains"_a.noconvert(), "out"_a.noconvert());
  m.def("motion_blur", &bind_motion_blur, "faces"_a.noconvert(), "masks"_a.noconvert(),
        "motions"_a.noconvert(), "out"_a.noconvert());
  m.def("noise_statistics", &bind_noise_statistics, "pictures"_a, "to_coded"_a.noconvert(),
        "masks"_a.noconvert(), "out"_a.noconvert());
}

}  // namespace fs
