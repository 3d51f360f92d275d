// A test-only stand-in for the CUDA run time: the `.cu` files are compiled for the host with this header in
// its place, and their kernels run on the CPU, thread by thread.
//
// A block's threads are fibers that run until they reach a barrier or a shuffle. One block runs at a time, so
// shared memory is static memory. Streams are executed at once. "Device" memory is the heap's, so
// AddressSanitizer sees every access.
#pragma once

#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <tuple>
#include <utility>

#define FASTSWAP_EMULATED 1
#define __global__
#define __device__
#define __host__
#define __shared__ static
#define __constant__ static
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __restrict__ __restrict
#define FS_DYNAMIC_SHARED(name) \
  unsigned char* const name = static_cast<unsigned char*>(::emulation::shared_memory())

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
};
using uint3 = dim3;

// --- inside a kernel ---------------------------------------------------------------------------------------

namespace emulation {

inline constexpr int kWarp = 32;

// The thread that runs.
extern thread_local dim3 thread_index, block_index, block_size, grid_size;

// Runs body() for every thread of every block. Ends the process with a message when a barrier is not reached
// by all threads of a block, or a shuffle not by all of a warp.
void run(dim3 grid, dim3 block, std::size_t shared, void (*body)(void*), void* context);

void block_barrier();
void warp_barrier();
void* shared_memory();        // of the launch's dynamic size
std::uint64_t* warp_slots();  // one number for each lane of the running thread's warp
int lane();
int warp_lanes();  // that the running thread's warp has

// Threads of a block start in order, or backwards: results that differ show a missing barrier.
extern bool backwards;

template <class T>
T exchange(T value, int from) {
  static_assert(sizeof(T) <= sizeof(std::uint64_t));
  std::uint64_t* slots = warp_slots();
  std::memcpy(&slots[lane()], &value, sizeof(T));
  warp_barrier();
  T other = value;
  if (from >= 0 && from < warp_lanes()) std::memcpy(&other, &slots[from], sizeof(T));
  warp_barrier();
  return other;
}

}  // namespace emulation

#define threadIdx (::emulation::thread_index)
#define blockIdx (::emulation::block_index)
#define blockDim (::emulation::block_size)
#define gridDim (::emulation::grid_size)

inline void __syncthreads() { ::emulation::block_barrier(); }
inline void __syncwarp(unsigned = ~0u) { ::emulation::warp_barrier(); }
template <class T>
T __shfl_down_sync(unsigned, T value, unsigned delta, int = 32) {
  return ::emulation::exchange(value, ::emulation::lane() + static_cast<int>(delta));
}
template <class T>
T __shfl_up_sync(unsigned, T value, unsigned delta, int = 32) {
  return ::emulation::exchange(value, ::emulation::lane() - static_cast<int>(delta));
}
template <class T>
T __shfl_xor_sync(unsigned, T value, int mask, int = 32) {
  return ::emulation::exchange(value, ::emulation::lane() ^ mask);
}
template <class T>
T __shfl_sync(unsigned, T value, int from, int = 32) {
  return ::emulation::exchange(value, from);
}
inline unsigned __ballot_sync(unsigned, int predicate) {
  std::uint64_t* slots = ::emulation::warp_slots();
  slots[::emulation::lane()] = predicate != 0;
  ::emulation::warp_barrier();
  unsigned bits = 0;
  for (int i = 0; i < ::emulation::warp_lanes(); ++i) bits |= static_cast<unsigned>(slots[i] != 0) << i;
  ::emulation::warp_barrier();
  return bits;
}
inline int __any_sync(unsigned mask, int predicate) { return __ballot_sync(mask, predicate) != 0; }
int __syncthreads_or(int predicate);

// One thread runs at a time, so plain arithmetic is atomic.
template <class T>
T atomicAdd(T* at, T value) {
  const T before = *at;
  *at = before + value;
  return before;
}
template <class T>
T atomicOr(T* at, T value) {
  const T before = *at;
  *at = before | value;
  return before;
}
template <class T>
T atomicMax(T* at, T value) {
  const T before = *at;
  if (before < value) *at = value;
  return before;
}
template <class T>
T __ldg(const T* at) {
  return *at;
}

// --- the host's side
// -----------------------------------------------------------------------------------------

enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorInvalidConfiguration = 9,
  cudaErrorInsufficientDriver = 35,
  cudaErrorNoDevice = 100,
  cudaErrorInvalidDevice = 101,
  cudaErrorNotSupported = 801,
};
enum cudaMemcpyKind { cudaMemcpyHostToDevice = 1, cudaMemcpyDeviceToHost = 2, cudaMemcpyDeviceToDevice = 3 };
struct CUstream_st;
struct CUevent_st {
  std::chrono::steady_clock::time_point recorded;
};
using cudaStream_t = CUstream_st*;
using cudaEvent_t = CUevent_st*;
inline constexpr unsigned cudaHostAllocDefault = 0, cudaEventDefault = 0, cudaEventDisableTiming = 2,
                          cudaStreamNonBlocking = 1;

struct cudaDeviceProp {
  char name[256];
  int major, minor, multiProcessorCount;
  std::size_t totalGlobalMem;
};
struct cudaPointerAttributes {
  int device;
};

namespace emulation {
// Bytes that cudaMalloc may hold, as if the card had no more.
extern std::size_t memory_left;
}  // namespace emulation

const char* cudaGetErrorString(cudaError_t error);
cudaError_t cudaGetLastError();
cudaError_t cudaMalloc(void** memory, std::size_t bytes);
cudaError_t cudaFree(void* memory);
cudaError_t cudaHostAlloc(void** memory, std::size_t bytes, unsigned flags);
cudaError_t cudaFreeHost(void* memory);
inline cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind,
                                   cudaStream_t) {
  std::memcpy(to, from, bytes);
  return cudaSuccess;
}
inline cudaError_t cudaMemcpy2DAsync(void* to, std::size_t to_pitch, const void* from, std::size_t from_pitch,
                                     std::size_t width, std::size_t height, cudaMemcpyKind, cudaStream_t) {
  for (std::size_t y = 0; y < height; ++y) {
    std::memcpy(static_cast<char*>(to) + y * to_pitch, static_cast<const char*>(from) + y * from_pitch,
                width);
  }
  return cudaSuccess;
}
inline cudaError_t cudaMemsetAsync(void* to, int value, std::size_t bytes, cudaStream_t) {
  std::memset(to, value, bytes);
  return cudaSuccess;
}
inline cudaError_t cudaGetDeviceCount(int* count) {
  *count = 1;
  return cudaSuccess;
}
inline cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return cudaSuccess;
}
inline cudaError_t cudaSetDevice(int device) { return device == 0 ? cudaSuccess : cudaErrorInvalidDevice; }
inline cudaError_t cudaDeviceSynchronize() { return cudaSuccess; }
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device);
inline cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void*) {
  attributes->device = 0;
  return cudaSuccess;
}
// Streams are told apart by their numbers alone.
inline cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  static std::uintptr_t made = 1000;
  *stream = reinterpret_cast<cudaStream_t>(++made);
  return cudaSuccess;
}
inline cudaError_t cudaStreamDestroy(cudaStream_t) { return cudaSuccess; }
inline cudaError_t cudaStreamSynchronize(cudaStream_t) { return cudaSuccess; }
inline cudaError_t cudaStreamWaitEvent(cudaStream_t, cudaEvent_t, unsigned = 0) { return cudaSuccess; }
inline cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  *event = new CUevent_st{};
  return cudaSuccess;
}
inline cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}
inline cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t) {
  event->recorded = std::chrono::steady_clock::now();
  return cudaSuccess;
}
inline cudaError_t cudaEventSynchronize(cudaEvent_t) { return cudaSuccess; }
inline cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t first, cudaEvent_t then) {
  *milliseconds = std::chrono::duration<float, std::milli>(then->recorded - first->recorded).count();
  return cudaSuccess;
}

// Graphs are not emulated: what ran at once cannot be recorded.
using cudaGraph_t = void*;
using cudaGraphExec_t = void*;
enum cudaStreamCaptureMode { cudaStreamCaptureModeThreadLocal = 1 };
inline cudaError_t cudaStreamBeginCapture(cudaStream_t, cudaStreamCaptureMode) {
  return cudaErrorNotSupported;
}
inline cudaError_t cudaStreamEndCapture(cudaStream_t, cudaGraph_t*) { return cudaErrorNotSupported; }
inline cudaError_t cudaGraphInstantiate(cudaGraphExec_t*, cudaGraph_t, unsigned long long) {
  return cudaErrorNotSupported;
}
inline cudaError_t cudaGraphDestroy(cudaGraph_t) { return cudaSuccess; }
inline cudaError_t cudaGraphExecDestroy(cudaGraphExec_t) { return cudaSuccess; }
inline cudaError_t cudaGraphLaunch(cudaGraphExec_t, cudaStream_t) { return cudaErrorNotSupported; }

template <class... Params>
cudaError_t cudaLaunchKernel(void (*kernel)(Params...), dim3 grid, dim3 block, void** args,
                             std::size_t shared, cudaStream_t) {
  if (block.x * block.y * block.z > 1024 || grid.y > 65535 || grid.z > 65535 || shared > 48 * 1024)
    return cudaErrorInvalidConfiguration;
  const auto bound = [&]<std::size_t... I>(std::index_sequence<I...>) {
    return std::tuple<void (*)(Params...), Params...>(kernel, *static_cast<Params*>(args[I])...);
  };
  auto call = bound(std::index_sequence_for<Params...>());
  const auto body = [](void* context) {
    std::apply([](auto* function, const auto&... values) { function(values...); },
               *static_cast<decltype(call)*>(context));
  };
  ::emulation::run(grid, block, shared, body, &call);
  return cudaSuccess;
}
