// Memory that is freed by itself: device and page-locked blocks, and arenas of them that calls reuse.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <utility>
#include <vector>

#include "check.h"

#if defined(FASTSWAP_EMULATED) && defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

namespace fs::cuda {

struct OnDevice {
  static void* allocate(std::size_t bytes) {
    void* memory = nullptr;
    FS_CUDA(cudaMalloc(&memory, bytes));
    return memory;
  }
  static void free(void* memory) { cudaFree(memory); }
};

// Page-locked host memory: copies from it run beside the host's own work.
struct PageLocked {
  static void* allocate(std::size_t bytes) {
    void* memory = nullptr;
    FS_CUDA(cudaHostAlloc(&memory, bytes, cudaHostAllocDefault));
    return memory;
  }
  static void free(void* memory) { cudaFreeHost(memory); }
};

template <class Kind>
class Block {
 public:
  Block() = default;
  explicit Block(std::size_t bytes) : data_(bytes > 0 ? Kind::allocate(bytes) : nullptr), bytes_(bytes) {}
  Block(Block&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  Block& operator=(Block&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~Block() {
    if (data_ == nullptr) return;
    ASAN_UNPOISON_MEMORY_REGION(data_, bytes_);
    Kind::free(data_);
  }

  void* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }

 private:
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
};

// Hands out pieces of one block. When it is too small, more blocks are added, and the next `reset` joins them
// to one: a call of a size that was seen before allocates nothing.
template <class Kind>
class Arena {
 public:
  // `count` uninitialised elements, aligned to 256 bytes, valid until the next reset.
  template <class T>
  T* take(std::size_t count) {
    const std::size_t bytes = std::max<std::size_t>(count, 1) * sizeof(T);
    const std::size_t room = (bytes + kGuard + kAlign - 1) / kAlign * kAlign;
    if (blocks_.empty() || used_ + room > blocks_.back().bytes()) {
      blocks_.emplace_back(std::max(room, kLeast));
      used_ = 0;
      ASAN_POISON_MEMORY_REGION(blocks_.back().data(), blocks_.back().bytes());
    }
    char* at = static_cast<char*>(blocks_.back().data()) + used_;
    used_ += room;
    ASAN_UNPOISON_MEMORY_REGION(at, bytes);
    return reinterpret_cast<T*>(at);
  }

  // Nothing may use the old pieces any more, when `is_fragmented` not even work that is under way.
  void reset() {
    if (is_fragmented()) {
      const std::size_t total = bytes();
      blocks_.clear();
      blocks_.emplace_back(total);
    }
    used_ = 0;
    if (!blocks_.empty()) ASAN_POISON_MEMORY_REGION(blocks_.back().data(), blocks_.back().bytes());
  }

  bool is_fragmented() const { return blocks_.size() > 1; }

  std::size_t bytes() const {
    std::size_t total = 0;
    for (const Block<Kind>& block : blocks_) total += block.bytes();
    return total;
  }

 private:
  static constexpr std::size_t kAlign = 256, kLeast = 1 << 20;
#if defined(FASTSWAP_EMULATED)
  static constexpr std::size_t kGuard = kAlign;  // bytes between pieces that nothing may touch
#else
  static constexpr std::size_t kGuard = 0;
#endif
  std::vector<Block<Kind>> blocks_;
  std::size_t used_ = 0;
};

}  // namespace fs::cuda
