// The scheduler of the emulated launches, and the run time's functions that are more than a line.
#include <ucontext.h>

#include <cstdio>
#include <memory>
#include <mutex>
#include <vector>

#include "cuda_runtime.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

namespace emulation {

thread_local dim3 thread_index, block_index, block_size, grid_size;
bool backwards =
    std::getenv("FASTSWAP_EMULATION") && !std::strcmp(std::getenv("FASTSWAP_EMULATION"), "backwards");
std::size_t memory_left = std::size_t{1} << 40;

namespace {

constexpr std::size_t kStack = 128 * 1024;

enum class State { kReady, kAtWarp, kAtBlock, kDone };

struct Fiber {
  ucontext_t context;
  std::unique_ptr<char[]> stack{new char[kStack]};
  State state = State::kDone;
  dim3 index;
  int predicate = 0;
};

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "emulated launch, block (%u, %u, %u): %s\n", block_index.x, block_index.y,
               block_index.z, what);
  std::abort();
}

class Launch {
 public:
  Launch(dim3 grid, dim3 block, std::size_t shared, void (*body)(void*), void* context)
      : body_(body), argument_(context), shared_(shared > 0 ? new char[shared] : nullptr) {
    grid_size = grid;
    block_size = block;
    count_ = static_cast<int>(block.x * block.y * block.z);
    while (static_cast<int>(pool().size()) < count_) pool().push_back(std::make_unique<Fiber>());
  }

  void run_block() {
    std::memset(slots_, 0xA5, sizeof slots_);
    for (int i = 0; i < count_; ++i) start(i);
    while (step()) {
    }
  }

  // The running fiber waits until the scheduler lets it go on.
  void wait(State state) {
    Fiber& me = *pool()[static_cast<std::size_t>(current_)];
    me.state = state;
    leave(me, false);
    thread_index = me.index;
  }

  int current() const { return current_; }
  int count() const { return count_; }
  void* shared() const { return shared_.get(); }
  std::uint64_t* slots(int warp) { return slots_ + warp * kWarp; }
  int& predicate() { return pool()[static_cast<std::size_t>(current_)]->predicate; }
  int any() const { return any_; }

 private:
  // Stacks are kept between launches.
  static std::vector<std::unique_ptr<Fiber>>& pool() {
    static std::vector<std::unique_ptr<Fiber>> fibers;
    return fibers;
  }

  static void enter();  // what a fiber does

  void start(int i) {
    Fiber& f = *pool()[static_cast<std::size_t>(i)];
    const auto n = static_cast<unsigned>(i);
    f.index = {n % block_size.x, n / block_size.x % block_size.y, n / (block_size.x * block_size.y)};
    f.state = State::kReady;
    getcontext(&f.context);
    f.context.uc_stack.ss_sp = f.stack.get();
    f.context.uc_stack.ss_size = kStack;
    f.context.uc_link = nullptr;
    makecontext(&f.context, &Launch::enter, 0);
  }

  void resume(int i) {
    Fiber& f = *pool()[static_cast<std::size_t>(i)];
    current_ = i;
    thread_index = f.index;
#if defined(__SANITIZE_ADDRESS__)
    void* fake = nullptr;
    __sanitizer_start_switch_fiber(&fake, f.stack.get(), kStack);
#endif
    swapcontext(&scheduler_, &f.context);
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(fake, nullptr, nullptr);
#endif
  }

  // Back to the scheduler; `for_good`: the fiber's stack is given up.
  void leave(Fiber& me, [[maybe_unused]] bool for_good) {
#if defined(__SANITIZE_ADDRESS__)
    void* fake = nullptr;
    __sanitizer_start_switch_fiber(for_good ? nullptr : &fake, outer_stack_, outer_size_);
#endif
    swapcontext(&me.context, &scheduler_);
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(fake, &outer_stack_, &outer_size_);
#endif
  }

  // Runs every thread that may run, then opens barriers; false when all threads have ended.
  bool step() {
    bool ran = false;
    for (int k = 0; k < count_; ++k) {
      const int i = backwards ? count_ - 1 - k : k;
      if (pool()[static_cast<std::size_t>(i)]->state != State::kReady) continue;
      resume(i);
      ran = true;
    }
    if (open_warps()) return true;
    if (open_block()) return true;
    if (ran) return true;
    for (int i = 0; i < count_; ++i) {
      if (pool()[static_cast<std::size_t>(i)]->state != State::kDone)
        fail("a barrier or a shuffle was not reached by all threads");
    }
    return false;
  }

  // All of a warp's threads that have not ended wait at the same shuffle.
  bool open_warps() {
    bool opened = false;
    for (int first = 0; first < count_; first += kWarp) {
      const int end = first + kWarp < count_ ? first + kWarp : count_;
      int waiting = 0, done = 0;
      for (int i = first; i < end; ++i) {
        waiting += pool()[static_cast<std::size_t>(i)]->state == State::kAtWarp;
        done += pool()[static_cast<std::size_t>(i)]->state == State::kDone;
      }
      if (waiting == 0) continue;
      if (done > 0) fail("threads of a warp ended before its shuffle");
      if (waiting < end - first) continue;
      for (int i = first; i < end; ++i) pool()[static_cast<std::size_t>(i)]->state = State::kReady;
      opened = true;
    }
    return opened;
  }

  bool open_block() {
    int waiting = 0;
    any_ = 0;
    for (int i = 0; i < count_; ++i) {
      waiting += pool()[static_cast<std::size_t>(i)]->state == State::kAtBlock;
      any_ |= pool()[static_cast<std::size_t>(i)]->predicate;
    }
    if (waiting == 0 || waiting < count_)
      return false;  // CUDA leaves barriers without ended threads undefined
    for (int i = 0; i < count_; ++i) {
      pool()[static_cast<std::size_t>(i)]->state = State::kReady;
      pool()[static_cast<std::size_t>(i)]->predicate = 0;
    }
    return true;
  }

  void (*body_)(void*);
  void* argument_;
  std::unique_ptr<char[]> shared_;
  std::uint64_t slots_[1024];
  ucontext_t scheduler_;
  const void* outer_stack_ = nullptr;
  std::size_t outer_size_ = 0;
  int count_ = 0, current_ = 0, any_ = 0;
};

Launch* running = nullptr;
std::mutex one_at_a_time;

void Launch::enter() {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(nullptr, &running->outer_stack_, &running->outer_size_);
#endif
  running->body_(running->argument_);
  Fiber& me = *pool()[static_cast<std::size_t>(running->current_)];
  me.state = State::kDone;
  running->leave(me, true);
}

}  // namespace

void run(dim3 grid, dim3 block, std::size_t shared, void (*body)(void*), void* context) {
  const std::lock_guard<std::mutex> lock(one_at_a_time);
  Launch launch(grid, block, shared, body, context);
  running = &launch;
  for (unsigned z = 0; z < grid.z; ++z) {
    for (unsigned y = 0; y < grid.y; ++y) {
      for (unsigned x = 0; x < grid.x; ++x) {
        block_index = {x, y, z};
        if (shared > 0) std::memset(launch.shared(), 0xA5, shared);
        launch.run_block();
      }
    }
  }
  running = nullptr;
}

void block_barrier() { running->wait(State::kAtBlock); }
void warp_barrier() { running->wait(State::kAtWarp); }
void* shared_memory() { return running->shared(); }
int lane() { return running->current() % kWarp; }
std::uint64_t* warp_slots() { return running->slots(running->current() / kWarp); }
int warp_lanes() {
  const int first = running->current() / kWarp * kWarp;
  return running->count() - first < kWarp ? running->count() - first : kWarp;
}

}  // namespace emulation

int __syncthreads_or(int predicate) {
  emulation::running->predicate() = predicate;
  emulation::block_barrier();
  return emulation::running->any();
}

const char* cudaGetErrorString(cudaError_t error) {
  return error == cudaErrorMemoryAllocation ? "out of memory" : "emulated error";
}

cudaError_t cudaGetLastError() { return cudaSuccess; }

cudaError_t cudaMalloc(void** memory, std::size_t bytes) {
  if (bytes > emulation::memory_left) return cudaErrorMemoryAllocation;
  *memory = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
  std::memset(*memory, 0xA5, bytes);
  return cudaSuccess;
}

cudaError_t cudaFree(void* memory) {
  std::free(memory);
  return cudaSuccess;
}

cudaError_t cudaHostAlloc(void** memory, std::size_t bytes, unsigned) {
  *memory = std::malloc(bytes);
  return *memory ? cudaSuccess : cudaErrorMemoryAllocation;
}

cudaError_t cudaFreeHost(void* memory) { return cudaFree(memory); }

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  if (device != 0) return cudaErrorInvalidDevice;
  *properties = {};
  std::strcpy(properties->name, "emulated");
  properties->major = 9;
  return cudaSuccess;
}
