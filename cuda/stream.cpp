#include "stream.h"

#include <algorithm>
#include <iterator>
#include <stdexcept>

namespace fs::cuda {

Stream::Stream(std::uintptr_t handle, int device)
    : handle_(reinterpret_cast<cudaStream_t>(handle)), device_(device) {
  if (device < 0) throw std::invalid_argument("stream: the device must not be negative");
}

std::unique_ptr<Stream> Stream::create(int device) {
  auto stream = std::make_unique<Stream>(0, device);
  const OnDeviceNumber current(device);
  FS_CUDA(cudaStreamCreateWithFlags(&stream->handle_, cudaStreamNonBlocking));
  stream->owns_ = true;
  return stream;
}

Stream::~Stream() {
  try {
    if (!owns_ &&
        std::none_of(std::begin(stagings_), std::end(stagings_), [](const Staging& s) { return s.read; }))
      return;  // never used
    const OnDeviceNumber device(device_);
    cudaStreamSynchronize(handle_);  // what is queued may still use the memory
    for (Staging& staging : stagings_) {
      if (staging.read) cudaEventDestroy(staging.read);
    }
    if (owns_) cudaStreamDestroy(handle_);
  } catch (const std::exception&) {
    // The driver is gone, and the memory with it.
  }
}

void Stream::synchronize() {
  const std::lock_guard<std::mutex> lock(mutex_);
  const OnDeviceNumber device(device_);
  FS_CUDA(cudaStreamSynchronize(handle_));
}

std::size_t Stream::reserved() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::size_t total = scratch_.bytes();
  for (const Staging& staging : stagings_) total += staging.memory.bytes();
  return total;
}

void Stream::begin() {
  if (scratch_.is_fragmented()) FS_CUDA(cudaStreamSynchronize(handle_));
  scratch_.reset();
  current_ = (current_ + 1) % kStagings;
  Staging& staging = stagings_[current_];
  if (!staging.read) FS_CUDA(cudaEventCreateWithFlags(&staging.read, cudaEventDisableTiming));
  if (staging.pending) FS_CUDA(cudaEventSynchronize(staging.read));
  staging.pending = false;
  staging.memory.reset();
}

void Stream::end() {
  // A failed record leaves the staging marked as free only when the device is lost, which the next call
  // reports.
  Staging& staging = stagings_[current_];
  staging.pending = cudaEventRecord(staging.read, handle_) == cudaSuccess;
}

Timer::Timer(int device) : device_(device) {
  const OnDeviceNumber current(device_);
  for (cudaEvent_t& event : events_) FS_CUDA(cudaEventCreateWithFlags(&event, cudaEventDefault));
}

Timer::~Timer() {
  for (cudaEvent_t event : events_) {
    if (event) cudaEventDestroy(event);
  }
}

void Timer::start(const Stream& stream) { FS_CUDA(cudaEventRecord(events_[0], stream.handle())); }

void Timer::stop(const Stream& stream) { FS_CUDA(cudaEventRecord(events_[1], stream.handle())); }

double Timer::milliseconds() {
  float time = 0.0f;
  FS_CUDA(cudaEventSynchronize(events_[1]));
  FS_CUDA(cudaEventElapsedTime(&time, events_[0], events_[1]));
  return static_cast<double>(time);
}

}  // namespace fs::cuda
