# Hải Đăng: `make run` shows this machine's health, `make test` checks everything. Both work on a bare machine.
# The distribution's own Python where it will do: it is what the services run on, and a Python built at home without
# profile-guided optimisation needed 1.4 times the processor time for the same batches.
ifeq ($(origin PYTHON),undefined)
PYTHON := $(shell /usr/bin/python3 -c 'import sys, venv, ensurepip, sqlite3, ssl; sys.exit(sys.version_info < (3, 11))' \
	2>/dev/null && echo /usr/bin/python3 || echo python3)
endif
PORT ?= 8600
AGENT_PORT ?= 8601
DATA ?= var
TROUBLE ?= yes
SECONDS ?= 0
BENCH ?= agent ingest exposition memory judge report store start snmp devices probes latency

VENV := .venv
PY := $(VENV)/bin/python
BASE := .cache/base
export PYTHON PYTHONDONTWRITEBYTECODE=1

.PHONY: help run province test lint types project unit base e2e generated wheel bench reference boards lock peers format clean
.DEFAULT_GOAL := help

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: $(VENV)/.run ## start the collector and an agent of this machine; PORT=8600 AGENT_PORT=8601 DATA=var
	@exec $(PY) -m collector local --data "$(DATA)" --port "$(PORT)" --agent-port "$(AGENT_PORT)"

province: $(VENV)/.dev ## SIMULATE the example province on this machine; PORT=8600 DATA=var TROUBLE=yes|no|soon SECONDS=0
	@exec $(PY) -m tests.province --data "$(DATA)/province" --port "$(PORT)" --trouble "$(TROUBLE)" --seconds "$(SECONDS)"

test: lint project unit base e2e generated wheel ## everything that CI runs, in its order
	@echo "all checks passed"

lint: $(VENV)/.dev ## format, ruff, types
	$(VENV)/bin/ruff format --check --quiet .
	$(VENV)/bin/ruff check --quiet .
	$(VENV)/bin/mypy --strict agent collector
	$(VENV)/bin/mypy --strict --explicit-package-bases config dashboards

project: $(VENV)/.dev ## the repository's own promises
	$(PY) -m pytest -q tests/project

unit: $(VENV)/.dev peers ## tests of single parts
	$(PY) tests/lanes.py tests/collector/alerting tests/collector/notify tests/collector/ledger tests/collector tests/agent

base: $(VENV)/.dev $(BASE)/.base ## what an agent's machine has: the base install and nothing else
	HAIDANG_BASE=$(abspath $(BASE)) $(PY) -m pytest -q tests/base

e2e: $(VENV)/.dev peers ## real processes, real Prometheus
	$(PY) tests/lanes.py --files 1 tests/e2e/test_province.py tests/e2e

generated: $(VENV)/.dev ## generated files are what their generators write
	$(PY) -m config.reference --check
	$(PY) -m dashboards.build --check

wheel: $(VENV)/.dev $(BASE)/.base ## build the wheel once and test that very wheel
	rm -rf dist
	$(PY) -m hatchling build -t wheel
	HAIDANG_WHEEL=$(abspath dist) HAIDANG_BASE=$(abspath $(BASE)) $(PY) -m pytest -q tests/wheel

bench: $(VENV)/.dev peers ## measure the promises; BENCH="agent judge ..." for some
	@set -e; for name in $(BENCH); do $(PY) tests/bench/bench_$$name.py; done

reference: $(VENV)/.dev ## write config/REFERENCE.md
	$(PY) -m config.reference

boards: $(VENV)/.dev ## write dashboards/*.json
	$(PY) -m dashboards.build

format: $(VENV)/.dev ## format the code
	$(VENV)/bin/ruff format --quiet .
	$(VENV)/bin/ruff check --quiet --fix .

lock: $(VENV)/.dev ## resolve the dependencies anew
	COMPILE=$(VENV)/bin/pip-compile lock/update.sh

peers: $(VENV)/.dev ## as root: fetch the Debian programs that tests compare with
	@$(PY) tests/e2e/debian.py

clean: ## remove what was built; the data in var/ stays
	rm -rf $(VENV) .cache dist build .mypy_cache .ruff_cache .hypothesis

$(VENV)/.run: lock/run.txt lock/install.sh pyproject.toml
	@lock/install.sh $(VENV) run editable
	@touch $@

$(VENV)/.dev: lock/dev.txt lock/install.sh pyproject.toml
	@lock/install.sh $(VENV) dev editable
	@touch $@ $(VENV)/.run

$(BASE)/.base: lock/base.txt lock/install.sh
	@lock/install.sh $(BASE) base
	@touch $@
