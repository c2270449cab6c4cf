# Everything a contributor runs. `make check` is what CI runs.
PYTHON_IN_VENV := .venv/bin/python
BUILD_INPUTS := scripts/set_up requirements-dev.txt pyproject.toml setup.py $(wildcard src/fleetcast/fec/*.c src/fleetcast/fec/*.h)

.PHONY: help setup demo test test-long check format lint types imports audit docs lock clean

help: ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

setup: .venv/ready ## make .venv with everything in it (the other targets do this by themselves)

.venv/ready: $(BUILD_INPUTS)
	@scripts/set_up

demo: .venv/ready ## a real firmware: decoded, coded, lost and found, then a whole campaign on 200 simulated devices
	@scripts/demo

test: .venv/ready ## run the tests
	$(PYTHON_IN_VENV) -m pytest -n auto -q

test-long: .venv/ready ## run the tests at nightly size (a million fuzzed payloads among them)
	FLEETCAST_FUZZ=1000000 $(PYTHON_IN_VENV) -m pytest -n auto -q

check: lint types imports audit test ## everything: format, lint, types, imports, audit, tests (documentation examples among them)

format: .venv/ready ## put the code into the house's format
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

lint: .venv/ready ## formatter and linter, changing nothing
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .

types: .venv/ready ## strict type check
	.venv/bin/mypy

imports: .venv/ready ## the directions of imports (ARCHITECTURE.md)
	.venv/bin/lint-imports

audit: .venv/ready ## known weaknesses of the locked dependencies (needs a network; says so without one)
	@scripts/audit

docs: .venv/ready ## write the generated reference pages anew
	$(PYTHON_IN_VENV) scripts/write_reference.py

lock: .venv/ready ## renew requirements-dev.txt from pyproject.toml
	scripts/lock

clean: ## remove what was built
	rm -rf .venv build dist out src/*.egg-info src/fleetcast/fec/*.so .mypy_cache .ruff_cache .pytest_cache .hypothesis
