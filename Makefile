# Everything a newcomer needs: `make bench` and `make test`. Developers' sessions are in noxfile.py.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: bench test install clean

bench: $(INSTALLED)
	@$(BIN)/gan-bench run --all $(BENCH_ARGS); status=$$?; \
	if [ $$status -gt 1 ]; then exit $$status; fi; \
	$(BIN)/gan-bench report && exit $$status  # a report also where a row is not ok: it says why

# Two tests at a time: most wait for a process to start.
test: $(INSTALLED)
	$(BIN)/python -m pytest --numprocesses 2 $(TEST_ARGS)

install: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[all,dev]'
	touch $@

clean:
	rm -rf $(VENV) .nox build dist
