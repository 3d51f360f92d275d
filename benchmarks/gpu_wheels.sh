#!/usr/bin/env bash
# Packs what benchmarks/gpu_checks.sh needs on a bare machine without network: benchmarks/gpu_wheels.sh [PYTHON_VERSION]
#
# .whl gets site.tar.xz, a folder of installed packages without what fastswap does not use of them, with the face models
# and, where that Python is here to build it with, PyCUDA; and PyCUDA's source package. The versions are those of the
# environment that has fastswap. With the repository this stays under 64 MiB. The machine is expected to have numpy, onnx,
# onnxruntime, opencv, typer, rich, pytest, hypothesis, pybind11 and scikit-build-core.
set -euo pipefail
cd "$(dirname "$0")/.."
version=${1:-3.12}
python=${PYTHON:-$([ -x .venv/bin/python ] && echo .venv/bin/python || echo python3)}  # one that has fastswap
rm -rf .whl
mkdir -p .whl/site/weights
site=.whl/site
flags=(-q --no-deps --no-compile --only-binary=:all: --python-version "$version" --implementation cp --target "$site")
for glibc in 2_17 2_27 2_28 2_31 2_34 2_35; do flags+=(--platform "manylinux_${glibc}_x86_64"); done
packages=$("$python" -c 'from importlib.metadata import version
for name in ("av", "openvino", "openvino-telemetry", "c2pa-python", "cryptography", "cffi", "pycparser", "tomli-w", "platformdirs"):
    print(f"{name}=={version(name)}")')
# shellcheck disable=SC2086  # one word a package
"$python" -m pip install "${flags[@]}" --platform manylinux2014_x86_64 $packages
"$python" -m pip download -q --no-deps --no-binary pycuda --no-build-isolation -d .whl pycuda

native=$(command -v "python$version" || true)
if [ -n "$native" ] && "$native" -c 'import numpy, setuptools, wheel'; then
  PYTHON=$native benchmarks/gpu_pycuda.sh "$PWD/$site" .whl/pycuda-*.tar.gz
else
  echo "no python$version with numpy, setuptools and wheel here: PyCUDA will be built on the machine"
fi
FASTSWAP_WEIGHTS='' FASTSWAP_CACHE=$(mktemp -d) "$python" - "$site" <<'END_OF_PYTHON'
import shutil, sys
from fastswap import weights
for path in weights.default_models():
    shutil.copy(path, f"{sys.argv[1]}/weights/{path.name}")
END_OF_PYTHON

(
  cd "$site"
  rm -rf bin openvino/{include,cmake,tools,torch} av/include
  rm -f c2pa/libs/*.{rlib,a} openvino/libs/{cache.json,*gpu_plugin*,*npu*}
  rm -f openvino/libs/libopenvino_{tensorflow_frontend,pytorch,paddle,gguf,jax}*
)
find "$site" -name '*.so*' -type f -exec strip --strip-unneeded {} +
tar --sort=name --owner=0 --group=0 -I 'xz -9' -cf .whl/site.tar.xz -C "$site" .
rm -rf "$site"
size=$(($(git ls-files -z | xargs -0 du -cb | tail -1 | cut -f1) + $(du -cb .whl/* | tail -1 | cut -f1)))
du -sh .whl/*
echo "with the repository: $((size / 1048576)) MiB of 64"
