// The reference: every pixel by itself.
#include "rows.h"

namespace fs {

extern const Kernels kScalarKernels;
const Kernels kScalarKernels = Rows<float>::table("scalar");

}  // namespace fs
