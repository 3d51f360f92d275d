// The crop's arguments, shared by the bindings of _cpu and _cuda.
#pragma once

#include <vector>

#include "bind_picture.h"
#include "crop.h"

namespace fs {

inline Border border_from(const std::string& name) {
  if (name == "replicate") return Border::kReplicate;
  if (name == "black") return Border::kBlack;
  throw bad_argument("border is '" + name + "'; choose replicate or black");
}

// `run` is called without the GIL as run(jobs, count, size, border).
template <class T, class Run>
void crop_as(const std::vector<PictureTuple>& list, const Doubles& to_coded, Border border, Floats& out,
             Run run) {
  const int size = static_cast<int>(out.shape(2));
  std::vector<CropJob<T>> jobs;
  for (std::size_t n = 0; n < list.size(); ++n) {
    if (!holds_words<T>(list[n])) continue;
    const auto i = static_cast<py::ssize_t>(n);
    jobs.push_back({picture_from<const T>(list[n]), affine_from(to_coded, i), out.mutable_data(i, 0, 0, 0)});
  }
  const py::gil_scoped_release release;
  run(jobs.data(), static_cast<int>(jobs.size()), size, border);
}

template <class Run>
void crop_pictures(const py::sequence& pictures, const Doubles& to_coded, Floats& out,
                   const std::string& border, Run run) {
  const auto list = picture_list(pictures);
  const auto count = static_cast<py::ssize_t>(list.size());
  require_shape(to_coded, "to_coded", {count, 2, 3});
  require_shape(out, "out", {count, 3, -1, -1});
  require_shape(out, "out", {count, 3, out.shape(3), out.shape(3)});
  if (count == 0) return;
  checked_size(out.shape(3));
  const Border how = border_from(border);
  for_each_depth(list, [&](auto word) { crop_as<decltype(word)>(list, to_coded, how, out, run); });
}

}  // namespace fs
