# Front door of mx2prod; `make` alone lists the targets.
# Variables: PYTHON (interpreter to build .venv with), JOBS (test workers), COVERAGE=1,
#            PYTEST_OPTIONS, UPGRADE=1 (with `make lock`: newest versions instead of the present ones)

PYTHON ?= python3
JOBS ?= auto
PYTEST_OPTIONS ?=
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
LOCKS := requirements-uv.lock requirements-dev.lock

PYTEST := $(BIN)/pytest -n $(JOBS) --maxprocesses 8 $(if $(COVERAGE),--cov --cov-report=json:coverage.json --cov-report=) $(PYTEST_OPTIONS)

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-all lint format docs bench figures services package lock warm-free clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY)  ## build .venv from the locks; nothing else is touched

$(READY): pyproject.toml $(LOCKS)
	@$(PYTHON) scripts/check_python.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.lock
	$(BIN)/uv pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements-dev.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --offline --no-deps --no-build-isolation --editable .
	@touch $@

# An environment of its own from environments/NAME.in, for a part that does not belong into .venv:
# make .venv-root/.ready
.venv-%/.ready: requirements-%.lock $(READY)
	@$(PYTHON) scripts/check_python.py
	$(PYTHON) -m venv .venv-$*
	$(BIN)/uv pip sync --quiet --python .venv-$*/bin/python --require-hashes $<
	@touch $@

demo: setup  ## the main job on the packaged samples, into the folder demo/
	$(BIN)/mx2 demo demo

test: setup  ## unit, property and store tests; service tests whose programs are here
	$(BIN)/mx2 --quiet warm
	$(PYTEST)
	$(if $(COVERAGE),$(BIN)/python scripts/room_coverage.py coverage.json)

test-all: setup .venv-root/.ready  ## every tier, 20,000 cases a property; hours
	MX2_HYPOTHESIS_PROFILE=nightly $(PYTEST) --tiers all --timeout 0

lint: setup  ## ruff, formatting, mypy strict, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: setup  ## put the code into the project's format
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

docs: setup  ## the documentation site, into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

bench: setup .venv-strax/.ready .venv-ctapipe/.ready  ## benchmarks, ours beside peers, as ratios
	$(BIN)/python -m benchmarks

figures: setup .venv-strax/.ready .venv-ctapipe/.ready  ## measure every promised figure again: benchmarks/figures.json
	$(BIN)/python -m benchmarks --figures

services:  ## install the Debian programs that service tests use (root)
	scripts/services.sh tests/services.txt

package: setup  ## wheel and sdist into dist/, tried in a fresh environment
	scripts/try_package.sh $(BIN)

lock: setup  ## write the locks again after a change of the dependencies
	scripts/lock.sh $(BIN)/uv $(if $(UPGRADE),--upgrade)

warm-free:  ## forget the compiled kernels, so that the next run compiles them anew
	find src -name '*.nb[ci]' -delete

clean: warm-free  ## remove everything that make built
	rm -rf $(VENV) .venv-* build dist site coverage.json .coverage* .pytest_cache .mypy_cache .ruff_cache .hypothesis
