#include "color_map.h"

namespace fs {

ColorMap color_map(const Moments& face, const Moments& target, ColorMode mode, double strength) {
  return make_color_map(face, target, mode, strength);
}

}  // namespace fs
