// The check of colour statistics that bindings are given.
#pragma once

#include <string>

#include "bind_picture.h"
#include "transfer.h"

namespace fs {

// statistics: [count, 2, K] of that mode.
inline void require_statistics(const Doubles& statistics, py::ssize_t count, ColorMode mode) {
  require_shape(statistics, "statistics", {count, 2, -1});
  const py::ssize_t numbers = statistics.shape(2);
  if (!fits_mode(mode, numbers))
    throw bad_argument("statistics have " + std::to_string(numbers) + " numbers, which do not fit the mode");
}

}  // namespace fs
