// Colour match on the GPU.
#pragma once

#include "../csrc/transfer.h"
#include "stream.h"

namespace fs::cuda {

// Pictures of a batch in device memory: count x 3 x size x size R'G'B', and count x size x size masks.
struct FaceBatch {
  const float* faces;
  const float* targets;
  const float* masks;
  int count, size;
};

// Statistics, `count` x 2 x statistics_size(mode), in one of the two memories; both null: none.
struct StatisticsView {
  const double* on_host = nullptr;
  const double* on_device = nullptr;
};

// As fs::color_statistics; out lies in device memory. Sums do not depend on the order in which blocks run.
void color_statistics(Call& call, const FaceBatch& batch, ColorMode mode, double* out);

// As fs::match_color. Tables are worked out on the host: for their modes the statistics must lie there.
void match_color(Call& call, const float* faces, int count, int size, const StatisticsView& statistics,
                 ColorMode mode, double strength, float* out);

}  // namespace fs::cuda
