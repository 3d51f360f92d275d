// CUDA graphs and the order of streams that others made: what PyCUDA has no calls for.
#pragma once

#include <cuda_runtime.h>
#include <pybind11/pybind11.h>

#include <cstdint>

namespace fs::cuda {

// Work recorded once from a stream and launched as one. Used by one thread at a time.
class Graph {
 public:
  Graph() = default;
  ~Graph();
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  // Everything that this thread queues in `stream` until end() is recorded and not run. Other threads may go
  // on using the device.
  void begin(std::uintptr_t stream);
  // Makes the recording ready. Also to be called when queueing failed: it ends the recording.
  void end(std::uintptr_t stream);
  void launch(std::uintptr_t stream) const;

 private:
  cudaGraphExec_t ready_ = nullptr;
};

// What is queued in `then` from now on waits for what is queued in `first`; the host does not wait.
void order(std::uintptr_t first, std::uintptr_t then);

void bind_streams(pybind11::module_& module);

}  // namespace fs::cuda
