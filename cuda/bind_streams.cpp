#include "check.h"
#include "streams.h"

namespace fs::cuda {
namespace {

cudaStream_t stream_of(std::uintptr_t number) { return reinterpret_cast<cudaStream_t>(number); }

}  // namespace

Graph::~Graph() {
  if (ready_ != nullptr) cudaGraphExecDestroy(ready_);
}

void Graph::begin(std::uintptr_t stream) {
  FS_CUDA(cudaStreamBeginCapture(stream_of(stream), cudaStreamCaptureModeThreadLocal));
}

void Graph::end(std::uintptr_t stream) {
  cudaGraph_t recorded = nullptr;
  FS_CUDA(cudaStreamEndCapture(stream_of(stream), &recorded));
  cudaGraphExec_t ready = nullptr;
  const cudaError_t error = cudaGraphInstantiate(&ready, recorded, 0);
  cudaGraphDestroy(recorded);
  check(error, "cudaGraphInstantiate(&ready, recorded, 0)");
  if (ready_ != nullptr) cudaGraphExecDestroy(ready_);
  ready_ = ready;
}

void Graph::launch(std::uintptr_t stream) const {
  if (ready_ == nullptr) throw std::invalid_argument("launch: nothing has been recorded");
  FS_CUDA(cudaGraphLaunch(ready_, stream_of(stream)));
}

void order(std::uintptr_t first, std::uintptr_t then) {
  // An event may be destroyed while a stream still waits for it; CUDA keeps what the wait needs.
  cudaEvent_t event = nullptr;
  FS_CUDA(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
  cudaError_t error = cudaEventRecord(event, stream_of(first));
  if (error == cudaSuccess) error = cudaStreamWaitEvent(stream_of(then), event, 0);
  cudaEventDestroy(event);
  check(error, "cudaStreamWaitEvent(then, event, 0)");
}

void bind_streams(pybind11::module_& module) {
  namespace py = pybind11;
  using namespace pybind11::literals;
  const auto unlocked = py::call_guard<py::gil_scoped_release>();
  py::class_<Graph>(module, "Graph", py::module_local())
      .def(py::init<>())
      .def("begin", &Graph::begin, "stream"_a)
      .def("end", &Graph::end, "stream"_a, unlocked)
      .def("launch", &Graph::launch, "stream"_a, unlocked);
  module.def("order", &order, "first"_a, "then"_a);
}

}  // namespace fs::cuda
