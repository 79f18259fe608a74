# Everything that is done with this tree, at the desk and in CI. `make help` lists the targets.
#
#   PYTHON   the interpreter to make the virtual environment from; else the newest one found. A wheel is
#            for one version of Python: `make wheel PYTHON=python3.13` builds the one of 3.13.
#   VENV     where that environment is: `make test PYTHON=python3.13 VENV=.venv-3.13`
#   WORKERS  how many processes test at the same time; 0: one, as for a debugger
#   PROFILE  how Rust is compiled: release, or dev with overflow checks and debug assertions
#   NODES    how many nodes each server of the conformance suite is: `make conformance NODES=3`
#   ARGS     more arguments for the command of a target: `make serve ARGS="--port 9000"`
VENV    ?= .venv
DIST    ?= dist
PROFILE ?= release
WORKERS ?= 2
NODES   ?= 1

BIN := $(VENV)/bin
CODE := pyproject.toml $(wildcard ext/*) $(shell find rust \( -name target -o -path rust/load \) \
    -prune -o \( -name '*.rs' -o -name 'Cargo.*' \) -print)
# pyo3's build script must find the interpreter that has Cython, whichever cargo command runs it.
export PYO3_PYTHON := $(abspath $(BIN))/python
CARGO_FLAGS := --manifest-path rust/Cargo.toml
MATURIN := VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/maturin
SAMPLES := $(BIN)/python scripts/samples.py
# The part of a wheel's name that says which Python the wheel is for, such as cp311.
TAG = $$($(BIN)/python -c 'import sys; print("cp%d%d" % sys.version_info[:2])')
VERSION := import sys; print("%d.%d" % sys.version_info[:2])

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.DELETE_ON_ERROR .NOTPARALLEL .SUFFIXES:
# Every target with a help text is a command, not a file.
.PHONY: $(shell awk -F: '/^[a-z0-9-]+:.*\#\# / { print $$1 }' $(firstword $(MAKEFILE_LIST)))

# The tests that need no program but the server itself.
INNER_TESTS := tests/unit tests/native tests/conformance
ALL_BUT_LONG := -m "not slow and not ops and not cluster"
# Tests wait for servers half of the time; those of one file share what they start.
SIDE_BY_SIDE := $(ALL_BUT_LONG) -n $(WORKERS) --dist loadfile
# A folder may hold none of the tests that ARGS asks for: pytest exits with 5.
OR_NONE := $(if $(ARGS),|| [ $$? -eq 5 ])
# The modules whose tests Miri can run: others make system calls that Miri does not know, or have
# tables too large for it.
MIRI_TESTS := wire:: slots:: $(addprefix limits::,meter quota throttle time_limit token_bucket) \
    $(addprefix net::,address bans network::) hub::room_log hub::client
# The package that `make smoke` installs: the wheel in dist/ that fits the interpreter.
INSTALL ?= --no-index --no-deps --only-binary :all: --find-links $(DIST) fortepiano
LOCK := $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
    --no-annotate --custom-compile-command "make lock"
# The link is part of _core's file: native.py has to load it before stubtest looks for it.
STUBTEST := import sys, fortepiano.native; from mypy import stubtest; sys.exit(stubtest.main())

##@ Use
serve: build ## Build the release wheel and serve http://localhost:8080, data in ./data
	@$(SAMPLES) || true
	@exec $(BIN)/fortepiano serve $(ARGS)
test: lint types test-native test-python ## Run everything: lint, types, cargo test, pytest

##@ Build
build: $(VENV)/.built-$(PROFILE) ## Build the wheel (PROFILE=release) and install it, Python editable
	@:
dev: ## Make ready to work: all tools, and a debug build with its checks
	@$(MAKE) PROFILE=dev build $(VENV)/.tools
samples: $(VENV)/.python ## Fetch what the page takes from npm: the recorded piano (5.6 MB), two libraries
	@$(SAMPLES)

# Another Python gets an environment of its own, since the build needs Cython there.
wheel: $(VENV)/.python ## Build the release wheel into dist/, beside those of other Pythons
	@python=$$(scripts/doctor python $(or $(PYTHON),$(PYO3_PYTHON))); \
	version=$$($$python -c '$(VERSION)'); \
	if [ "$$version" = "$$($(BIN)/python -c '$(VERSION)')" ]; then $(MAKE) wheel-of-venv; \
	else $(MAKE) wheel-of-venv PYTHON=$$python VENV=$(VENV)-$$version; fi
.PHONY: wheel-of-venv
wheel-of-venv: $(VENV)/.python
	@rm -f $(DIST)/fortepiano-*-$(TAG)-*.whl
	@$(SAMPLES) || [ "$${CI:-}" != true ]
	$(MATURIN) build --release --out $(DIST) --interpreter $(PYO3_PYTHON)
sdist: $(VENV)/.python ## Build the source distribution into dist/
	@rm -f $(DIST)/*.tar.gz
	@$(SAMPLES) || [ "$${CI:-}" != true ]
	$(MATURIN) sdist --out $(DIST)
package: wheel sdist ## Build wheel and sdist, and hold a wheel made of the sdist against the first
	@rm -rf build/from-sdist
	CARGO_TARGET_DIR=$${CARGO_TARGET_DIR:-$(abspath rust/target)} env -u PYO3_PYTHON \
	    $(BIN)/pip wheel --quiet --no-deps --wheel-dir build/from-sdist $(DIST)/fortepiano-*.tar.gz
	@tag=$(TAG); \
	names() { $(BIN)/python -m zipfile -l $$1/fortepiano-*-$$tag-*.whl | awk '{ print $$1 }' | sort; }; \
	diff <(names $(DIST)) <(names build/from-sdist) && echo "The sdist builds into the same wheel."

##@ Check
lint: $(VENV)/.tools ## Check style and formatting of Python, Cython, Rust and the workflows
	@scripts/doctor rustfmt
	$(BIN)/ruff check --quiet
	$(BIN)/ruff format --check --quiet
	$(BIN)/python scripts/lint/prose.py
	$(BIN)/pylint python/fortepiano
	$(BIN)/cython-lint --no-pycodestyle ext/_link.pyx
	$(BIN)/pycodestyle ext
	$(BIN)/hadolint deploy/container/Containerfile
	cargo fmt $(CARGO_FLAGS) --all --check
	cargo clippy $(CARGO_FLAGS) --locked --quiet --workspace --all-targets -- -D warnings
	@if missing=$$(scripts/doctor cargo-deny 2>&1); then \
	    for manifest in rust/Cargo.toml rust/fuzz/Cargo.toml; do cargo deny --log-level error \
	        --config rust/deny.toml --manifest-path $$manifest --locked check bans licenses sources; \
	    done; \
	else echo "$$missing: the licences of dependencies were not checked" >&2; fi
	cargo fmt --manifest-path rust/fuzz/Cargo.toml --check
	cargo clippy --manifest-path rust/fuzz/Cargo.toml --locked --quiet --bins -- -D warnings
	@if missing=$$(scripts/doctor actionlint 2>&1); then actionlint; \
	else echo "$$missing: the workflows were not checked" >&2; fi

types: build $(VENV)/.tools ## Check the types, and the stubs against the binary
	$(BIN)/mypy
	$(BIN)/pyright
	$(BIN)/python -c '$(STUBTEST)' fortepiano._core fortepiano._link \
	    --allowlist tests/typing/stubtest-allowlist.txt
	@if missing=$$(scripts/doctor npm 2>&1); then $(MAKE) page-types; \
	else echo "$$missing: the page's types were not checked" >&2; [ "$${CI:-}" != true ]; fi
page-types: tests/browser/node_modules/.package-lock.json ## Check the types of the page's scripts
	tests/browser/node_modules/.bin/tsc -p tests/browser

test-native: ## Run the tests of the Rust core and of the load generator; needs no Python
	@scripts/doctor rust
	cargo test $(CARGO_FLAGS) --locked --quiet -p fortepiano-core -p fortepiano-load
test-python: build $(VENV)/.tools ## Run the tests of Python, of the protocol, with bots and a browser
	@$(SAMPLES) || [ "$${CI:-}" != true ]
	$(BIN)/pytest $(SIDE_BY_SIDE) --ignore tests/browser $(ARGS) $(OR_NONE)
	@$(MAKE) test-browser
test-inner: build $(VENV)/.tools ## Run the tests that need no program but the server itself
	$(BIN)/pytest $(SIDE_BY_SIDE) $(INNER_TESTS) $(ARGS)
test-e2e: build $(VENV)/.tools ## Run the tests with whole servers, people's bots and a browser
	@$(SAMPLES) || [ "$${CI:-}" != true ]
	$(BIN)/pytest $(SIDE_BY_SIDE) tests/e2e tests/clients $(ARGS) $(OR_NONE)
	@$(MAKE) test-browser
test-clients: build $(VENV)/.tools ## Run the tests with the clients that people use
	$(BIN)/pytest $(SIDE_BY_SIDE) tests/clients $(ARGS) $(OR_NONE)
test-browser: build $(VENV)/.tools ## Run the tests with a browser, which needs both of two cores
	@$(SAMPLES) || [ "$${CI:-}" != true ]
	$(BIN)/pytest $(ALL_BUT_LONG) tests/browser $(ARGS) $(OR_NONE)
conformance: build $(VENV)/.tools ## Run the conformance suite and print its table (NODES=3: on three nodes)
	$(BIN)/pytest tests/conformance --conformance-table --nodes $(NODES) $(ARGS)

test-autobahn: build $(VENV)/.tools ## Run Autobahn's test suite (CASES="9": long messages)
	@if missing=$$(scripts/doctor python2.7 2>&1 >/dev/null); then scripts/autobahn $(BIN)/python; \
	else echo "$$missing" >&2; fi
	FORTEPIANO_AUTOBAHN="$(CASES)" $(BIN)/pytest -m slow tests/autobahn $(ARGS)
test-slow: build $(VENV)/.tools ## Run the slow tests, and the random ones with many more examples
	FORTEPIANO_HYPOTHESIS=slow $(BIN)/pytest --timeout 1800 tests/native $(ARGS)
	$(BIN)/pytest -m slow $(ARGS) || [ $$? -eq 5 ] # 5: there is none
test-faults: build $(VENV)/.tools ## Run the slow tests of faults and attacks: kill -9, locked disks, Redis, storms
	$(BIN)/pytest -m slow tests/faults tests/attacks $(ARGS)
test-cluster: build $(VENV)/.tools ## Run the tests of several nodes, and the conformance suite on two
	$(BIN)/pytest -m "cluster and not slow" tests/cluster $(ARGS) $(OR_NONE)
	$(BIN)/pytest $(SIDE_BY_SIDE) tests/conformance --nodes 2 $(ARGS) $(OR_NONE)
test-cluster-long: build $(VENV)/.tools ## Run the tests of several nodes that take too long for each change
	$(BIN)/pytest -m "cluster and slow" tests/cluster $(ARGS)
test-ops: build $(VENV)/.tools ## Run the longer tests of operating a server
	$(BIN)/pytest -m ops $(ARGS)
test-pauses: build $(VENV)/.tools ## Connect and close 10 000 clients for SECONDS (600): pauses
	FORTEPIANO_PAUSES_SECONDS=$(or $(SECONDS),600) $(BIN)/pytest tests/e2e/test_garbage_pauses.py -s
test-soak: build $(VENV)/.tools ## Use a server in every way for SECONDS (1200): memory, lost notes
	FORTEPIANO_SOAK_SECONDS=$(or $(SECONDS),1200) $(BIN)/pytest -m ops tests/soak -s $(ARGS)
soak-cluster: build $(VENV)/.tools ## Kill a node every 20 s for SECONDS (1200) under people who play
	FORTEPIANO_SOAK_SECONDS=$(or $(SECONDS),1200) $(BIN)/pytest -m ops tests/soak/test_cluster_soak.py -s $(ARGS)
test-fuzz: ## Fuzz the native core for FUZZ_SECONDS (60) a target (TARGETS="frames room_log")
	@scripts/doctor rust cc
	@scripts/fuzz $(or $(FUZZ_SECONDS),60) $(TARGETS)
# One test measures the size of the process, which the sanitizer trebles.
test-asan: build $(VENV)/.tools ## Run the native tests and the protocol's under AddressSanitizer
	@scripts/doctor rust-nightly cc
	scripts/sanitize $(BIN)/python $(SIDE_BY_SIDE) -k "not fit_into_20_mb" tests/native \
	    tests/conformance $(ARGS)
test-miri: ## Run the tests of the core's plain data under Miri
	@scripts/doctor miri
	PROPTEST_CASES=4 MIRIFLAGS=-Zmiri-disable-isolation cargo +nightly miri test $(CARGO_FLAGS) \
	    --locked --quiet -p fortepiano-core --lib -- $(MIRI_TESTS)
lock: $(VENV)/.python ## Write down the newest packages that fit, with hashes, for the container
	@$(BIN)/pip install --quiet --group lock
	$(LOCK) pyproject.toml -o deploy/container/requirements.txt
	$(LOCK) --group build -o deploy/container/build-requirements.txt
audit: build $(VENV)/.tools ## Look for known faults in the packages that this tree uses; needs the network
	@scripts/doctor cargo-audit cargo-deny
	cargo audit --file rust/Cargo.lock
	cargo deny --config rust/deny.toml $(CARGO_FLAGS) --locked check advisories
	$(BIN)/pip install --quiet pip-audit && $(BIN)/pip-audit --skip-editable

test-pythons: ## Build and test with each other Python (3.11 to 3.14) of this machine
	@MAKE="$(MAKE)" VENV=$(VENV) scripts/test-pythons
smoke: ## Install the wheel of dist/ where nothing else is, and run it (INSTALL=. for the tree)
	@python=$$(scripts/doctor python $(PYTHON)); scripts/smoke $$python $(INSTALL)
test-wheel: smoke ## Run the tests on the wheel of dist/, installed where nothing else is
	build/clean/bin/pip install --quiet --group test
	build/clean/bin/pytest $(SIDE_BY_SIDE) $(INNER_TESTS) tests/e2e tests/clients $(ARGS)

##@ Measure
load: ## Load the server of `make serve` with people (ARGS="play --clients 200 --port 9000")
	@scripts/doctor rust
	@[ -x rust/target/release/fortepiano-load ] || echo "Building the load generator: about a minute"
	@cargo run $(CARGO_FLAGS) --locked --quiet --release -p fortepiano-load -- \
	    $(or $(ARGS),play --seconds 3)
bench: build $(VENV)/.tools ## Measure the inner steps (benchmarks/micro)
	$(BIN)/pytest --benchmark $(ARGS)
bench-compare: $(VENV)/.python ## Compare the inner steps with those of another revision (BASE=main)
	@$(BIN)/python benchmarks/compare.py $(or $(BASE),main) $(ARGS)
bench-nodes: build $(VENV)/.tools ## Measure what a second node costs (benchmarks/nodes.py); needs redis-server
	@cargo build $(CARGO_FLAGS) --locked --quiet --release -p fortepiano-load
	@PYTHONPATH=tests $(BIN)/python benchmarks/nodes.py
bench-load: build $(VENV)/.tools ## Compare whole servers, and write it into benchmarks/README.md (QUICK=1)
	@cargo build $(CARGO_FLAGS) --locked --quiet --release -p fortepiano-load
	@$(BIN)/python benchmarks/load/compare_servers.py $(if $(QUICK),--quick) $(ARGS)

##@ Docs
docs: build ## Make the references in docs/ anew, and other tables, from the code
	@$(BIN)/python scripts/docs/close_code_members.py python/fortepiano/model/close_codes.py
	@$(BIN)/python scripts/docs/protocol_reference.py docs/protocol.md
	@$(BIN)/python scripts/docs/room_settings_reference.py docs/protocol.md
	@$(BIN)/python scripts/docs/settings_reference.py docs/settings.md
	@$(BIN)/python scripts/docs/audit_reference.py docs/administration.md
	@$(BIN)/python scripts/docs/api_reference.py docs/administration.md
	@$(BIN)/python scripts/docs/records_reference.py docs/records.md
	@PYTHONPATH=tests:scripts/docs $(BIN)/python -m support.register docs/clients.md
	@PYTHONPATH=tests:scripts/docs $(BIN)/python -m support.cases docs/conformance.md
annotate: $(VENV)/.python ## Show in build/_link.html where the Cython link calls Python
	@mkdir -p build
	$(BIN)/cython -3 --annotate --module-name fortepiano._link -o build/_link.c ext/_link.pyx
help: ## List the targets
	@awk -F ':.*## ' '/^##@/ { printf "\n%s\n", substr($$0, 5) } \
	    /^[a-z0-9-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

##@ Tidy
fmt: $(VENV)/.tools ## Format Python and Rust, and repair what the linter can
	@scripts/doctor rustfmt
	$(BIN)/ruff check --fix --quiet
	$(BIN)/ruff format --quiet
	cargo fmt $(CARGO_FLAGS) --all
	cargo fmt --manifest-path rust/fuzz/Cargo.toml
clean: ## Remove all that was made here, the environment included; ./data stays
	rm -rf $(VENV) .venv-3.* build dist rust/target rust/fuzz/target .pytest_cache .mypy_cache .ruff_cache
	rm -rf .hypothesis .benchmarks .coverage python/fortepiano/web/{samples,libraries} python/fortepiano/*.so
	rm -rf {tests/clients/npm,tests/browser,benchmarks/load/node-ws}/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps that say how far the environment is; an unchanged tree does nothing here.
$(VENV)/.python: pyproject.toml
	@scripts/doctor rust cc
	@$(BIN)/python --version >/dev/null 2>&1 || { python=$$(scripts/doctor python $(PYTHON)); \
	    echo "Making $(VENV)"; $$python -m venv --clear $(VENV); }
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
tests/browser/node_modules/.package-lock.json: tests/browser/package-lock.json
	@npm ci --prefix tests/browser --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@
