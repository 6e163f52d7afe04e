# make run    install what running needs, run it all      make run ARGS="--source builtin --workers 1"
# make test   install tools and extras too, run the tests make test ARGS="-k perplexity"
# make check  format, lint, types, import contracts, workflows, tests: what CI runs
# make browser  install the Chromium that the web page is tested in, where that is allowed; make test does so, too
# make table  prune, save and reload every method on every architecture: docs/METHOD_TABLE.md; three minutes
# make lock   write both lock files and environment.yml anew after a change of versions in pyproject.toml

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CODE := hub pipeline uncertainty pictures store model_extract data_processing pruning analysis tests benchmarks tools run_pipeline.py
# Some images forbid Python to keep what it compiled: each of some hundred processes would compile this project again.
export PYTHONDONTWRITEBYTECODE :=
INSTALLED := $(VENV)/.installed
TOOLS := $(VENV)/.tools

.PHONY: run test browser check format lint types contracts workflows table lock

run: $(INSTALLED)
	$(BIN)/python run_pipeline.py --all $(ARGS)

test: $(TOOLS) browser
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder $(ARGS)

browser: $(TOOLS)
	$(BIN)/python -m tools.browser

check: format lint types contracts workflows test

format: $(TOOLS)
	$(BIN)/ruff format --check $(CODE)

lint: $(TOOLS)
	$(BIN)/ruff check $(CODE)
	$(BIN)/hadolint Dockerfile

types: $(TOOLS)
	$(BIN)/pyright

contracts: $(TOOLS)
	$(BIN)/lint-imports

workflows: $(TOOLS)
	$(BIN)/yamllint --strict .github .yamllint
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/zizmor --offline --persona pedantic --strict-collection --no-progress .github
	$(BIN)/shellcheck --enable all --severity style .ci/run scripts/slurm/*.sh

table: $(TOOLS)
	$(BIN)/python -m tests.pruning.method_table

lock: $(TOOLS)
	$(BIN)/python -m tools.lock

$(INSTALLED): requirements.lock
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if v >= (3, 11) else f"expected Python 3.11 or newer, got {v.major}.{v.minor}; give another: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --requirement requirements.lock
	touch $@

$(TOOLS): requirements-dev.lock $(INSTALLED)
	$(BIN)/pip install --quiet --disable-pip-version-check --requirement requirements-dev.lock
	touch $@
