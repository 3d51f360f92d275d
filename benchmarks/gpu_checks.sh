#!/usr/bin/env bash
# Everything that needs an NVIDIA card, in one call: benchmarks/gpu_checks.sh OUT
#
# Builds fastswap for the card at hand, runs the GPU tests with a missing GPU counted as a failure and the kernel tests
# again under compute-sanitizer, times kernels, network and decoding, renders a clip of synthetic actors on the GPU and
# on the CPU, and leaves OUT/checks.json, a picture of both renders and all logs. The machine needs Python 3.11 to 3.13,
# nvcc, CMake, pybind11 and scikit-build-core; it needs no network: wheels in .whl/1 are used for what else is missing
# (benchmarks/gpu_wheels.sh fetches them), and PyCUDA is built there from its source package.
#
# ARCH names other architectures to build for. A step that fails is written down, and the next one runs. STEPS="build tests ..." runs these alone, LIMIT (seconds,
# default 400) ends a step that hangs, SITE names a folder to install into and keep, WHEELS another folder of wheels than
# .whl/1. Where all wheels are too large to be sent at once, and where a call may last ten minutes only:
#
#   for each of .whl/1 .whl/2 .whl/3:  SITE=/tmp/site STEPS="wheels pycuda" WHEELS=.whl/N benchmarks/gpu_checks.sh OUT
#   SITE=/tmp/site STEPS="build doctor kernels bench render resources" WHEELS=none benchmarks/gpu_checks.sh OUT
#   SITE=/tmp/site STEPS="tests memcheck racecheck" WHEELS=none benchmarks/gpu_checks.sh OUT
set -uo pipefail
cd "$(dirname "$0")/.."
out=$(mkdir -p "${1:?usage: benchmarks/gpu_checks.sh OUT}" && cd "$1" && pwd)
python=${PYTHON:-python3}
site=${SITE:-$(mktemp -d)}
limit=${LIMIT:-400}
failed=0
export PYTHONPATH="$site${PYTHONPATH:+:$PYTHONPATH}" PATH="$site/bin:$PATH"
export FASTSWAP_REQUIRE_CUDA=1 FASTSWAP_CONFIG="$site/config" FASTSWAP_CACHE="$site/cache" PYTHONUNBUFFERED=1
: >"$out/steps.tsv"

step() {  # step NAME COMMAND...: runs it, keeps its output, notes how it ended
  local name=$1 begin=$SECONDS code
  shift
  if [ -n "${STEPS:-}" ] && [[ " $STEPS " != *" $name "* ]]; then return; fi
  timeout "$limit" "$@" >"$out/$name.log" 2>&1
  code=$?
  printf '%s\t%s\t%s\n' "$name" "$code" "$((SECONDS - begin))" >>"$out/steps.tsv"
  if [ "$code" = 0 ]; then echo "ok     $name ($((SECONDS - begin)) s)"
  else echo "FAILED $name (exit $code), see $name.log"; tail -5 "$out/$name.log"; failed=1; fi
}

{
  nvidia-smi --query-gpu=name,driver_version,compute_cap,memory.total --format=csv,noheader
  nvcc --version | tail -2
  date -u +%F
  git rev-parse HEAD 2>/dev/null
} >"$out/card.txt" 2>&1
cat "$out/card.txt"

wheels=${WHEELS:-.whl/1}
if [ -d "$wheels/weights" ]; then mkdir -p "$site" && cp -r "$wheels/weights" "$site"; fi
if [ -d "$site/weights" ]; then export FASTSWAP_WEIGHTS=$site/weights; fi
if compgen -G "$wheels/*.whl" >/dev/null; then
  step wheels "$python" -m pip install -q --no-index --no-deps --no-compile --no-cache-dir --upgrade --target "$site" "$wheels"/*.whl
fi
if compgen -G "$wheels/pycuda-*.tar.gz" >/dev/null; then
  step pycuda benchmarks/gpu_pycuda.sh "$site" "$wheels"/pycuda-*.tar.gz
fi
step build "$python" -m pip install -q --no-index --no-deps --no-build-isolation --no-cache-dir --upgrade --target "$site" \
  --config-settings=cmake.define.FASTSWAP_CUDA_ARCHITECTURES="${ARCH:-native}" \
  --config-settings=cmake.define.FASTSWAP_WERROR=ON .
step doctor "$python" -m fastswap doctor --json
step kernels "$python" -m pytest -q -p no:cacheprovider tests/test_kernels_*.py
step tests "$python" -m pytest -q -p no:cacheprovider tests/test_cuda.py tests/test_gpu*.py
step bench "$python" -m fastswap bench gpu --json
if command -v compute-sanitizer >/dev/null; then
  for tool in memcheck racecheck; do
    step "$tool" compute-sanitizer --tool "$tool" --error-exitcode 1 \
      "$python" -m pytest -q -x -p no:cacheprovider tests/test_kernels_*.py
  done
fi
step render "$python" benchmarks/gpu_render.py "$out"
step resources "$python" tools/kernel_resources.py --arch 90
"$python" benchmarks/gpu_report.py "$out"
[ -n "${SITE:-}" ] || rm -rf "$site"
exit $failed
