# carbonspan: the commands a newcomer and CI run. Each makes the environment it needs.

PYTHON ?= python3
# Interpreters that `make test-pythons` looks for; those missing on the machine are named, not hidden.
PYTHONS ?= 3.10 3.11 3.12 3.13 3.14

# One worker a core; tests that must not run beside each other are of one `xdist_group`.
PARALLEL = -n auto --dist loadgroup

PIP_QUIET = --quiet --disable-pip-version-check
DEV = .venv/.ready
DEMO = .venv-demo/.ready

.PHONY: help demo test check format test-pythons test-sdks instrumentations stack stack-programs stack-test dist picture generate collector-config bench soak clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | sort

$(DEMO): pyproject.toml constraints.txt
	@echo "making the demo's environment (.venv-demo), once"
	@$(PYTHON) -m venv .venv-demo
	@.venv-demo/bin/python -m pip install $(PIP_QUIET) -c constraints.txt -e '.[demo]'
	@touch $@

$(DEV): pyproject.toml constraints.txt
	@echo "making the development environment (.venv), once"
	@$(PYTHON) -m venv .venv
	@.venv/bin/python -m pip install $(PIP_QUIET) --upgrade 'pip>=25.1'
	@.venv/bin/python -m pip install $(PIP_QUIET) -c constraints.txt -e '.[demo,ecologits,cost]' --group dev
	@touch $@

demo: $(DEMO) ## an agent under two variants, real SDKs, loopback only
	@.venv-demo/bin/carbonspan demo

test: $(DEV) ## the tests, on all cores, with branch coverage
	@.venv/bin/python -m pytest $(PARALLEL) --cov --cov-report=term-missing:skip-covered

test-pythons: $(DEV) ## the tests under every other declared Python on this machine
	@WITHOUT=.venv/bin/python PYTHONS="$(PYTHONS)" sh tests/pythons.sh $(PARALLEL)

check: $(DEV) ## formatting, lint rules, types, for pyright those of the public names
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/mypy
	@.venv/bin/pyright
	@if .venv/bin/python -c 'import grafana_foundation_sdk' 2>/dev/null; \
		then .venv/bin/mypy --python-version 3.11 dashboards tests/dashboards; \
		else echo "types of dashboards/ are not checked: their SDK needs Python 3.11"; fi

format: $(DEV) ## format and apply safe fixes
	@.venv/bin/ruff format .
	@.venv/bin/ruff check --fix .

test-sdks: $(DEV) ## the write-back and the exporter on every OpenTelemetry SDK of the matrix
	@PYTHON=.venv/bin/python sh tests/sdks.sh

instrumentations: $(DEV) ## real clients and frameworks under real instrumentations: each call counted once
	@PYTHON=.venv/bin/python sh tests/matrix/run.sh

stack-programs: ## build the pinned Collector, Prometheus and Jaeger into a cached folder (needs Go)
	@sh examples/stack/programs/build.sh

stack: $(DEV) stack-programs collector-config ## the stack with the demo's traffic, natively; with containers: examples/stack/compose.yaml
	@.venv/bin/python examples/stack/native.py

stack-test: $(DEV) stack-programs ## configurations, dashboards, rules and queries against the real programs
	@STACK_TESTS=1 .venv/bin/python -m pytest tests/stack tests/rules

dist: $(DEV) ## build wheel and sdist, install each elsewhere, use it
	@.venv/bin/python tests/dist.py

picture: $(DEMO) ## remake the demo's picture for the README: it has the times of one run, so no check compares it
	@.venv-demo/bin/carbonspan demo --svg docs/demo.svg

generate: $(DEV) ## remake every file that is made from the code; with CHECK=1 only name those that differ
	@.venv/bin/python docs/generate.py $(if $(CHECK),--check)

collector-config: $(DEV) ## make the statements that collector-config/enrich-at-collector.yaml reads: not committed
	@mkdir -p collector-config/enrichment
	@env -i PATH="$$PATH" HOME="$$HOME" .venv/bin/carbonspan collector-config --part statements \
		--output collector-config/enrichment/statements.yaml || [ $$? -eq 3 ]

bench: $(DEV) ## what carbonspan costs, as ratios
	@.venv/bin/python benchmarks/bench.py

soak: $(DEV) ## ten million fuzzed spans: silent, and memory flat
	@.venv/bin/python tests/soak.py

clean: ## remove environments and build output
	@rm -rf .venv .venv-demo .venv-py* .venv-sdk* .venv-inst-* build dist .coverage .coverage.* htmlcov .mypy_cache .pytest_cache .ruff_cache
