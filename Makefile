# Two commands set everything up on a fresh machine and do it: `make demo` and `make test`.
# They need Python 3.11 or newer with venv, and nothing else. PYTHON=... names another interpreter.

PYTHON ?= python3
BIN := .venv/bin
# A local directory of wheels, if the environment names one, is where torch comes from.
LINKS := $(foreach place,$(PIP_FIND_LINKS),--find-links $(place))
BACKEND := $(if $(PIP_FIND_LINKS),,--torch-backend=auto)

# Commas part the arguments of a call.
COMMA := ,

.PHONY: demo test test-all bench check format docs notebooks clean

demo: .venv/.installed
	$(BIN)/fairloop demo --out demo

test: .venv/.installed-dev
	FAIRLOOP_EXAMPLES=15 $(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not slow"

test-all: .venv/.installed-all
	FAIRLOOP_EXAMPLES=50 $(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

# Ten to thirty minutes, on a machine that does nothing else; benchmarks/results/ has what was found.
bench: .venv/.installed-dev
	$(BIN)/python -m benchmarks.speed

check: .venv/.installed-dev
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/.installed-dev
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

# The site, in build/site; a warning is an error.
docs: .venv/.installed-docs
	$(BIN)/python -m sphinx -W --keep-going -q -j auto docs build/site

# Executes the tutorials: docs/tutorials/NAME.md becomes NAME.ipynb. Minutes.
notebooks: .venv/.installed-docs
	$(BIN)/python -m docs.tutorials.notebooks --write

clean:
	rm -rf .venv build dist

# Tests start many processes, which would each compile what they import where Python may write no bytecode.
# uv where it can be had, pip where it cannot. The lock only constrains: it names packages of every platform.
define install
	$(BIN)/python -m uv pip install --quiet $(2) --python $(BIN)/python $(LINKS) $(BACKEND) -c constraints.txt -e '$(1)' \
	  || $(BIN)/python -m pip install --quiet -c constraints.txt -e '$(1)'
	touch $@
endef

.venv/.installed: pyproject.toml constraints.txt | .venv/.made
	$(call install,.)

.venv/.installed-dev: pyproject.toml constraints.txt | .venv/.made
	$(call install,.[dev],--compile-bytecode)
	touch .venv/.installed

.venv/.installed-docs: pyproject.toml constraints.txt | .venv/.made
	$(call install,.[docs],--compile-bytecode)
	touch .venv/.installed

.venv/.installed-all: pyproject.toml constraints.txt | .venv/.made
	$(call install,.[dev$(COMMA)frameworks$(COMMA)docs],--compile-bytecode)
	touch .venv/.installed .venv/.installed-dev .venv/.installed-docs

.venv/.made:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "fairloop needs Python 3.11 or newer: make PYTHON=...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet uv || echo "uv is not to be had; going on with pip"
	touch $@
