# One definition of clean: `make check` is what a person, the pre-commit hook and CI run.
# On a fresh machine `make demo` and `make test` need Python >= 3.11 and nothing else.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= auto
SIZE ?= small
TARGET ?= all
PARTS ?= 0-99
INTO ?= soak.jsonl
UV ?= uv
export PYTHON

# Only what the lock names, only if its hash is right, and nothing that runs code to be installed.
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
LOCKED := --require-hashes --only-binary :all:
# The project itself is built by the locked backend, with nothing fetched.
PROJECT := --no-deps --no-build-isolation --editable .

VENV_MADE := $(VENV)/.made
RUNTIME_READY := $(VENV)/.runtime-ready
TEST_READY := $(VENV)/.test-ready
MUTANTS_READY := $(VENV)/.mutants-ready

.PHONY: help demo test test-postgres check lint format docs tables bench mutants soak lock dist clean

help: ## Show the targets
	@sed -nE 's/^([a-z-]+):[^#]*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 23

demo: $(RUNTIME_READY) ## Install and bill one customer over a month's end
	@tools/demo.sh "$(BIN)/planctl"

test: $(TEST_READY) ## Install and run all tests
	$(BIN)/python -m pytest -n $(WORKERS)

# TESTS names a part of them: make test-postgres TESTS="tests/store tests/mission"
test-postgres: $(TEST_READY) ## Run all tests with every store on PostgreSQL (needs its programs)
	PLANCTL_TEST_STORE=postgresql $(BIN)/python -m pytest -n $(WORKERS) $(TESTS)

check: lint test ## Everything that must be clean before a change is done

lint: $(TEST_READY) ## Formatting, rules, types and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: $(TEST_READY) ## Format and mend what can be mended by itself
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(TEST_READY) ## Write the pages of docs/reference from the program
	$(BIN)/python tools/write-reference.py docs/reference/cli.md
	$(BIN)/python -m planctl.views.codes > docs/reference/codes.md.new
	mv docs/reference/codes.md.new docs/reference/codes.md
	$(BIN)/python tools/write-licences.py
	$(BIN)/python tools/write-faults.py

tables: $(RUNTIME_READY) ## Write planctl/store/tables.py from the schema
	$(BIN)/python tools/write-tables.py

# Minutes; make bench SIZE=full takes an hour or two, at the sizes that the targets are for.
bench: $(TEST_READY) ## Measure every target, beside a raw floor or a peer (SIZE=full)
	$(BIN)/python -m benchmarks.run --size $(SIZE)

# make mutants MODULE=core/money runs one module; without MODULE all of tools/mutants.toml, which takes an hour or more.
mutants: $(MUTANTS_READY) ## Break the modules that decide amounts, and count which breaks the tests notice
	WORKERS=$(or $(filter-out auto,$(WORKERS)),1) $(BIN)/python tools/mutants.py $(MODULE)

# Hours; a part that INTO has already is not run again: make soak TARGET=crash PARTS=0-9
soak: $(TEST_READY) ## The long sizes of what docs/reliability.md tells (TARGET=crash PARTS=0-9 INTO=soak.jsonl)
	$(BIN)/python -m tests.reliability.soak --target $(TARGET) --parts $(PARTS) --into $(INTO)
	[[ $(TARGET) != all ]] || HYPOTHESIS_PROFILE=soak $(BIN)/python -m pytest -n $(WORKERS) tests/properties

# `make lock UPGRADE=--upgrade` takes newer versions; without it the locked ones stay where they fit.
COMPILE = $(UV) pip compile --quiet --generate-hashes --no-emit-index-url --universal --python-version 3.11 \
	--custom-compile-command "make lock" $(UPGRADE)

lock: ## Rewrite requirements/*.txt from pyproject.toml and requirements/*.in (needs uv)
	$(COMPILE) pyproject.toml -o requirements/runtime.txt
	$(COMPILE) requirements/build.in -c requirements/runtime.txt -o requirements/build.txt
	$(COMPILE) pyproject.toml requirements/test.in --extra all -c requirements/runtime.txt -c requirements/build.txt \
		-o requirements/test.txt
	$(COMPILE) pyproject.toml --extra all -c requirements/test.txt -o requirements/all.txt
	$(COMPILE) requirements/release.in -c requirements/test.txt -o requirements/release.txt
	$(COMPILE) requirements/mutants.in -c requirements/test.txt -o requirements/mutants.txt

dist: $(RUNTIME_READY) ## Build what is released: wheel (twice, compared), source, bill of materials, checksums
	@tools/dist.sh "$(abspath $(BIN)/python)"

clean: ## Remove the environment and everything the tools left
	rm -rf $(VENV) .venv-release .mutants build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find planctl tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV_MADE): tools/find-python.sh
	python="$$(tools/find-python.sh)"; "$$python" -m venv $(VENV)
	@touch $@

$(RUNTIME_READY): $(VENV_MADE) requirements/runtime.txt requirements/build.txt pyproject.toml planctl/__init__.py
	$(PIP_INSTALL) $(LOCKED) -r requirements/runtime.txt -r requirements/build.txt
	$(PIP_INSTALL) $(PROJECT)
	@touch $@

$(TEST_READY): $(RUNTIME_READY) requirements/test.txt
	$(PIP_INSTALL) $(LOCKED) -r requirements/test.txt
	@touch $@

$(MUTANTS_READY): $(TEST_READY) requirements/mutants.txt
	$(PIP_INSTALL) $(LOCKED) -r requirements/mutants.txt
	@touch $@
