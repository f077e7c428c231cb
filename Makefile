# make demo   set up, then check a held-out scan end to end on synthetic images
# make test   set up, then run the tests
# make lint   style and types        make bench   the performance targets, as ratios
# make demo COHORT=folder            the demo on your own images

PYTHON ?= python3.11
VENV ?= .venv
OUT ?= demo_output
COHORT ?=
PYTEST_FLAGS ?=
TEST_PROCESSES ?= 2

ifeq ($(shell command -v $(PYTHON) 2>/dev/null),)
PYTHON := python3
endif

BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test lint bench serve clean help
.DEFAULT_GOAL := help

help:
	@sed -n 's/^# \{0,1\}//p' Makefile

$(READY): pyproject.toml constraints.txt
	@echo "==> Making the virtual environment $(VENV) (a few minutes and about 8 GB the first time)"
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(v < (3, 11) and "Python 3.11 or newer is needed, this is %d.%d; name another with: make PYTHON=/path/to/python3.11" % v)'
	@$(PYTHON) -m venv $(VENV) || (echo "Python's venv module is missing; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1)
	@echo "==> Installing the tested set of packages from constraints.txt"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[app,harness,dev]'
	@touch $(READY)

demo: $(READY)
	@echo "==> Checking a held-out scan end to end"
	@PATH="$(abspath $(BIN)):$$PATH" $(BIN)/reid-engine demo --out "$(OUT)" $(if $(COHORT),--cohort "$(COHORT)")

test: $(READY)
	@echo "==> Running the tests"
	@PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadfile $(PYTEST_FLAGS)

lint: $(READY)
	@echo "==> Checking style and types"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: $(READY)
	@echo "==> Measuring against the plain alternatives"
	@PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python benchmarks/run.py

clean:
	rm -rf $(VENV) demo_output bench_output
