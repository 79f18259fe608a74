# Everything that is done with this tree, at the desk and in CI. `make help` lists the targets.
#
#   PYTHON   the interpreter to make the virtual environment from; else the newest one found
#   VENV     where that environment is: `make test PYTHON=python3.13 VENV=.venv-3.13`
#   WORKERS  how many processes test at the same time; 0: one, as for a debugger
#   PROFILE  how Rust is compiled: release, or dev with overflow checks and debug assertions

VENV    ?= .venv
PROFILE ?= release
WORKERS ?= 2
PYTHON  ?=
# More arguments for the command of a target: `make serve ARGS="--port 9000"`.
ARGS    ?=

BIN  := $(VENV)/bin
RUST := $(shell find rust \( -name target -o -path rust/load \) -prune \
    -o \( -name '*.rs' -o -name 'Cargo.*' \) -print)
CODE := $(RUST) $(wildcard ext/*) pyproject.toml

# pyo3's build script must find the interpreter that has Cython, whichever cargo command runs it.
export PYO3_PYTHON := $(abspath $(BIN))/python
CARGO_FLAGS := --manifest-path rust/Cargo.toml
MATURIN := VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/maturin

SAMPLES := $(BIN)/python scripts/samples.py

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.SUFFIXES:

# The tests that need no program but the server itself; and those of them that differ by Python.
INNER_TESTS := tests/unit tests/native tests/conformance
PYTHON_TESTS := tests/unit tests/native tests/e2e/test_serve.py tests/e2e/test_tabs.py
ALL_BUT_LONG := -m "not slow and not ops"
# Tests that wait for servers half of the time; those of a file share what they start.
SIDE_BY_SIDE := $(ALL_BUT_LONG) -n $(WORKERS) --dist loadfile
# Of the tests that ARGS asks for there may be none in a folder, which pytest says by 5.
OR_NONE := $(if $(ARGS),|| [ $$? -eq 5 ])
# What `make smoke` installs: the wheel in dist/ that fits the interpreter, and no other.
INSTALL ?= --no-index --no-deps --only-binary :all: --find-links dist fortepiano
OTHER_PYTHONS := $(or $(PYENV_ROOT),$(HOME)/.pyenv)/versions

# What is on the machine. A tool counts as present when it runs: its name in PATH may be a dead link.

WANTS_PYTHON := Python 3.11 or newer with its headers is missing: apt-get install python3-dev \
python3-venv, or name one: make PYTHON=/path/to/python3
WANTS_RUST := Rust 1.85 or newer is missing: install it from https://rustup.rs
WANTS_CC := a C compiler is missing: apt-get install build-essential
WANTS_RUSTFMT := rustfmt and clippy are missing: rustup component add rustfmt clippy

USABLE_PYTHON := import os, sys, sysconfig, ensurepip, venv; \
sys.exit(sys.version_info < (3, 11) \
or not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))

define FIND_PYTHON
for python in $(or $(PYTHON),python3.14 python3.13 python3.12 python3.11 python3); do \
    if $$python -c '$(USABLE_PYTHON)' >/dev/null 2>&1; then break; fi; python=; \
done; \
[ -n "$$python" ] || { echo "make: $(WANTS_PYTHON)" >&2; exit 1; }
endef

define NEED_RUST
cargo --version >/dev/null 2>&1 \
&& rustc --version 2>/dev/null | awk '{ split($$2, v, "."); exit v[1] == 1 && v[2] < 85 }' \
|| { echo "make: $(WANTS_RUST)" >&2; exit 1; }
endef

define NEED_CC
$${CC:-cc} --version >/dev/null 2>&1 || { echo "make: $(WANTS_CC)" >&2; exit 1; }
endef

define NEED_RUSTFMT
cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1 \
|| { echo "make: $(WANTS_RUSTFMT)" >&2; exit 1; }
endef

##@ Use

.PHONY: serve
serve: build ## Build the release wheel and serve http://localhost:8080, data in ./data
	@$(SAMPLES) || true
	@exec $(BIN)/fortepiano serve $(ARGS)

.PHONY: test
test: lint types test-native test-python ## Run everything: lint, types, cargo test, pytest

##@ Build

.PHONY: build
build: $(VENV)/.built-$(PROFILE) ## Build the wheel (PROFILE=release) and install it, Python editable
	@:

.PHONY: dev
dev: ## Make ready to work: all tools, and a debug build with its checks
	@$(MAKE) build PROFILE=dev
	@$(MAKE) $(VENV)/.tools

.PHONY: wheel
wheel: $(VENV)/.python ## Build the release wheel into dist/
	@rm -f dist/*.whl
	@$(SAMPLES) || [ "$${CI:-}" != true ]
	$(MATURIN) build --release --out dist --interpreter $(PYO3_PYTHON)

.PHONY: sdist
sdist: $(VENV)/.python ## Build the source distribution into dist/
	@rm -f dist/*.tar.gz
	@$(SAMPLES) || [ "$${CI:-}" != true ]
	$(MATURIN) sdist --out dist

.PHONY: samples
samples: $(VENV)/.python ## Fetch the recorded piano of the page (5.6 MB, by npm)
	@$(SAMPLES)

.PHONY: package
package: wheel sdist ## Build wheel and sdist, and hold a wheel made of the sdist against the first
	@rm -rf build/from-sdist
	CARGO_TARGET_DIR=$${CARGO_TARGET_DIR:-$(abspath rust/target)} env -u PYO3_PYTHON \
	    $(BIN)/pip wheel --quiet --no-deps --wheel-dir build/from-sdist dist/fortepiano-*.tar.gz
	@names() { $(BIN)/python -m zipfile -l "$$1" | awk 'NR > 1 { print $$1 }' | sort; }; \
	diff <(names dist/fortepiano-*.whl) <(names build/from-sdist/fortepiano-*.whl) \
	&& echo "The sdist builds into the same wheel."

.PHONY: annotate
annotate: $(VENV)/.python ## Show in build/_link.html where the Cython link calls Python
	@mkdir -p build
	$(BIN)/cython -3 --annotate --module-name fortepiano._link -o build/_link.c ext/_link.pyx

##@ Check

.PHONY: lint
lint: $(VENV)/.tools ## Check style and formatting of Python, Cython and Rust
	@$(NEED_RUSTFMT)
	$(BIN)/ruff check --quiet
	$(BIN)/ruff format --check --quiet
	$(BIN)/cython-lint --no-pycodestyle ext/_link.pyx
	$(BIN)/pycodestyle ext
	cargo fmt $(CARGO_FLAGS) --all --check
	cargo clippy $(CARGO_FLAGS) --locked --quiet --workspace --all-targets -- -D warnings

# The link is part of _core's file, where native.py has to find it before stubtest looks for it.
STUBTEST := import sys, fortepiano.native; from mypy import stubtest; sys.exit(stubtest.main())

.PHONY: types
types: build $(VENV)/.tools ## Check the types, and the stubs against the binary
	$(BIN)/mypy
	$(BIN)/pyright
	$(BIN)/python -c '$(STUBTEST)' fortepiano._core fortepiano._link \
	    --allowlist tests/typing/stubtest-allowlist.txt
	@if npm --version >/dev/null 2>&1; then $(MAKE) page-types; \
	else echo "npm is missing (apt-get install npm): the page's types were not checked" >&2; \
	[ "$${CI:-}" != true ]; fi

.PHONY: page-types
page-types: tests/browser/node_modules/.package-lock.json ## Check the types of the page's scripts
	tests/browser/node_modules/.bin/tsc -p tests/browser

tests/browser/node_modules/.package-lock.json: tests/browser/package-lock.json
	@npm ci --prefix tests/browser --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

.PHONY: test-native
test-native: ## Run the tests of the Rust core and of the load generator; needs no Python
	@$(NEED_RUST)
	cargo test $(CARGO_FLAGS) --locked --quiet -p fortepiano-core -p fortepiano-load

.PHONY: test-python
test-python: build $(VENV)/.tools ## Run the tests of Python, of the protocol, with bots and a browser
	@$(SAMPLES) || [ "$${CI:-}" != true ]
	$(BIN)/pytest $(SIDE_BY_SIDE) --ignore tests/browser $(ARGS) $(OR_NONE)
	@$(MAKE) test-browser

.PHONY: test-inner
test-inner: build $(VENV)/.tools ## Run the tests that need no program but the server itself
	$(BIN)/pytest $(SIDE_BY_SIDE) $(INNER_TESTS) $(ARGS)

.PHONY: test-slow
test-slow: build $(VENV)/.tools ## Run the slow tests, and the random ones with many more examples
	FORTEPIANO_HYPOTHESIS=slow $(BIN)/pytest --timeout 1800 tests/native $(ARGS)
	$(BIN)/pytest -m slow $(ARGS) || [ $$? -eq 5 ] # 5: there is none

.PHONY: soak
soak: build $(VENV)/.tools ## Let ten thousand come and go for SOAK (600) seconds: memory and the loop must not mind
	FORTEPIANO_SOAK_SECONDS=$(or $(SOAK),600) $(BIN)/pytest tests/e2e/test_garbage_pauses.py -s

.PHONY: test-faults
test-faults: build $(VENV)/.tools ## Run the slow tests of faults: kill -9, full and locked disks, Redis
	$(BIN)/pytest -m slow tests/faults $(ARGS)

.PHONY: test-e2e
test-e2e: build $(VENV)/.tools ## Run the tests with whole servers, people's bots and a browser
	@$(SAMPLES) || [ "$${CI:-}" != true ]
	$(BIN)/pytest $(SIDE_BY_SIDE) tests/e2e tests/clients $(ARGS) $(OR_NONE)
	@$(MAKE) test-browser

.PHONY: test-clients
test-clients: build $(VENV)/.tools ## Run the tests with the clients that people use, and what others send
	$(BIN)/pytest $(SIDE_BY_SIDE) tests/clients $(ARGS) $(OR_NONE)

.PHONY: test-browser
test-browser: build $(VENV)/.tools ## Run the tests with a browser, which takes all there is of two cores
	$(BIN)/pytest $(ALL_BUT_LONG) tests/browser $(ARGS) $(OR_NONE)

.PHONY: test-ops
test-ops: build $(VENV)/.tools ## Run what takes longer of the tests about running a server
	$(BIN)/pytest -m ops $(ARGS)

.PHONY: test-pythons
test-pythons: ## Build and test with each other Python (3.11 to 3.14) of this machine
	@for version in 3.11 3.12 3.13 3.14; do \
	    for python in python$$version $(OTHER_PYTHONS)/$$version.*/bin/python; do \
	        ! $$python -c '$(USABLE_PYTHON)' >/dev/null 2>&1 || break; python=; \
	    done; \
	    if $(BIN)/python$$version --version >/dev/null 2>&1; then continue; fi; \
	    if [ -z "$$python" ]; then echo "Python $$version is not on this machine."; continue; fi; \
	    $(MAKE) test-inner PYTHON=$$python VENV=.venv-$$version INNER_TESTS="$(PYTHON_TESTS)"; \
	done

.PHONY: smoke
smoke: ## Install the wheel of dist/ where nothing else is, and see that it runs (INSTALL=. the tree)
	@$(FIND_PYTHON); rm -rf build/clean; $$python -m venv build/clean
	@build/clean/bin/pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	env -u PYO3_PYTHON build/clean/bin/pip install --quiet $(INSTALL)
	@build/clean/bin/pip install --quiet fortepiano
	cd build && clean/bin/python -c 'from fortepiano.native import profile; print(profile())'
	cd build && clean/bin/fortepiano version

.PHONY: test-wheel
test-wheel: smoke ## Run the tests on the wheel of dist/, installed where nothing else is
	build/clean/bin/pip install --quiet --group test
	build/clean/bin/pytest $(SIDE_BY_SIDE) $(INNER_TESTS) tests/e2e tests/clients $(ARGS)

.PHONY: fuzz
fuzz: ## Fuzz the native core for FUZZ_SECONDS (60) a target; needs nightly Rust and cargo-fuzz
	@cargo +nightly fuzz --version >/dev/null 2>&1 || { echo "make: cargo-fuzz is missing: \
	rustup toolchain install nightly && cargo install --locked cargo-fuzz" >&2; exit 1; }
	cd rust && for target in $$(cargo +nightly fuzz list --fuzz-dir fuzz); do \
	    cargo +nightly fuzz run --fuzz-dir fuzz $$target -- -max_total_time=$${FUZZ_SECONDS:-60}; \
	done

.PHONY: docs
docs: build ## Make the references in docs/ anew, from the code
	@$(BIN)/python scripts/docs/protocol_reference.py docs/protocol.md
	@$(BIN)/python scripts/docs/settings_reference.py docs/settings.md
	@PYTHONPATH=tests:scripts/docs $(BIN)/python -m support.register docs/clients.md

.PHONY: conformance
conformance: build $(VENV)/.tools ## Run the conformance suite and print its table, case by preset
	$(BIN)/pytest tests/conformance --conformance-table $(ARGS)

##@ Measure

.PHONY: load
load: ## Load the server of `make serve` with people (ARGS="play --clients 200 --port 9000")
	@$(NEED_RUST)
	@[ -x rust/target/release/fortepiano-load ] || echo "Building the load generator: about a minute"
	@cargo run $(CARGO_FLAGS) --locked --quiet --release -p fortepiano-load -- \
	    $(or $(ARGS),play --seconds 3)

.PHONY: bench
bench: build $(VENV)/.tools ## Measure the inner steps (benchmarks/micro)
	$(BIN)/pytest --benchmark $(ARGS)

.PHONY: bench-compare
bench-compare: $(VENV)/.python ## Compare the inner steps with those of another revision (BASE=main)
	@$(BIN)/python benchmarks/compare.py $(or $(BASE),main) $(ARGS)

.PHONY: bench-load
bench-load: build $(VENV)/.tools ## Compare whole servers, and write it into benchmarks/README.md (QUICK=1)
	@cargo build $(CARGO_FLAGS) --locked --quiet --release -p fortepiano-load
	@$(BIN)/python benchmarks/load/compare_servers.py $(if $(QUICK),--quick) $(ARGS)

##@ Tidy

.PHONY: fmt
fmt: $(VENV)/.tools ## Format Python and Rust, and repair what the linter can
	@$(NEED_RUSTFMT)
	$(BIN)/ruff check --fix --quiet
	$(BIN)/ruff format --quiet
	cargo fmt $(CARGO_FLAGS) --all

.PHONY: clean
clean: ## Remove all that was made here, the environment included; ./data stays
	rm -rf $(VENV) .venv-3.* build dist rust/target rust/fuzz/target .pytest_cache .mypy_cache .ruff_cache
	rm -rf .hypothesis .benchmarks .coverage tests/clients/npm/node_modules tests/browser/node_modules
	rm -rf benchmarks/load/node-ws/node_modules
	rm -f python/fortepiano/*.so
	rm -rf python/fortepiano/web/samples
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^##@/ { printf "\n%s\n", substr($$0, 5) } \
	    /^[a-z0-9-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# The stamps that say how far the environment is; an unchanged tree does nothing here.

$(VENV)/.python: pyproject.toml
	@$(NEED_RUST); $(NEED_CC)
	@$(BIN)/python --version >/dev/null 2>&1 || { $(FIND_PYTHON); echo "Making $(VENV)"; \
	    $$python -m venv --clear $(VENV); }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	@$(BIN)/pip install --quiet --group build
	@touch $@

$(VENV)/.tools: $(VENV)/.python
	@echo "Installing the tools for tests and checks"
	@$(BIN)/pip install --quiet --group test --group lint
	@touch $@

$(VENV)/.built-release $(VENV)/.built-dev: $(VENV)/.python $(CODE)
	@echo "Building fortepiano ($(PROFILE)); the first time this takes a minute or two"
	@rm -f $(VENV)/.built-*
	@PIP_QUIET=1 $(MATURIN) develop --quiet --profile $(PROFILE)
	@touch $@
