// The composite on the GPU: mask, colour match and blend of a batch of faces.
#pragma once

#include "../csrc/composite.h"
#include "blend.h"
#include "color.h"
#include "mask.h"
#include "seam.h"

namespace fs::cuda {

// Device memory but for the outlines; see fs::CompositeJob.
struct CompositeBatch {
  FaceBatch pixels;     // with ready masks, or null
  MaskSources sources;  // where there are no ready masks
  StatisticsView statistics;
};

// As fs::composite. The jobs' `reached` is set here.
template <class T>
void composite(DrawJob<T>* jobs, const CompositeBatch& batch, const CompositeParams& params, Stream& stream);

}  // namespace fs::cuda
