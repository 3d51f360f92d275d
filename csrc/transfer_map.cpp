// From statistics to the map that they ask for.
#include "transfer.h"

namespace fs {
namespace {

Moments unpack(const double* in) {
  Moments m;
  m.weight = in[0];
  for (int i = 0; i < 3; ++i) m.first[i] = in[1 + i];
  for (int i = 0; i < 6; ++i) m.second[i] = in[4 + i];
  return m;
}

}  // namespace

int statistics_size(ColorMode mode) {
  if (mode == ColorMode::kNone) return 0;
  if (mode == ColorMode::kHistogram) return 1 + 3 * kBins;
  if (mode == ColorMode::kSliced) return kCloudNumbers;
  return kMomentNumbers;
}

ColorTransfer color_transfer(const double* face, const double* target, ColorMode mode, double strength) {
  ColorTransfer t{uses_moments(mode), {}, {{}, {}, static_cast<float>(strength)}};
  if (t.linear) {
    t.map = color_map(unpack(face), unpack(target), mode, strength);
  } else if (uses_tables(mode) && face[0] >= kLeastColorWeight && target[0] >= kLeastColorWeight) {
    t.tables = mode == ColorMode::kHistogram ? histogram_map(face + 1, target + 1, strength)
                                             : sliced_map({face}, {target}, strength);
  }
  return t;
}

}  // namespace fs
