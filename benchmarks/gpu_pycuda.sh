#!/usr/bin/env bash
# Builds PyCUDA from its source package into a folder, where none works yet: gpu_pycuda.sh SITE SDIST
#
# It needs cuda.h and a libcuda to link with: an empty library of that name, which the driver's replaces at run time.
# cuRAND is left out, since fastswap does not use it and its headers are seldom there. CUDA_HOME names a toolkit.
set -euo pipefail
site=$1 source=$2
python=${PYTHON:-python3}
if "$python" -c 'import pycuda.driver as d; d.init(); print(d.Device(0).name())' 2>/dev/null; then exit 0; fi
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
cuda=
own=$("$python" -c 'import glob, sys
print(*(h.removesuffix("/include/cuda.h") for p in sys.path for h in glob.glob(p + "/nvidia/**/include/cuda.h", recursive=True)))')
nvcc=$(command -v nvcc && true)
if [ -n "$nvcc" ]; then nvcc=$(nvcc --dryrun -x cu /dev/null 2>&1 | sed -n 's/^#\$ TOP=//p'); fi
for place in "${CUDA_HOME:-}" "${CUDA_PATH:-}" "$nvcc" /usr/local/cuda $own; do
  if [ -n "$place" ] && [ -f "$place/include/cuda.h" ]; then cuda=$(readlink -f "$place"); break; fi
done
if [ -z "$cuda" ]; then echo "gpu_pycuda.sh: cuda.h was not found; set CUDA_HOME" >&2; exit 1; fi
echo "CUDA's headers: $cuda"
echo | gcc -shared -x c - -Wl,-soname,libcuda.so.1 -o "$temporary/libcuda.so"
echo 'CUDA_ENABLE_CURAND = False' >"$temporary/.aksetup-defaults.py"  # where PyCUDA's setup looks for it: in HOME
export HOME=$temporary CUDA_ROOT=$cuda CPATH="$cuda/include${CPATH:+:$CPATH}"
export LIBRARY_PATH="$temporary${LIBRARY_PATH:+:$LIBRARY_PATH}" CFLAGS="-O1 -g0"
"$python" -m pip install -q --no-index --no-deps --no-build-isolation --no-cache-dir --upgrade --target "$site" "$source"
