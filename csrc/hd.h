// Marks a function that the CPU loops and the CUDA kernels share.
#pragma once

#if defined(__CUDACC__)
#define FS_HD __host__ __device__ __forceinline__
#else
// Always inlined: the SIMD files are compiled with wider instruction sets, and an out-of-line copy of a
// shared function made there could be picked by the linker for every caller.
#define FS_HD inline __attribute__((always_inline))
#endif
