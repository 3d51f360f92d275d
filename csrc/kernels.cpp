#include "kernels.h"

#include <atomic>
#include <cstdlib>
#include <stdexcept>

namespace fs {

extern const Kernels kScalarKernels, kVec4Kernels;
#if defined(FASTSWAP_HAVE_X86_SIMD)
extern const Kernels kAvx2Kernels, kAvx512Kernels;
#endif

namespace {

std::vector<const Kernels*> available() {
  std::vector<const Kernels*> tables = {&kScalarKernels, &kVec4Kernels};
#if defined(FASTSWAP_HAVE_X86_SIMD)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    tables.push_back(&kAvx2Kernels);
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
      tables.push_back(&kAvx512Kernels);
    }
  }
#endif
  return tables;
}

const Kernels* find(const std::string& name) {
  for (const Kernels* table : available()) {
    if (name == table->name) return table;
  }
  std::string known;
  for (const std::string& level : simd_levels()) known += (known.empty() ? "" : ", ") + level;
  throw std::invalid_argument("SIMD level '" + name + "' is not available here; choose one of " + known);
}

std::atomic<const Kernels*>& current() {
  static std::atomic<const Kernels*> table{[] {
    const char* wanted = std::getenv("FASTSWAP_SIMD");
    return wanted && *wanted ? find(wanted) : available().back();
  }()};
  return table;
}

}  // namespace

const Kernels& kernels() { return *current().load(std::memory_order_relaxed); }

std::vector<std::string> simd_levels() {
  std::vector<std::string> names;
  for (const Kernels* table : available()) names.emplace_back(table->name);
  return names;
}

void set_simd(const std::string& name) { current().store(find(name)); }

std::string get_simd() { return kernels().name; }

}  // namespace fs
