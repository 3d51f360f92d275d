// Splits work over a few persistent threads.
#pragma once

#include <functional>

namespace fs {

// Threads that share one call's work, the caller among them.
void set_threads(int count);
int get_threads();

// Calls body(0) ... body(count - 1), each exactly once, on any thread in any order; rethrows the first
// exception. What an index does must not depend on the thread, so results are the same bytes for any number
// of threads. A thread is worth waking for `least` calls of body and more: fewer are left to the others.
void parallel_for(int count, const std::function<void(int)>& body, int least = 1);

}  // namespace fs
