# Two commands do everything on a fresh machine: `make course`, then `make test`.
# A Python other than the first suitable one on the PATH: make course PYTHON=/path/to/python3.12

SHELL := /bin/sh
VENV := .venv
RUN := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed
NOTEBOOKS := $(wildcard notebooks/*.ipynb)

EXECUTING := course unit nbval oldest handout notebooks

# Linux's allocator returns large arrays to the system after each operation and asks for them again
# before the next one; to keep them saves a sixth of the time of a style transfer.
$(EXECUTING): export MALLOC_MMAP_MAX_ := 0
$(EXECUTING): export MALLOC_TRIM_THRESHOLD_ := 4000000000

# What the tools below the course would keep in the home folder lies in build/ instead.
STATE := build/state
$(EXECUTING): export IPYTHONDIR := $(CURDIR)/$(STATE)/ipython
$(EXECUTING): export MPLCONFIGDIR := $(CURDIR)/$(STATE)/matplotlib
$(EXECUTING): export KERAS_HOME := $(CURDIR)/$(STATE)/keras

# Tests run offline and write nowhere else: see tests/hermetic/sitecustomize.py.
REFUSALS := build/refusals
CACHE = $$($(RUN) -c 'from course_utils.files import cache_folder; print(cache_folder())')
GUARDED = PYTHONPATH="$(CURDIR)/tests/hermetic" COURSE_REFUSALS="$(CURDIR)/$(REFUSALS)" \
  COURSE_MAY_WRITE="$(CURDIR):$(CACHE)"
UNHEARD = rm -f $(REFUSALS)
HEARD = test ! -s $(REFUSALS) || { cat $(REFUSALS); exit 1; }

OLDEST := build/oldest
OLDEST_NOTEBOOKS := notebooks/04_triplet.ipynb notebooks/05_classification.ipynb

# Two at once would only take each other's cores, and share what they refuse.
.NOTPARALLEL:
.PHONY: course test unit nbval oldest lab handout notebooks check bench weights clean

course: $(INSTALLED) $(STATE)  ## install, then execute every notebook in both languages
	$(RUN) tools/build_notebooks.py --force --output build/course
	@echo
	@echo "Everything ran on this machine. Look:"
	@echo "  executed copies   build/course/*.ipynb (English), build/course/zh/*.ipynb (Chinese)"
	@echo "  to read and try   make lab, then open notebooks/01_verification.ipynb"

test: unit nbval  ## unit tests and doctests, then strict nbval

unit: $(INSTALLED) $(STATE)
	@$(UNHEARD)
	$(GUARDED) $(RUN) -m pytest -q -n auto --maxprocesses 4 --dist loadfile
	@$(HEARD)

nbval: $(INSTALLED) $(STATE)
	@$(UNHEARD)
	$(GUARDED) $(RUN) -m pytest -q -o addopts= -n 2 --dist loadfile --nbval --nbval-current-env $(NOTEBOOKS)
	@$(HEARD)

oldest: $(OLDEST)/.installed $(STATE)  ## unit tests and two notebooks with the oldest supported packages
	$(OLDEST)/bin/python -m pytest -q -o addopts= -n auto --maxprocesses 4 --dist loadfile \
	  --cov --cov-report=term:skip-covered --cov-fail-under=95 tests
	$(OLDEST)/bin/python -m pytest -q -o addopts= -n 2 --dist loadfile \
	  --nbval --nbval-current-env $(OLDEST_NOTEBOOKS)

lab: $(INSTALLED)  ## open the course in JupyterLab
	$(RUN) -m jupyterlab --notebook-dir=.

handout: $(INSTALLED) $(STATE)  ## notebooks without solutions, executed, into build/handout
	$(RUN) tools/build_notebooks.py --force --without-solutions

notebooks: $(INSTALLED) $(STATE)  ## rebuild notebooks/ from notebooks/src (for those who change the course)
	$(RUN) tools/build_notebooks.py

check: $(INSTALLED)  ## style, and whether the notebooks agree with their sources; nothing is executed
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy
	$(RUN) tools/build_notebooks.py --check

bench: $(INSTALLED)  ## measure, each against its peer in one run; installs the peers (PyTorch: large)
	$(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[bench]"
	$(RUN) -m benchmarks

weights: $(INSTALLED)  ## train what is missing in weights/, then measure every file again
	$(RUN) tools/train_weights.py
	$(RUN) tools/train_weights.py --check
	$(RUN) tools/calibrate_thresholds.py --check

clean:
	rm -rf build dist .hypothesis .mypy_cache .ruff_cache .coverage $(VENV)
	find course_utils tests tools benchmarks -name __pycache__ -prune -exec rm -rf {} +

$(STATE):
	@mkdir -p $(STATE)

$(INSTALLED): pyproject.toml constraints.txt
	$(call MAKE_VENV,$(VENV),13)
	$(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@touch $@

$(OLDEST)/.installed: pyproject.toml constraints-oldest.txt
	$(call MAKE_VENV,$(OLDEST),12)
	$(OLDEST)/bin/python -m pip install --quiet --disable-pip-version-check \
	  -c constraints-oldest.txt -e ".[test]"
	@touch $@

# A virtual environment in folder 1, with Python 3.11 to 3.(2): TensorFlow has no newer packages.
define MAKE_VENV
	@python="$(PYTHON)"; \
	for candidate in python3 python3.13 python3.12 python3.11 python; do \
	  if [ -z "$$python" ] && $$candidate -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, $(2)))' 2>/dev/null; \
	  then python=$$candidate; fi; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "$(1) needs a Python from 3.11 to 3.$(2) on the PATH (TensorFlow has no packages for newer ones)."; \
	  echo "Install one, or name it: make PYTHON=/path/to/python3.12 and what you want"; exit 1; \
	fi; \
	set -x; "$$python" -m venv $(1)
endef
