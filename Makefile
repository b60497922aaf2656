# Needs python3 (3.11 or newer) and make. Everything else comes from requirements/*.lock into .venv.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
BENCH_STAMP := $(VENV)/.installed-bench

.PHONY: help setup demo up test test-long check contracts lock licences audit bench bench-marts bench-serving endurance clean

help:
	@echo "make demo    run the whole warehouse on simulated data, and show responses of its API"
	@echo "make up      run everything until Ctrl-C: databases, Dagster, API"
	@echo "make test    the tests, fast ones first, and their duration by file"
	@echo "make test-long  tests that take minutes, or need the machine alone: kills, 500 random event sequences, time limits"
	@echo "make check   style, types, SQL, layers, dependencies"
	@echo "make contracts  generate the API's columns from the marts, and dbt's exposures from the API's endpoints"
	@echo "make bench   all benchmarks, as tables and in benchmarks/out"
	@echo "make bench-marts  only the benchmark of marts: refresh after changes, compared with ordinary dbt"
	@echo "make bench-serving  only the benchmark of the API: a cache hit compared with a no-op, Redis, FastAPI and SQL"
	@echo "make endurance  ten minutes of \`ladder up\` while its parts are killed, suspended and terminated"
	@echo "make clean   remove the environment and caches; data in .ladder stays"

setup: $(STAMP)

# Runs again only if the locks have changed.
$(STAMP): requirements/uv.lock requirements/dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "error: Python 3.11 or newer is needed; set PYTHON=python3.x")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/dev.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@

$(BENCH_STAMP): $(STAMP) requirements/bench.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/bench.lock
	@touch $@

demo: $(STAMP)
	@$(BIN)/ladder demo

up: $(STAMP)
	@$(BIN)/ladder up

test: $(STAMP)
	$(BIN)/pytest -m "not long" --numprocesses 2 --dist loadfile

test-long: $(STAMP)
	$(BIN)/pytest -m long --numprocesses 2 --dist load

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/sqlfluff lint --processes 0 dbt_project/models dbt_project/tests
	$(BIN)/lint-imports
	$(BIN)/deptry .
	$(BIN)/python .ci/licences.py --check

contracts: $(STAMP)
	$(BIN)/python -m orchestration.dbt.contracts

# Locked versions are kept, and those of dev.lock apply to all locks. To upgrade one: uv pip compile --upgrade-package NAME ...
COMPILE := $(BIN)/uv pip compile pyproject.toml --generate-hashes --no-emit-index-url --python-version 3.11 --quiet
lock: $(STAMP)
	$(COMPILE) --extra dev -o requirements/dev.lock
	$(COMPILE) --extra dev --extra bench -o requirements/bench.lock
	$(COMPILE) --extra embedded --no-annotate -c requirements/dev.lock -o requirements/run.lock
	echo pip-audit | $(BIN)/uv pip compile - --generate-hashes --no-emit-index-url --no-header --quiet -o requirements/audit.lock

licences: $(STAMP)
	$(BIN)/python .ci/licences.py

audit: $(STAMP)
	$(BIN)/python .ci/audit.py

bench: $(BENCH_STAMP)
	$(BIN)/python -m benchmarks

bench-marts: $(STAMP)
	$(BIN)/python -m benchmarks.marts

bench-serving: $(STAMP)
	$(BIN)/python -m benchmarks.serving

endurance: $(STAMP)
	$(BIN)/python -m benchmarks.endurance

clean:
	rm -rf build/tests $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dbt_project/target
	find . -name __pycache__ -not -path './.ladder/*' -prune -exec rm -rf {} +
