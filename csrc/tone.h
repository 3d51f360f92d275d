// Between the code values of HDR video and R'G'B' as SDR video shows the same light.
//
// Networks have seen SDR alone, and statistics in L*a*b* mean it. So crops of PQ and HLG pictures are given
// an SDR look, and new faces go back through the inverse. The curve works on each channel and is strictly
// rising, so that nothing is lost on the way there and back: light up to 0.75 of SDR's range is kept as it
// is, what is above goes into the rest.
#pragma once

#include "plane.h"

namespace fs {

inline constexpr int kToneSteps = 4096;

struct ToneTables {
  float to_sdr[kToneSteps + 2], from_sdr[kToneSteps + 2];  // one more, so that 1.0 has a right neighbour
};

// Null for SDR.
const ToneTables* tone_tables(Transfer transfer);

// x in 0..1.
FS_HD float tone(const float* table, float x) {
  const float at = x * static_cast<float>(kToneSteps);
  const int i = static_cast<int>(at);
  return table[i] + (at - static_cast<float>(i)) * (table[i + 1] - table[i]);
}

}  // namespace fs
