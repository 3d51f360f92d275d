#!/usr/bin/env bash
# Fetches what benchmarks/gpu_checks.sh needs on a bare machine without network: benchmarks/gpu_wheels.sh [PYTHON_VERSION]
#
# .whl/1 gets PyAV, PyCUDA's source package, the face models and small things, .whl/2 what signs, .whl/3 OpenVINO: each with
# the repository stays under 64 MiB. The machine is expected to have numpy, onnx, onnxruntime, opencv, typer, rich, pytest
# and hypothesis.
set -euo pipefail
cd "$(dirname "$0")/.."
version=${1:-3.12}
python=${PYTHON:-$([ -x .venv/bin/python ] && echo .venv/bin/python || echo python3)}  # one that has fastswap
mkdir -p .whl/1/weights .whl/2 .whl/3
flags=(-qq --no-deps --only-binary=:all: --python-version "$version" --implementation cp)
for glibc in 2_17 2_27 2_28 2_31 2_34 2_35; do flags+=(--platform "manylinux_${glibc}_x86_64"); done
flags+=(--platform manylinux2014_x86_64)
"$python" -m pip download "${flags[@]}" -d .whl/1 av platformdirs toml tomli_w pytest-timeout pytools mako
"$python" -m pip download "${flags[@]}" -d .whl/2 c2pa-python cryptography cffi pycparser
"$python" -m pip download "${flags[@]}" -d .whl/3 openvino openvino-telemetry
"$python" -m pip download -qq --no-deps --no-binary pycuda -d .whl/1 pycuda
FASTSWAP_WEIGHTS='' FASTSWAP_CACHE=$(mktemp -d) "$python" - <<'END'
import shutil
from fastswap import weights
for path in weights.default_models():
    shutil.copy(path, f".whl/1/weights/{path.name}")
END
du -sh .whl/1 .whl/2 .whl/3
