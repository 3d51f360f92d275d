#include "parallel.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>

namespace fs {
namespace {

// How long a thread that has nothing to do looks for work, or for the end of others' work, before it sleeps:
// about what waking it costs. Operations follow each other sooner than that within one call.
constexpr std::chrono::microseconds kPatience{100};

void relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

template <class Condition>
bool soon(const Condition& condition) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  do {
    for (int i = 0; i < 32; ++i) {
      if (condition()) return true;
      relax();
    }
  } while (std::chrono::steady_clock::now() < end);
  return false;
}

thread_local bool is_inside = false;  // a job: what it starts runs in its own thread

struct Job {
  const std::function<void(int)>* body = nullptr;
  int count = 0;
  std::atomic<int> next{0};
  std::atomic<int> helpers{0};  // workers inside run(); written under the pool's mutex
  std::exception_ptr error;
  std::mutex error_mutex;

  void run() {
    const bool was_inside = std::exchange(is_inside, true);
    for (int i = next.fetch_add(1); i < count; i = next.fetch_add(1)) {
      try {
        (*body)(i);
      } catch (...) {
        const std::lock_guard lock(error_mutex);
        if (!error) error = std::current_exception();
        next.store(count);
      }
    }
    is_inside = was_inside;
  }
};

// Several callers may share the pool. A caller works on its own job until no index is left and then waits
// only for workers that are inside it, so it never depends on a worker being free, or even alive (after a
// fork).
class Pool {
 public:
  void run(Job& job, int helpers_wanted) {
    {
      const std::lock_guard lock(mutex_);
      grow(helpers_wanted);
      for (int i = 0; i < helpers_wanted; ++i) queue_.push_back(&job);
      queued_.store(queue_.size());
    }
    wake_.notify_all();
    job.run();
    {
      const std::lock_guard lock(mutex_);
      std::erase(queue_, &job);
      queued_.store(queue_.size());
    }
    if (soon([&] { return job.helpers.load() == 0; })) return;
    std::unique_lock lock(mutex_);
    done_.wait(lock, [&] { return job.helpers.load() == 0; });
  }

 private:
  void grow(int workers) {
    while (workers_ < workers) {
      std::thread([this] { work(); }).detach();
      ++workers_;
    }
  }

  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      if (queue_.empty()) {
        lock.unlock();
        soon([&] { return queued_.load() > 0; });
        lock.lock();
        wake_.wait(lock, [&] { return !queue_.empty(); });
      }
      Job* job = queue_.front();
      queue_.pop_front();
      queued_.store(queue_.size());
      job->helpers.fetch_add(1);
      lock.unlock();
      job->run();
      lock.lock();
      // The job is its caller's, and may be gone as soon as this says so.
      if (job->helpers.fetch_sub(1) == 1) done_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_, done_;
  std::deque<Job*> queue_;
  std::atomic<std::size_t> queued_{0};  // as the queue; read without the mutex
  int workers_ = 0;
};

// The pool is never destroyed: its threads may still wait when the process ends. A forked child has none of
// the parent's threads and perhaps a locked mutex, so it starts a pool of its own.
Pool& pool() {
  static std::mutex mutex;
  static pid_t owner = 0;
  static Pool* current = nullptr;
  const std::lock_guard lock(mutex);
  if (owner != getpid()) {
    owner = getpid();
    current = new Pool;
  }
  return *current;
}

std::atomic<int>& thread_count() {
  static std::atomic<int> count{std::max(1, static_cast<int>(std::thread::hardware_concurrency()))};
  return count;
}

}  // namespace

void set_threads(int count) {
  if (count < 1 || count > 1024) throw std::invalid_argument("threads must lie in 1..1024");
  thread_count().store(count);
}

int get_threads() { return thread_count().load(); }

void parallel_for(int count, const std::function<void(int)>& body, int least) {
  const int threads = std::min(get_threads(), count / least);
  Job job;
  job.body = &body;
  job.count = count;
  if (threads <= 1 || is_inside) {
    job.run();
  } else {
    pool().run(job, threads - 1);
  }
  if (job.error) std::rethrow_exception(job.error);
}

}  // namespace fs
