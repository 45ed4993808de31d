# Two commands do everything on a fresh machine: `make course`, then `make test`.
# A Python other than the first suitable one on the PATH: make course PYTHON=/path/to/python3.12

SHELL := /bin/sh
VENV := .venv
RUN := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed
NOTEBOOKS := $(wildcard notebooks/*.ipynb)

.PHONY: course test unit nbval lab notebooks check bench weights clean

course: $(INSTALLED)  ## install, then execute every notebook in both languages
	$(RUN) tools/build_notebooks.py --force --output build/course
	@echo
	@echo "Everything ran on this machine. Look:"
	@echo "  executed copies   build/course/*.ipynb (English), build/course/zh/*.ipynb (Chinese)"
	@echo "  to read and try   make lab, then open notebooks/01_verification.ipynb"

test: unit nbval  ## unit tests and doctests, then strict nbval

unit: $(INSTALLED)
	$(RUN) -m pytest -q -n auto --maxprocesses 4 --dist loadfile

nbval: $(INSTALLED)
	$(RUN) -m pytest -q -o addopts= --nbval --nbval-current-env $(NOTEBOOKS)

lab: $(INSTALLED)  ## open the course in JupyterLab
	$(RUN) -m jupyterlab --notebook-dir=.

notebooks: $(INSTALLED)  ## rebuild notebooks/ from notebooks/src (for those who change the course)
	$(RUN) tools/build_notebooks.py

check: $(INSTALLED)  ## style, and whether the notebooks agree with their sources; nothing is executed
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) tools/build_notebooks.py --check

bench: $(INSTALLED)  ## measure, each against its peer in one run; installs the peers (PyTorch: large)
	$(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[bench]"
	$(RUN) -m benchmarks

weights: $(INSTALLED)  ## train what is missing in weights/, then measure every file again
	$(RUN) tools/train_weights.py
	$(RUN) tools/train_weights.py --check
	$(RUN) tools/calibrate_thresholds.py --check

clean:
	rm -rf build dist .hypothesis .ruff_cache .coverage $(VENV)
	find course_utils tests tools benchmarks -name __pycache__ -prune -exec rm -rf {} +

$(INSTALLED): pyproject.toml constraints.txt
	@python="$(PYTHON)"; \
	for candidate in python3 python3.13 python3.12 python3.11 python; do \
	  if [ -z "$$python" ] && $$candidate -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; \
	  then python=$$candidate; fi; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "The course needs Python 3.11, 3.12 or 3.13 on the PATH (TensorFlow has no newer packages)."; \
	  echo "Install one, or name it: make course PYTHON=/path/to/python3.12"; exit 1; \
	fi; \
	set -x; "$$python" -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@touch $(INSTALLED)
