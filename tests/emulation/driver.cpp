// A test-only stand-in for the CUDA driver library: enough of it for the real PyCUDA to run on host memory.
//
// Work runs at once. What a driver would not forgive is an error here too: a call without a current context
// (201), an object that is used after it was destroyed (400), memory that is not there.
// `emulated_driver_report` tells what is left over. The rest of what PyCUDA links is made by
// tests/pycuda_stand_in.py and fails with 801 (not supported).
#include <cuda.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <set>
#include <vector>

namespace {

std::mutex mutex;
std::set<void*> streams, events;
std::map<void*, std::size_t> memory, pinned;
int primary_retained = 0, device_count = 1;
thread_local std::vector<CUcontext> stack;
int context_object;
const CUcontext kContext = reinterpret_cast<CUcontext>(&context_object);

std::size_t limit() {
  const char* text = std::getenv("EMULATED_GPU_BYTES");
  return text ? std::strtoull(text, nullptr, 10) : std::size_t{1} << 30;
}

std::size_t used() {
  std::size_t sum = 0;
  for (const auto& [at, size] : memory) sum += size;
  return sum;
}

CUresult current() { return stack.empty() ? CUDA_ERROR_INVALID_CONTEXT : CUDA_SUCCESS; }

CUresult known(CUstream stream) {
  if (stack.empty()) return CUDA_ERROR_INVALID_CONTEXT;
  return stream == nullptr || streams.count(stream) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

}  // namespace

extern "C" {

CUresult cuInit(unsigned) {
  const char* text = std::getenv("EMULATED_GPU_ERROR");
  return text ? static_cast<CUresult>(std::atoi(text)) : CUDA_SUCCESS;
}
CUresult cuGetErrorString(CUresult error, const char** text) {
  thread_local char words[64];
  const char* known = error == CUDA_ERROR_NO_DEVICE         ? "no device"
                      : error == CUDA_ERROR_OUT_OF_MEMORY   ? "out of memory"
                      : error == CUDA_ERROR_INVALID_CONTEXT ? "invalid device context"
                      : error == CUDA_ERROR_INVALID_HANDLE  ? "invalid resource handle"
                                                            : "error";
  std::snprintf(words, sizeof(words), "%s (%d)", known, static_cast<int>(error));
  return *text = words, CUDA_SUCCESS;
}
CUresult cuDriverGetVersion(int* version) { return *version = 13000, CUDA_SUCCESS; }
CUresult cuDeviceGetCount(int* count) { return *count = device_count, CUDA_SUCCESS; }
CUresult cuDeviceGet(CUdevice* device, int index) {
  if (index < 0 || index >= device_count) return CUDA_ERROR_INVALID_DEVICE;
  return *device = index, CUDA_SUCCESS;
}
CUresult cuDeviceGetName(char* name, int size, CUdevice) {
  std::snprintf(name, static_cast<std::size_t>(size), "Emulated GPU");
  return CUDA_SUCCESS;
}
CUresult cuDeviceGetAttribute(int* value, CUdevice_attribute attribute, CUdevice) {
  *value = attribute == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR ? 9 : 0;
  return CUDA_SUCCESS;
}
CUresult cuDeviceComputeCapability(int* major, int* minor, CUdevice) {
  const char* text = std::getenv("EMULATED_GPU_CAPABILITY");  // such as 75
  const int both = text ? std::atoi(text) : 90;
  *major = both / 10;
  *minor = both % 10;
  return CUDA_SUCCESS;
}
CUresult cuDevicePrimaryCtxRetain(CUcontext* context, CUdevice) {
  const std::lock_guard<std::mutex> lock(mutex);
  ++primary_retained;
  return *context = kContext, CUDA_SUCCESS;
}
CUresult cuDevicePrimaryCtxRelease_v2(CUdevice) {
  const std::lock_guard<std::mutex> lock(mutex);
  return --primary_retained, CUDA_SUCCESS;
}
CUresult cuCtxPushCurrent_v2(CUcontext context) { return stack.push_back(context), CUDA_SUCCESS; }
CUresult cuCtxPopCurrent_v2(CUcontext* context) {
  if (stack.empty()) return CUDA_ERROR_INVALID_CONTEXT;
  *context = stack.back();
  stack.pop_back();
  return CUDA_SUCCESS;
}
CUresult cuCtxGetDevice(CUdevice* device) { return *device = 0, current(); }
CUresult cuCtxSynchronize(void) { return current(); }

CUresult cuStreamCreate(CUstream* stream, unsigned flags) {
  if (current() != CUDA_SUCCESS) return current();
  if (flags != CU_STREAM_NON_BLOCKING) return CUDA_ERROR_INVALID_VALUE;  // the others wait for FFmpeg's
  const std::lock_guard<std::mutex> lock(mutex);
  *stream = static_cast<CUstream>(std::malloc(1));
  streams.insert(*stream);
  return CUDA_SUCCESS;
}
CUresult cuStreamDestroy_v2(CUstream stream) {
  const std::lock_guard<std::mutex> lock(mutex);
  if (known(stream) != CUDA_SUCCESS) return known(stream);
  streams.erase(stream);
  std::free(stream);
  return CUDA_SUCCESS;
}
CUresult cuStreamSynchronize(CUstream stream) {
  const std::lock_guard<std::mutex> lock(mutex);
  return known(stream);
}
CUresult cuStreamWaitEvent(CUstream stream, CUevent event, unsigned) {
  const std::lock_guard<std::mutex> lock(mutex);
  return events.count(event) ? known(stream) : CUDA_ERROR_INVALID_HANDLE;
}
CUresult cuEventCreate(CUevent* event, unsigned) {
  if (current() != CUDA_SUCCESS) return current();
  const std::lock_guard<std::mutex> lock(mutex);
  *event = static_cast<CUevent>(std::malloc(1));
  events.insert(*event);
  return CUDA_SUCCESS;
}
CUresult cuEventRecord(CUevent event, CUstream stream) {
  const std::lock_guard<std::mutex> lock(mutex);
  return events.count(event) ? known(stream) : CUDA_ERROR_INVALID_HANDLE;
}
CUresult cuEventSynchronize(CUevent event) {
  const std::lock_guard<std::mutex> lock(mutex);
  return events.count(event) ? current() : CUDA_ERROR_INVALID_HANDLE;
}
CUresult cuEventDestroy_v2(CUevent event) {
  const std::lock_guard<std::mutex> lock(mutex);
  if (current() != CUDA_SUCCESS) return current();
  if (!events.erase(event)) return CUDA_ERROR_INVALID_HANDLE;
  std::free(event);
  return CUDA_SUCCESS;
}

CUresult cuMemAlloc_v2(CUdeviceptr* at, std::size_t size) {
  if (current() != CUDA_SUCCESS) return current();
  const std::lock_guard<std::mutex> lock(mutex);
  if (used() + size > limit()) return CUDA_ERROR_OUT_OF_MEMORY;
  void* made = std::malloc(size);
  memory[made] = size;
  return *at = reinterpret_cast<CUdeviceptr>(made), CUDA_SUCCESS;
}
CUresult cuMemFree_v2(CUdeviceptr at) {
  const std::lock_guard<std::mutex> lock(mutex);
  if (current() != CUDA_SUCCESS) return current();
  if (!memory.erase(reinterpret_cast<void*>(at))) return CUDA_ERROR_INVALID_VALUE;
  std::free(reinterpret_cast<void*>(at));
  return CUDA_SUCCESS;
}
CUresult cuMemGetInfo_v2(std::size_t* free, std::size_t* total) {
  const std::lock_guard<std::mutex> lock(mutex);
  *total = limit();
  *free = *total - used();
  return current();
}
CUresult cuMemHostAlloc(void** at, std::size_t size, unsigned) {
  if (current() != CUDA_SUCCESS) return current();
  const std::lock_guard<std::mutex> lock(mutex);
  *at = std::malloc(size);
  pinned[*at] = size;
  return CUDA_SUCCESS;
}
CUresult cuMemHostGetDevicePointer_v2(CUdeviceptr* to, void* at, unsigned) {
  const std::lock_guard<std::mutex> lock(mutex);
  if (!pinned.count(at)) return CUDA_ERROR_INVALID_VALUE;
  return *to = reinterpret_cast<CUdeviceptr>(at), current();
}
CUresult cuMemFreeHost(void* at) {
  const std::lock_guard<std::mutex> lock(mutex);
  if (current() != CUDA_SUCCESS) return current();
  if (!pinned.erase(at)) return CUDA_ERROR_INVALID_VALUE;
  std::free(at);
  return CUDA_SUCCESS;
}
CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void* from, std::size_t size, CUstream stream) {
  const std::lock_guard<std::mutex> lock(mutex);
  if (known(stream) == CUDA_SUCCESS) std::memcpy(reinterpret_cast<void*>(to), from, size);
  return known(stream);
}
CUresult cuMemcpyDtoHAsync_v2(void* to, CUdeviceptr from, std::size_t size, CUstream stream) {
  const std::lock_guard<std::mutex> lock(mutex);
  if (known(stream) == CUDA_SUCCESS) std::memcpy(to, reinterpret_cast<void*>(from), size);
  return known(stream);
}
CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, std::size_t size, CUstream stream) {
  return cuMemcpyHtoDAsync_v2(to, reinterpret_cast<void*>(from), size, stream);
}
CUresult cuMemcpy2DAsync_v2(const CUDA_MEMCPY2D* copy, CUstream stream) {
  const std::lock_guard<std::mutex> lock(mutex);
  if (known(stream) != CUDA_SUCCESS) return known(stream);
  if (copy->srcMemoryType != CU_MEMORYTYPE_DEVICE || copy->dstMemoryType != CU_MEMORYTYPE_HOST ||
      copy->WidthInBytes > copy->srcPitch || copy->WidthInBytes > copy->dstPitch) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  for (std::size_t y = 0; y < copy->Height; ++y) {
    std::memcpy(static_cast<char*>(copy->dstHost) + y * copy->dstPitch,
                reinterpret_cast<const char*>(copy->srcDevice) + y * copy->srcPitch, copy->WidthInBytes);
  }
  return CUDA_SUCCESS;
}

// Streams, events, device blocks and page-locked blocks that live, and how often the context is retained.
void emulated_driver_report(int* counts) {
  const std::lock_guard<std::mutex> lock(mutex);
  const int all[] = {static_cast<int>(streams.size()), static_cast<int>(events.size()),
                     static_cast<int>(memory.size()), static_cast<int>(pinned.size()), primary_retained};
  std::memcpy(counts, all, sizeof(all));
}

}  // extern "C"
