#include "parallel.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>

namespace fs {
namespace {

struct Job {
  const std::function<void(int)>* body = nullptr;
  int count = 0;
  std::atomic<int> next{0};
  int helpers = 0;  // workers inside run(); guarded by the pool's mutex
  std::exception_ptr error;
  std::mutex error_mutex;

  void run() {
    for (int i = next.fetch_add(1); i < count; i = next.fetch_add(1)) {
      try {
        (*body)(i);
      } catch (...) {
        const std::lock_guard lock(error_mutex);
        if (!error) error = std::current_exception();
        next.store(count);
      }
    }
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
    }
    wake_.notify_all();
    job.run();
    std::unique_lock lock(mutex_);
    std::erase(queue_, &job);
    done_.wait(lock, [&] { return job.helpers == 0; });
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
      wake_.wait(lock, [&] { return !queue_.empty(); });
      Job* job = queue_.front();
      queue_.pop_front();
      ++job->helpers;
      lock.unlock();
      job->run();
      lock.lock();
      if (--job->helpers == 0) done_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_, done_;
  std::deque<Job*> queue_;
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
  if (threads <= 1) {
    job.run();
  } else {
    pool().run(job, threads - 1);
  }
  if (job.error) std::rethrow_exception(job.error);
}

}  // namespace fs
