# make demo         set everything up and run the main job on the embedded default
# make test         set everything up, lint and run the tests (TESTS=tests/models: these only)
# make kits         foundry kits, VACASK and Triton, without which the tests of other technologies, of the second
#                   simulator and of the GPU's kernels are skipped
# make test-latest  the tests with the newest allowed versions of the dependencies, in .venv-latest, every warning an
#                   error
# make constraints  write constraints.txt, the versions that the other targets install, from the newest allowed ones
#
# Everything can be interrupted and run again: a finished step leaves a stamp in .venv and is not repeated.

PYTHON      ?= python3
VENV        := .venv
BIN          = $(VENV)/bin
STAMPS       = $(VENV)/stamps
# Empty for the newest allowed versions.
CONSTRAINTS := constraints.txt
TESTS       ?=
WORKERS     ?= $(shell sh tools/workers.sh)

# One test process per core, one thread in each: more threads than cores wait for each other.
PYTEST = OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/pytest -q -n $(WORKERS) --dist worksteal

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test test-all test-latest lint kernels setup kits constraints shipped benchmark clean
.DELETE_ON_ERROR:

demo: setup
	$(BIN)/gaincell demo

test: lint kernels
	$(PYTEST) -m "not slow" $(TESTS)

test-all: lint kernels
	$(PYTEST) $(TESTS)

test-latest: VENV := .venv-latest
test-latest:
	$(MAKE) VENV=$(VENV) CONSTRAINTS= TORCH="torch>=2.13" TRITON="triton>=3.7" setup $(if $(TESTS),,kits)
	$(PYTEST) -W error -m "not slow" $(TESTS)
	$(BIN)/ruff check .

# One build for all test processes, which would wait for it.
kernels: setup
	@$(BIN)/python -m gaincell.cosim.attention.kernels.cpp.build

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

constraints:
	@sh tools/constraints.sh $(PYTHON) constraints.txt

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

$(STAMPS)/gaincell: pyproject.toml $(CONSTRAINTS) | $(STAMPS)/torch
	@sh tools/setup.sh packages $(BIN)/python $(CONSTRAINTS)
	@touch $@

# What is newest changes while no file here does.
ifeq ($(CONSTRAINTS),)
.PHONY: $(STAMPS)/gaincell
endif

$(STAMPS)/kits: tools/setup.sh | $(STAMPS)/gaincell
	@sh tools/setup.sh kits $(BIN)/python
	@touch $@

$(STAMPS)/triton: tools/setup.sh | $(STAMPS)/gaincell
	@sh tools/setup.sh triton $(BIN)/python
	@touch $@

clean:
	rm -rf $(VENV) .venv-latest build *.egg-info .pytest_cache .ruff_cache .hypothesis
