# The only commands anyone needs to remember. PYTHON: the interpreter to start from (3.11 or later).
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
TORCH := $(shell grep '^torch==' constraints.txt)

.PHONY: setup run reports bench test lint typecheck format check

setup: $(VENV)/.ready

# torch first and pinned: any other order may resolve to another build of it
$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(TORCH)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev]"
	touch $@

run: setup
	$(BIN)/python -m ablate

# every committed report again, from the files that it keeps; then the index over all of them
reports: setup
	for runs in $(wildcard reports/*/runs.json); do $(BIN)/python -m ablate.report "$${runs%/runs.json}" || exit; done
	$(BIN)/python -m ablate.report --gallery

# a process per core; each takes files in a row, whose tests share their runs, and helps the others at the end
test: setup
	$(BIN)/python -m pytest --numprocesses logical --maxprocesses 8 --dist worksteal

# against peers, in one table: reports/speed; make bench FULL=--full takes an hour
bench: setup
	$(BIN)/python -m benchmarks.speed $(FULL)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

typecheck: setup
	$(BIN)/mypy

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

check: lint typecheck test
