// Settings of a look, shared by the bindings of _cpu and _cuda.
#pragma once

#include <pybind11/stl.h>

#include <optional>
#include <string>
#include <vector>

#include "bind_picture.h"
#include "blend.h"
#include "color.h"
#include "mask.h"
#include "sample.h"

namespace fs {

inline ColorMode mode_from(const std::string& name) {
  if (name == "none") return ColorMode::kNone;
  if (name == "reinhard") return ColorMode::kReinhard;
  if (name == "linear") return ColorMode::kLinear;
  if (name == "mkl") return ColorMode::kMkl;
  if (name == "histogram") return ColorMode::kHistogram;
  if (name == "sliced") return ColorMode::kSliced;
  throw bad_argument("colour mode is '" + name +
                     "'; choose none, reinhard, linear, mkl, histogram or sliced");
}

inline MaskJoin join_from(const std::string& name) {
  if (name == "product") return MaskJoin::kProduct;
  if (name == "union") return MaskJoin::kUnion;
  throw bad_argument("mask: join is '" + name + "'; choose product or union");
}

inline Enlarge enlarge_from(const std::string& name) {
  if (name == "bilinear") return Enlarge::kBilinear;
  if (name == "bicubic") return Enlarge::kBicubic;
  if (name == "lanczos") return Enlarge::kLanczos;
  throw bad_argument("enlarge is '" + name + "'; choose bilinear, bicubic or lanczos");
}

inline double unit_from(double value, const char* name) {
  if (!(value >= 0.0 && value <= 1.0)) throw bad_argument(std::string(name) + " must lie in 0..1");
  return value;
}

// Grain of each of `count` faces: [count, 3] deviations and [count] seeds, or none.
struct GrainParts {
  const std::optional<Floats>& deviations;
  const std::vector<std::uint32_t>& seeds;

  void require(py::ssize_t count) const {
    if (!deviations) return;
    require_shape(*deviations, "grain", {count, 3});
    if (static_cast<py::ssize_t>(seeds.size()) != count) throw bad_argument("seeds: one for each face");
    for (py::ssize_t i = 0; i < 3 * count; ++i) {
      const float value = deviations->data()[i];
      if (!(value >= 0.0f && value <= 1.0f)) throw bad_argument("grain must lie in 0..1");
    }
  }

  Grain grain(py::ssize_t n) const {
    if (!deviations) return {};
    const float* d = deviations->data(n, 0);
    return {{d[0], d[1], d[2]}, seeds[static_cast<std::size_t>(n)]};
  }
};

}  // namespace fs
