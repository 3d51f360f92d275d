#!/usr/bin/env bash
# Everything that needs an NVIDIA card, in one call: benchmarks/gpu_checks.sh OUT
#
# Builds fastswap for the card at hand, runs the kernel tests and the GPU tests with a missing GPU counted as a failure,
# times kernels, network and decoding, renders a clip of synthetic actors on the GPU and on the CPU, and runs the kernel
# tests again under compute-sanitizer. OUT gets checks.json (written again after every step), render.png with frames of
# both renders, gpu.mp4 and logs.tar.gz. The machine needs Python 3.11 to 3.13, nvcc, CMake, pybind11 and
# scikit-build-core, and no network: what else is missing comes from .whl, see benchmarks/gpu_wheels.sh.
#
# A step that fails is written down, and the next one runs. The steps take what is left of TOTAL seconds (default 570, for
# machines that end a command after ten minutes) and LIMIT each (default 300); one for which no time is left is written
# down as such. STEPS="build bench ..." runs these alone; SITE names a folder to install into and keep, so that a second
# call goes on with what the first one built. ARCH names other architectures to build for. In two calls:
#
#   SITE=/tmp/site STEPS="site pycuda build doctor kernels card bench render" benchmarks/gpu_checks.sh OUT
#   SITE=/tmp/site STEPS="memcheck racecheck tests resources" benchmarks/gpu_checks.sh OUT
set -uo pipefail
cd "$(dirname "$0")/.." || exit
out=$(mkdir -p "${1:?usage: benchmarks/gpu_checks.sh OUT}" && cd "$1" && pwd)
python=${PYTHON:-python3}
site=${SITE:-$(mktemp -d)}
limit=${LIMIT:-300} total=${TOTAL:-570}
work=$(mktemp -d)
failed=0
mkdir -p "$site"
export PYTHONPATH="$site${PYTHONPATH:+:$PYTHONPATH}" PATH="$site/bin:$PATH" PYTHON=$python
export FASTSWAP_REQUIRE_CUDA=1 FASTSWAP_CONFIG="$site/config" FASTSWAP_CACHE="$site/cache" PYTHONUNBUFFERED=1
: >"$work/steps.tsv"

report() {  # what there is so far, where it is fetched from
  "$python" benchmarks/gpu_report.py "$work" >"$work/report.txt" 2>&1 || cat "$work/report.txt"
  for made in checks.json render.png gpu.mp4; do
    if [ -f "$work/$made" ]; then cp "$work/$made" "$out/$made"; fi
  done
  tar -czf "$out/logs.tar.gz" -C "$work" --exclude '*.mp4' --exclude render.png .
}

step() {  # step NAME COMMAND...: runs it, keeps its output, notes how it ended
  local name=$1 begin=$SECONDS left=$((total - SECONDS)) code=124
  shift
  if [ -n "${STEPS:-}" ] && [[ " $STEPS " != *" $name "* ]]; then return; fi
  if [ "$left" -lt 5 ]; then
    echo "no time was left for it" >"$work/$name.log"
  else
    timeout -k 5 "$((left < limit ? left : limit))" "$@" >"$work/$name.log" 2>&1 </dev/null
    code=$?
  fi
  printf '%s\t%s\t%s\n' "$name" "$code" "$((SECONDS - begin))" >>"$work/steps.tsv"
  if [ "$code" = 0 ]; then echo "ok     $name ($((SECONDS - begin)) s)"
  else echo "FAILED $name (exit $code, $((SECONDS - begin)) s)"; tail -8 "$work/$name.log" | cut -c1-300; failed=1; fi
  report
}

tests=("$python" -m pytest -q -p no:cacheprovider --durations 5)
sanitizer=(compute-sanitizer --error-exitcode 1 --tool)

{
  nvidia-smi --query-gpu=name,driver_version,compute_cap,memory.total --format=csv,noheader
  nvcc --version | tail -2
  "$python" --version
  date -u +%F
  git rev-parse HEAD 2>/dev/null
} >"$work/card.txt" 2>&1
cat "$work/card.txt"

if [ -f .whl/site.tar.xz ]; then step site "$python" -m tarfile -e .whl/site.tar.xz "$site"; fi
if [ -d "$site/weights" ]; then export FASTSWAP_WEIGHTS=$site/weights; fi
if compgen -G '.whl/pycuda-*.tar.gz' >/dev/null; then step pycuda benchmarks/gpu_pycuda.sh "$site" .whl/pycuda-*.tar.gz; fi
step build "$python" -m pip install -q --no-index --no-deps --no-build-isolation --no-cache-dir --upgrade --target "$site" \
  --config-settings=cmake.define.FASTSWAP_CUDA_ARCHITECTURES="${ARCH:-native}" .
step doctor "$python" -m fastswap doctor --json
step kernels "${tests[@]}" tests/test_kernels_*.py
step card "${tests[@]}" tests/test_gpu_card.py tests/test_cuda.py --deselect tests/test_cuda.py::test_kernels_on_the_host
step bench "$python" -m fastswap bench gpu --json
step render "$python" benchmarks/gpu_render.py "$work"
if command -v compute-sanitizer >/dev/null; then
  step memcheck "${sanitizer[@]}" memcheck "${tests[@]}" tests/test_kernels_*.py
  step racecheck "${sanitizer[@]}" racecheck "${tests[@]}" tests/test_kernels_[mls]*.py  # those with shared memory
fi
step tests "${tests[@]}" tests/test_gpu_engines.py tests/test_gpu_path.py tests/test_gpu_room.py tests/test_device_choice.py
step resources "$python" tools/kernel_resources.py --arch 90
report
cat "$work/report.txt"
rm -rf "$work"
[ -n "${SITE:-}" ] || rm -rf "$site"
exit $failed
