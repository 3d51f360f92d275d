# make demo   sets up, runs `fastswap demo`, prints where the picture and the video are
# make test   sets up and runs every test, in WORKERS processes (2)   make lint   ruff, mypy, clang-format
# make sanitize   the native tests under AddressSanitizer and UBSan; part of make test
# make bench  the benchmarks, as tables           make clean  removes what these made
PYTHON ?= python3
VENV ?= .venv
OUT ?= demo
WORKERS ?= 2
BIN := $(VENV)/bin
SOURCES := $(shell find src csrc cuda raster -type f \( -name '*.py' -o -name '*.pyi' -o -name '*.cpp' -o -name '*.h' \
             -o -name '*.cu' -o -name '*.cuh' -o -name '*.onnx' -o -name 'CMakeLists.txt' \)) pyproject.toml CMakeLists.txt

.PHONY: demo test sanitize lint bench clean
.DELETE_ON_ERROR:

demo: $(VENV)/.fastswap
	$(BIN)/fastswap demo --out $(OUT)

test: $(VENV)/.test
	$(BIN)/python -m pytest tests -n $(WORKERS)
	$(BIN)/python tools/sanitize.py

sanitize: $(VENV)/.test
	$(BIN)/python tools/sanitize.py

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python tools/format_cpp.py --check

bench: $(VENV)/.test
	$(BIN)/fastswap bench ops
	$(BIN)/fastswap bench render

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

# Installed, not linked: the tests run what a user gets.
$(VENV)/.fastswap: $(VENV)/bin/python $(SOURCES)
	$(BIN)/python -m pip install --quiet .
	touch $@

# What tests, linters and benchmarks need, in one go: the native modules are built once for all of them. Where there is
# nvcc, one architecture and its PTX keep the build short; a test compiles the kernels for all of them.
$(VENV)/.test: $(VENV)/bin/python $(SOURCES) tools/install_torch.py
	$(BIN)/python tools/install_torch.py
	$(BIN)/python -m pip install --quiet -C cmake.define.FASTSWAP_CUDA_ARCHITECTURES=80 '.[test,lint]'
	touch $@

clean:
	rm -rf build dist $(VENV) $(OUT)
