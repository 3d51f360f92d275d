#!/usr/bin/env bash
# Builds PyCUDA from its source package into a folder: gpu_pycuda.sh SITE SDIST
#
# Its build needs CUDA's and cuRAND's headers and a libcuda to link with: the driver's own, or where that cannot be found
# an empty library of the same name, which the driver's replaces at run time.
set -euo pipefail
site=$1 source=$2
python=${PYTHON:-python3}
cuda=$(dirname "$(dirname "$(readlink -f "$(command -v nvcc)")")")
links=$(mktemp -d)
echo | gcc -shared -x c - -Wl,-soname,libcuda.so.1 -o "$links/libcuda.so"
curand=$("$python" -c 'import glob, os, site, sys
roots = [p for p in sys.path if p.endswith("site-packages")]
hits = [h for r in roots for h in glob.glob(os.path.join(r, "nvidia", "**", "curand.h"), recursive=True)]
print(os.path.dirname(hits[0]) if hits else "")')
if [ -n "$curand" ]; then
  library=$(find "$(dirname "$curand")" -name 'libcurand.so*' | head -1)
  [ -n "$library" ] && ln -sf "$library" "$links/libcurand.so"
fi
export CPATH="$cuda/include:$curand${CPATH:+:$CPATH}" LIBRARY_PATH="$links:$cuda/lib64${LIBRARY_PATH:+:$LIBRARY_PATH}"
export CUDA_ROOT=$cuda PATH="$cuda/bin:$PATH"
"$python" -m pip install -q --no-index --no-deps --no-build-isolation --no-cache-dir --upgrade --target "$site" "$source"
