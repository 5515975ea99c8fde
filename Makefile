# Everything a newcomer needs: `make bench` and `make test`. Developers' sessions are in noxfile.py.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# PyTorch brings its libraries for NVIDIA's GPUs, JAX needs an extra. TensorFlow's are of CUDA 12 and
# would replace PyTorch's of CUDA 13: keras-cuda needs an environment of its own.
comma := ,
EXTRAS ?= all$(if $(shell nvidia-smi -L 2>/dev/null),$(comma)jax-cuda)

.PHONY: bench test promises install clean

bench: $(VENV)/.installed
	@$(BIN)/gan-bench run $(BENCH_ARGS); status=$$?; \
	if [ $$status -gt 1 ]; then exit $$status; fi; \
	$(BIN)/gan-bench report && exit $$status  # a report also where a row is not ok: it says why

PYTEST := $(BIN)/python -m pytest --dist worksteal --numprocesses

test: $(VENV)/.installed-dev
	$(PYTEST) 2 -m "not long" $(TEST_ARGS)

# What takes longer to test: Slurm, kills, every implementation. Many of these tests wait for a limit
# or a scheduler, so two processors have time for three.
promises: $(VENV)/.installed-dev
	$(PYTEST) 3 -m long $(TEST_ARGS)

install: $(VENV)/.installed-dev

# What is installed already stays, so each of the two commands only adds what it needs.
INSTALL = $(PYTHON) -m venv $(VENV) && \
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable

$(VENV)/.installed: pyproject.toml constraints.txt
	$(INSTALL) '.[$(EXTRAS)]'
	touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt
	$(INSTALL) '.[$(EXTRAS),dev]'
	touch $(VENV)/.installed $@

clean:
	rm -rf $(VENV) .nox build dist
