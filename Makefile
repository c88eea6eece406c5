# The commands of CONTRIBUTING.md, which says when to use which. Each runs in the active environment.
.PHONY: help build test quick lint format types docs bench report debug sanitise check

help:
	@grep -E '^[a-z]+:' Makefile | cut -d: -f1

build:
	python setup.py build_ext --inplace

test:
	pytest

quick:
	pytest -m "not slow"

lint:
	ruff check .
	ruff format --check .
	cython-lint src

format:
	ruff check --fix .
	ruff format .

types:
	mypy
	python -m mypy.stubtest nncore.kernels --allowlist tools/stubtest.txt

docs:
	pytest tests/project/test_documents.py tests/project/test_prose.py

bench:
	pytest benchmarks

report:
	python benchmarks/report.py

debug:
	tools/debug.sh

sanitise:
	tools/sanitise.sh

check:
	.ci/run
