# Everything runs in $(VENV), which the first target makes and later ones reuse:
# `make demo` or `make test` on a fresh clone is all the set-up there is.

PYTHON ?= python3
VENV ?= .venv
FUZZ_SECONDS ?= 60
PYTEST_ARGS ?=
# For example BENCH_ARGS=--quick, or --markdown table.md --svg chart.svg
BENCH_ARGS ?=
# For example SERVICE_ARGS=--quick, or --only soak --seconds 600
SERVICE_ARGS ?=

bin := $(VENV)/bin
dev := $(VENV)/.dev-installed
# What an editable install must be made again for: the dependencies and the scripts are stated there.
project := pyproject.toml

# The parts, by pytest-benchmark; compare.py and service.py measure whole processes.
parts := $(wildcard benchmarks/test_*.py)

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-servers check bench contexts strangers fuzz fuzz-install vectors clean

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1#\2/p' $(MAKEFILE_LIST) | awk -F'#' '{ printf "%-20s%s\n", $$1, $$2 }'

demo: $(dev) ## make a key, seal real files, change who may open them, get every byte back
	@PATH="$(abspath $(bin)):$$PATH" bash examples/demo.sh

test: $(dev) ## run every test
	@$(bin)/python -m pytest -n auto $(PYTEST_ARGS)

server_suites := tests/library $(addprefix tests/service/test_, $(addsuffix .py, api_keys containers decode download \
	drm events idempotency lists log pq release tags who_opens))

test-servers: $(dev) ## run the suites of library and service on PostgreSQL and S3 (see .ci/servers)
	@TERA_TEST_ON=servers $(bin)/python -m pytest -n auto $(server_suites) -k 'not password and not keystore' $(PYTEST_ARGS)

check: $(dev) ## lint, formatting, types, and which module may import which
	@$(bin)/ruff check .
	@$(bin)/ruff format --check .
	@$(bin)/mypy --strict
	@$(bin)/python -m pytest tests/test_layers.py

bench: $(VENV)/.bench-installed ## measure tera beside cat, age, openssl, gpg and the Python peers, and the service
	@[ -z "$(parts)" ] || $(bin)/python -m pytest $(parts) -o addopts= -q --import-mode=importlib \
		--benchmark-only --benchmark-columns=median,iqr,ops
	@$(bin)/python benchmarks/compare.py $(BENCH_ARGS)
	@$(bin)/python -m benchmarks.service $(SERVICE_ARGS)

contexts: $(dev) ## a million random requests: does each rule decide as its text says
	@TERA_CONTEXTS=1000000 $(bin)/python -m pytest tests/policy/test_evaluate.py tests/policy/test_rule_vectors.py -k many_random_contexts

strangers: $(dev) ## what strangers may send to the service, and being killed while it works, many times over
	@TERA_OPENAPI_EXAMPLES=200 TERA_KILLS=300 $(bin)/python -m pytest -n auto tests/service/test_openapi.py \
		tests/service/test_killed.py -k "strangers or killed"

fuzz: fuzz-install ## run the fuzz targets for FUZZ_SECONDS (60) in all
	@$(bin)/python -m fuzz.run --seconds $(FUZZ_SECONDS)

fuzz-install: $(VENV)/.fuzz-installed

vectors: $(dev) ## make the specification's vectors and worked example again
	@$(bin)/python -m spec.vectors.generate
	@$(bin)/python -m spec.vectors.policy.generate
	@$(bin)/python -m spec.vectors.rules.generate
	@$(bin)/python -m spec.vectors.audit.generate
	@$(bin)/python -m spec.vectors.release.generate
	@$(bin)/python -m spec.vectors.example

clean: ## remove the environment, the caches and what runs have left
	rm -rf $(VENV) .benchmarks .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist fuzz/out
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(bin)/python:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("tera needs Python 3.11 or newer: make PYTHON=python3.12 …")'
	@echo "making $(VENV) (once)"
	@$(PYTHON) -m venv $(VENV)

$(dev): $(project) | $(bin)/python
	@echo "installing tera and its tools into $(VENV) (once)"
	@$(bin)/python -m pip install -q -e '.[dev]'
	@touch $@

$(VENV)/.bench-installed: $(dev)
	@$(bin)/python -m pip install -q -e '.[bench]'
	@touch $@

$(VENV)/.fuzz-installed: $(dev)
	@$(bin)/python -m pip install -q -e '.[fuzz]'
	@touch $@
