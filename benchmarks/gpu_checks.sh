#!/usr/bin/env bash
# Everything that needs an NVIDIA card, in one call: benchmarks/gpu_checks.sh OUT
#
# Builds the extension for the card at hand, runs the CUDA tests with a missing GPU counted as a failure, runs them
# again under compute-sanitizer, times the kernels, and leaves logs and JSON in OUT. The machine needs Python, nvcc, CMake,
# pybind11 and scikit-build-core; it needs no network: wheels in ./.whl are used for what else is missing (PyAV, ...).
set -uo pipefail
cd "$(dirname "$0")/.."
out=${1:?usage: benchmarks/gpu_checks.sh OUT}
mkdir -p "$out"
python=${PYTHON:-python3}
site=$(mktemp -d)
failed=0

step() {  # step NAME COMMAND...: runs it, keeps its output, remembers a failure
  local name=$1 begin=$SECONDS
  shift
  if "$@" >"$out/$name.log" 2>&1; then echo "ok     $name ($((SECONDS - begin)) s)"
  else echo "FAILED $name (exit $?), see $name.log"; tail -5 "$out/$name.log"; failed=1; fi
}

nvidia-smi --query-gpu=name,driver_version,compute_cap,memory.total --format=csv,noheader >"$out/card.txt" 2>&1
nvcc --version | tail -2 >>"$out/card.txt" 2>&1
date -u +%F >>"$out/card.txt"
cat "$out/card.txt"

if compgen -G ".whl/*.whl" >/dev/null; then
  step wheels "$python" -m pip install -q --no-index --no-deps --no-compile --target "$site" .whl/*.whl
fi
export PYTHONPATH="$site${PYTHONPATH:+:$PYTHONPATH}" FASTSWAP_REQUIRE_CUDA=1
step build "$python" -m pip install -q --no-index --no-deps --no-build-isolation --target "$site" \
  --config-settings=cmake.define.FASTSWAP_CUDA_ARCHITECTURES=native \
  --config-settings=cmake.define.FASTSWAP_WERROR=ON .
step tests "$python" -m pytest -q -p no:cacheprovider tests/test_cuda.py
if command -v compute-sanitizer >/dev/null; then
  step sanitizer compute-sanitizer --error-exitcode 1 "$python" -m pytest -q -p no:cacheprovider tests/test_cuda.py
fi
step bench "$python" -m fastswap.bench.gpu "$out/bench.json"
[ -s "$out/bench.json" ] && cat "$out/bench.json"
rm -rf "$site"
exit $failed
