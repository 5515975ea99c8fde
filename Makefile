# Everything a newcomer needs: `make bench` and `make test`. Developers' sessions are in noxfile.py.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# PyTorch brings its libraries for NVIDIA's GPUs, JAX needs an extra. TensorFlow's are of CUDA 12 and
# would replace PyTorch's of CUDA 13: keras-cuda needs an environment of its own.
comma := ,
EXTRAS ?= all,dev$(if $(shell nvidia-smi -L 2>/dev/null),$(comma)jax-cuda)

# A GPU trains all implementations within minutes, two processors a default set.
ALL := $(if $(shell nvidia-smi -L 2>/dev/null),--all)

.PHONY: bench test promises install clean

bench: $(INSTALLED)
	@$(BIN)/gan-bench run $(ALL) $(BENCH_ARGS); status=$$?; \
	if [ $$status -gt 1 ]; then exit $$status; fi; \
	$(BIN)/gan-bench report && exit $$status  # a report also where a row is not ok: it says why

# Two tests at a time: most wait for a process to start.
PYTEST := $(BIN)/python -m pytest --numprocesses 2 --dist worksteal

test: $(INSTALLED)
	$(PYTEST) -m "not long" $(TEST_ARGS)

# What takes longer to test: Slurm, kills, every implementation.
promises: $(INSTALLED)
	$(PYTEST) -m long $(TEST_ARGS)

install: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[$(EXTRAS)]'
	touch $@

clean:
	rm -rf $(VENV) .nox build dist
