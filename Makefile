# make run    install and run the whole pipeline          make run ARGS="--source builtin --limit 20"
# make test   install and run the tests                   make test ARGS="-k perplexity"
# make check  format, lint, types, import contracts, tests: what CI runs
# make table  prune, save and reload every method on every architecture: docs/METHOD_TABLE.md; three minutes
# make lock   write requirements.lock and environment.yml anew after a change of versions in pyproject.toml

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CODE := hub pipeline pictures store model_extract data_processing pruning analysis tests benchmarks tools run_pipeline.py
INSTALLED := $(VENV)/.installed

.PHONY: run test check format lint types contracts table lock

run: $(INSTALLED)
	$(BIN)/python run_pipeline.py --all $(ARGS)

test: $(INSTALLED)
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder $(ARGS)

check: format lint types contracts test

format: $(INSTALLED)
	$(BIN)/ruff format --check $(CODE)

lint: $(INSTALLED)
	$(BIN)/ruff check $(CODE)
	$(BIN)/hadolint Dockerfile

types: $(INSTALLED)
	$(BIN)/pyright

contracts: $(INSTALLED)
	$(BIN)/lint-imports

table: $(INSTALLED)
	$(BIN)/python -m tests.pruning.method_table

lock: $(INSTALLED)
	$(BIN)/python -m tools.lock

$(INSTALLED): requirements.lock
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if v >= (3, 11) else f"expected Python 3.11 or newer, got {v.major}.{v.minor}; give another: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --requirement requirements.lock
	touch $@
