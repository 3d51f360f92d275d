// Scratch memory that is kept between calls.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>

namespace fs {

// Grows when asked for more and never shrinks; what it holds is not initialised. Aligned for the widest
// vectors.
template <class T>
class Buffer {
 public:
  T* get(std::size_t count) {
    if (count > size_) {
      const std::size_t bytes = (count * sizeof(T) + 63) / 64 * 64;
      memory_.reset(static_cast<T*>(std::aligned_alloc(64, bytes)));
      if (!memory_) {
        size_ = 0;
        throw std::bad_alloc();
      }
      size_ = bytes / sizeof(T);
    }
    return memory_.get();
  }

 private:
  struct Free {
    void operator()(T* memory) const { std::free(memory); }
  };
  std::unique_ptr<T, Free> memory_;
  std::size_t size_ = 0;
};

}  // namespace fs
