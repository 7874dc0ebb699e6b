# make demo   set everything up and run the main job on the embedded default
# make test   set everything up, lint and run the tests
# make kits   foundry kits and Triton, without which the tests of other technologies and of the GPU's kernels are
#             skipped
#
# Everything can be interrupted and run again: a finished step leaves a stamp in .venv and is not repeated.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMPS := $(VENV)/stamps

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test test-all lint setup kits shipped benchmark clean
.DELETE_ON_ERROR:

demo: setup
	$(BIN)/gaincell demo

test: lint
	$(BIN)/pytest -q -m "not slow"

test-all: lint
	$(BIN)/pytest -q

lint: setup
	$(BIN)/ruff check .

# Regenerates the tables and the hardware that ship with the package (docs/reproduce.md): half an hour on two cores.
shipped: setup
	$(BIN)/gaincell characterize --plan full --out out/tables
	$(BIN)/gaincell fit out/tables --out models/shipped/generic28
	mkdir -p characterization/tables/generic28
	cp out/tables/*.parquet out/tables/manifest.json characterization/tables/generic28/
	$(BIN)/gaincell characterize --plan signed --out out/signed
	$(BIN)/gaincell fit out/signed --out models/shipped/generic28-sc --name generic28-sc

benchmark: setup
	$(BIN)/python benchmarks/runner.py --core 0
	$(BIN)/python benchmarks/scale.py
	$(BIN)/python benchmarks/attention.py
	$(BIN)/python benchmarks/training.py
	$(BIN)/python benchmarks/generation.py

setup: $(STAMPS)/system $(STAMPS)/gaincell

kits: $(STAMPS)/kits $(STAMPS)/triton

$(STAMPS)/system: tools/setup.sh | $(STAMPS)/venv
	@sh tools/setup.sh system
	@touch $@

$(STAMPS)/venv:
	@sh tools/setup.sh venv $(PYTHON) $(VENV)
	@mkdir -p $(STAMPS)
	@touch $@

$(STAMPS)/torch: | $(STAMPS)/venv
	@sh tools/setup.sh torch $(BIN)/python
	@touch $@

$(STAMPS)/gaincell: pyproject.toml | $(STAMPS)/torch
	@echo "setup: gaincell and its dependencies" >&2
	@$(BIN)/python -m pip install --quiet --progress-bar off -e ".[all,dev]"
	@touch $@

$(STAMPS)/kits: tools/setup.sh | $(STAMPS)/gaincell
	@sh tools/setup.sh kits $(BIN)/python
	@touch $@

$(STAMPS)/triton: tools/setup.sh | $(STAMPS)/gaincell
	@sh tools/setup.sh triton $(BIN)/python
	@touch $@

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .ruff_cache .hypothesis
