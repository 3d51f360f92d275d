// Fills windows (csrc/window.h) of pictures in device memory.
#pragma once

#include <vector>

#include "../csrc/window.h"
#include "stream.h"

namespace fs::cuda {

// One launch for all of them; the fills' `sums` are not used.
template <class T>
void fill_windows(Call& call, const std::vector<WindowFill<T>>& fills);

}  // namespace fs::cuda
