// Compiled with AVX-512 F, BW, DQ and VL; nothing here may run before kernels.cpp has asked the processor.
#include "vec_avx512.h"
// After the lanes, which the bodies look up by name.
#include "rows.h"

namespace fs {

extern const Kernels kAvx512Kernels;
const Kernels kAvx512Kernels = Rows<F16>::table("avx512");

}  // namespace fs
