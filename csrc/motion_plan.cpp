#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "motion.h"

namespace fs {

MotionParams motion_params(const Affine& m, int size) {
  double far = 0.0;
  for (const double x : {0.0, static_cast<double>(size)}) {
    for (const double y : {0.0, static_cast<double>(size)}) {
      far = std::max(far, std::hypot(m.xx * x + m.xy * y + m.x0, m.yx * x + m.yy * y + m.y0));
    }
  }
  if (!std::isfinite(m.xx + m.xy + m.x0 + m.yx + m.yy + m.y0))
    throw std::invalid_argument("motion blur: a motion is not finite");
  const auto f = [](double v) { return static_cast<float>(v); };
  return {f(m.xx),
          f(m.xy),
          f(m.x0),
          f(m.yx),
          f(m.yy),
          f(m.y0),
          static_cast<int>(std::clamp(std::ceil(far), 1.0, static_cast<double>(kMostMotionTaps)))};
}

}  // namespace fs
