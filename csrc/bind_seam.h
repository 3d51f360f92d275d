// Binding of the seam's match.
#pragma once

#include <vector>

#include "bind_picture.h"
#include "seam.h"

namespace fs {

inline BlendMode blend_mode_from(const std::string& name) {
  if (name == "feather") return BlendMode::kFeather;
  if (name == "poisson") return BlendMode::kPoisson;
  if (name == "multiband") return BlendMode::kMultiband;
  throw bad_argument("blend is '" + name + "'; choose feather, poisson or multiband");
}

using Ints = py::array_t<int, py::array::c_style>;

inline void bind_match_seam(const Floats& faces, const Floats& targets, const Floats& masks,
                            const Doubles& to_coded, const Ints& frames, const std::string& mode,
                            Floats out) {
  require_shape(faces, "faces", {-1, 3, -1, -1});
  const py::ssize_t count = faces.shape(0), size = faces.shape(3);
  for (const auto* array : {&faces, &targets, static_cast<const Floats*>(&out)}) {
    require_shape(*array, "faces, targets and out", {count, 3, size, size});
  }
  require_shape(masks, "masks", {count, size, size});
  require_shape(to_coded, "to_coded", {count, 2, 3});
  require_shape(frames, "frames", {count, 2});
  const BlendMode how = blend_mode_from(mode);
  if (count == 0) return;
  const int side = checked_size(size);
  std::vector<Affine> maps;
  for (py::ssize_t n = 0; n < count; ++n) maps.push_back(affine_from(to_coded, n));
  float* to = out.mutable_data();
  const int* sizes = frames.data();
  const py::gil_scoped_release release;
  match_seam(faces.data(), targets.data(), masks.data(), maps.data(), sizes, static_cast<int>(count), side,
             how, to);
}

}  // namespace fs
