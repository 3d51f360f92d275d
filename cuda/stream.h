// A stream of the caller's, with the scratch memory of what runs on it.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <type_traits>
#include <vector>

#include "memory.h"

namespace fs::cuda {

// Makes a device current for as long as it lives.
class OnDeviceNumber {
 public:
  explicit OnDeviceNumber(int device) {
    FS_CUDA(cudaGetDevice(&before_));
    if (before_ == device) return;
    FS_CUDA(cudaSetDevice(device));
    changed_ = true;
  }
  ~OnDeviceNumber() {
    if (changed_) cudaSetDevice(before_);
  }
  OnDeviceNumber(const OnDeviceNumber&) = delete;
  OnDeviceNumber& operator=(const OnDeviceNumber&) = delete;

 private:
  int before_ = 0;
  bool changed_ = false;
};

// Calls on one Stream run in the order in which they were made, so they share scratch memory; no call waits
// for the device unless memory has to grow. Each Stream is one device stream's alone.
class Stream {
 public:
  // handle: a cudaStream_t (CUstream) as a number; 0 is the default stream. No CUDA call is made yet.
  explicit Stream(std::uintptr_t handle, int device);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  // Over a stream of its own that no other one waits for.
  static std::unique_ptr<Stream> create(int device);

  std::uintptr_t number() const { return reinterpret_cast<std::uintptr_t>(handle_); }
  cudaStream_t handle() const { return handle_; }
  int device() const { return device_; }
  void synchronize();
  // Device and page-locked bytes that are held.
  std::size_t reserved() const;

 private:
  friend class Call;
  // Page-locked memory that copies to the device read from; free again once `read` has passed.
  struct Staging {
    Arena<PageLocked> memory;
    cudaEvent_t read = nullptr;
    bool pending = false;
  };
  static constexpr int kStagings = 4;  // so many calls may be under way before the host waits for the first

  void begin();
  void end();

  cudaStream_t handle_;
  int device_;
  bool owns_ = false;
  mutable std::mutex mutex_;
  Arena<OnDevice> scratch_;
  Staging stagings_[kStagings];
  int current_ = 0;
};

// One operation on a stream: holds the device and the stream's scratch memory until it is queued.
class Call {
 public:
  explicit Call(Stream& stream) : stream_(stream), lock_(stream.mutex_), device_(stream.device_) {
    stream_.begin();
  }
  ~Call() { stream_.end(); }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  cudaStream_t stream() const { return stream_.handle_; }

  // Uninitialised device memory for this call's own kernels.
  template <class T>
  T* scratch(std::size_t count) {
    return stream_.scratch_.take<T>(count);
  }

  // Copies to the device; the kernels queued after it see the values.
  template <class T>
  const T* send(const T* values, std::size_t count) {
    static_assert(std::is_trivially_copyable_v<T>);
    T* to = scratch<T>(count);
    if (count == 0) return to;
    T* from = stream_.stagings_[stream_.current_].memory.take<T>(count);
    std::memcpy(static_cast<void*>(from), values, count * sizeof(T));
    FS_CUDA(cudaMemcpyAsync(to, from, count * sizeof(T), cudaMemcpyHostToDevice, stream_.handle_));
    return to;
  }
  template <class T>
  const T* send(const std::vector<T>& values) {
    return send(values.data(), values.size());
  }

 private:
  Stream& stream_;
  std::lock_guard<std::mutex> lock_;
  OnDeviceNumber device_;
};

// The device's own time between two points of a stream.
class Timer {
 public:
  explicit Timer(int device);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  void start(const Stream& stream);
  void stop(const Stream& stream);
  // Waits for the second point.
  double milliseconds();

 private:
  int device_;
  cudaEvent_t events_[2] = {};
};

}  // namespace fs::cuda
