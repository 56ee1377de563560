# Two commands do everything: `make demo` runs the published studies, `make test` runs the tests.
# Needs Python 3.11 and a package registry; uses uv where it is found, plain venv and pip where it is not.
SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
PYTHON := $(shell command -v python3.11 || command -v python3)
READY := $(VENV)/.ready

.PHONY: demo test test-cluster lint format clean lock picture
.DEFAULT_GOAL := demo

demo: $(READY)
	$(BIN)/senospine reproduce --out results/demo --overwrite

test: $(READY)
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile

# Dask workers that die: Dask may take minutes to notice
test-cluster: $(READY)
	$(BIN)/python -m pytest -m cluster

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# the pictures of the documents: the mechanism from the model's own equations, the spine from a simulation
picture: $(READY)
	$(BIN)/senospine model show mouse --picture docs/mechanism.svg > /dev/null
	$(BIN)/senospine model map human --picture docs/human-map.svg > /dev/null
	$(BIN)/senospine simulate pan2024-lsi --out results/picture --overwrite --spine docs/spine.png > /dev/null
	$(BIN)/senospine drug profile navitoclax --regimen "150 mg oral daily for 14 days every 21 days, 4 cycles" \
	  --picture docs/disc-profile.png > /dev/null
	$(BIN)/python -c "from senospine.report.disc_figures import draw_accuracy; draw_accuracy('docs/disc-accuracy.svg')"

# hashes, and no address of any registry
lock: $(READY)
	$(BIN)/python -m uv pip compile pyproject.toml --group dev --generate-hashes --universal --python-version 3.11 \
	  --no-header --no-emit-index-url --no-emit-find-links --no-annotate --quiet -o requirements.lock

$(READY): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || \
	  { echo "senospine needs Python 3.11; found $$($(PYTHON) --version) at $(PYTHON)"; exit 1; }
	@if command -v uv >/dev/null 2>&1; then \
	  uv venv --quiet --clear --python $(PYTHON) $(VENV) && \
	  uv pip install --quiet --python $(BIN)/python --no-deps --require-hashes -r requirements.lock && \
	  uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e . ; \
	else \
	  $(PYTHON) -m venv --clear $(VENV) && \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock && \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . ; \
	fi
	@touch $@

clean:
	rm -rf $(VENV) results build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
