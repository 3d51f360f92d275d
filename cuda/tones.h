// The curves of HDR pictures (csrc/tone.h) in device memory, for one call.
#pragma once

#include <map>

#include "../csrc/tone.h"
#include "stream.h"

namespace fs::cuda {

class Tones {
 public:
  explicit Tones(Call& call) : call_(call) {}

  // Device pointers; null for SDR.
  const float* to_sdr(Transfer transfer) { return table(transfer, &ToneTables::to_sdr); }
  const float* from_sdr(Transfer transfer) { return table(transfer, &ToneTables::from_sdr); }

 private:
  using Table = float[kToneSteps + 2];

  const float* table(Transfer transfer, Table ToneTables::* which) {
    const ToneTables* tables = tone_tables(transfer);
    if (tables == nullptr) return nullptr;
    const float* host = tables->*which;
    const float*& there = sent_[host];
    if (there == nullptr) there = call_.send(host, kToneSteps + 2);
    return there;
  }

  Call& call_;
  std::map<const float*, const float*> sent_;
};

}  // namespace fs::cuda
