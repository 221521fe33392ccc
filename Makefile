# Each target works on a fresh machine with Python 3.11+, git and make.
PYTHON ?= python3
STUDY ?= studies/quickstart
IMPROVE ?= studies/improve
BIN := .venv/bin

export OMP_NUM_THREADS ?= 1
# Sources are compiled once, not anew in each of the processes that the tests start.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: install quickstart improve-demo test lint bench clean

install: .venv/installed

# What pip would compile one after another, some 18,000 files, is compiled by two processes.
.venv/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("proveout needs Python 3.11 or later and $(PYTHON) is %d.%d; name one: make PYTHON=python3.12" % sys.version_info[:2])'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --no-compile -c constraints.txt -e '.[torch,dev]'
	PYTHONWARNINGS=ignore $(BIN)/python -m compileall -qq -j 2 -x '/tests?/' .venv/lib src || true
	touch $@

quickstart: install
	test -e $(STUDY)/study.toml || $(BIN)/proveout init $(STUDY)
	$(BIN)/proveout run $(STUDY)

improve-demo: install
	test -e $(IMPROVE)/improve.toml || $(BIN)/proveout improve $(IMPROVE) --init --key demo-1
	$(BIN)/proveout improve $(IMPROVE)

test: install
	$(BIN)/python -m pytest -n 2 --dist worksteal

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: install
	$(BIN)/python benchmarks/overhead.py
	$(BIN)/python benchmarks/command_line.py

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache
