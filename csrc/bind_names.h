// Settings by name, shared by the bindings of _cpu and _cuda.
#pragma once

#include <string>

#include "bind_picture.h"
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

}  // namespace fs
