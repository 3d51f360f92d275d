// Four lanes at a time, for every processor.
#include "vec4.h"
// After the lanes, which the bodies look up by name.
#include "rows.h"

namespace fs {

extern const Kernels kVec4Kernels;
const Kernels kVec4Kernels = Rows<F4>::table("vec4");

}  // namespace fs
