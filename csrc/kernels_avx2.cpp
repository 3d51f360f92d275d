// Compiled with AVX2 and FMA; nothing here may run before kernels.cpp has asked the processor.
#include "vec_avx2.h"
// After the lanes, which the bodies look up by name.
#include "rows.h"

namespace fs {

extern const Kernels kAvx2Kernels;
const Kernels kAvx2Kernels = Rows<F8>::table("avx2");

}  // namespace fs
