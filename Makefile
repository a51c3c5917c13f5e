# The daily verbs. `make run` and `make test` set up all they need; only Python 3.11+ is required.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SAM_VENV := .venv-sam
CHECKOV_VENV := .venv-checkov
DEPLOY_VENV := .venv-deploy
# The functions' own Python, for what is built and deployed as on AWS.
RUNTIME := $(shell sed -n 's/^ *Runtime: *//p' template.yaml)
PIP_FLAGS := --quiet --disable-pip-version-check
# Each worker has stacks of its own; a file's tests stay together, as its fixtures do.
WORKERS := --numprocesses logical --maxprocesses 4 --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help run test test-slow prove check format openapi template checkov deploy-check bench bench-check bench-measure bench-peers bench-scale bench-simulation lock ci clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

run: $(VENV)/.local ## Run the whole gateway on this machine (PORT=8080)
	@$(BIN)/filegate local --port $(or $(PORT),8080) $(if $(DATA_DIR),--data-dir $(DATA_DIR))

test: $(VENV)/.dev sdks engines ## Run all tests but the slow ones
	@$(BIN)/pytest -m "not slow and not deploy and not prove" $(WORKERS) $(PYTEST_FLAGS)

test-slow: $(VENV)/.dev ## What takes minutes: 2 GiB - 1 byte, 16,000 operations, a revoked key, every crash
	@$(BIN)/pytest -m slow -s $(PYTEST_FLAGS)

prove: $(VENV)/.dev engines ## The long forms of what must hold (docs/reliability.md); half an hour at most
	@timeout --foreground 2400 $(BIN)/pytest -m prove -s $(PYTEST_FLAGS)

check: $(VENV)/.dev ## Lint, types, dependency directions, template
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@# One run a part: functions and test folders each have an app or a conftest of their own.
	@for part in "layers/filegate local cli bench" functions/*/app.py tests/*; do \
		echo "mypy $$part"; $(BIN)/mypy $$part || exit 1; done
	$(BIN)/lint-imports
	$(BIN)/cfn-lint template.yaml

format: $(VENV)/.dev ## Rewrite code the way `make check` wants it
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

openapi: $(VENV)/.dev ## Rewrite docs/openapi/*.json from the code; tests compare them
	@$(BIN)/python -m filegate.edge.admin_openapi docs/openapi/admin.json
	@$(BIN)/python -m filegate.edge.files_openapi docs/openapi/files.json

template: $(SAM_VENV)/.done ## Validate the template as SAM does (no AWS account needed)
	AWS_DEFAULT_REGION=us-east-1 SAM_CLI_TELEMETRY=0 $(SAM_VENV)/bin/sam validate --lint --template template.yaml

checkov: $(CHECKOV_VENV)/.done ## Scan the template; what is let pass, and why, is in .checkov.yaml
	$(CHECKOV_VENV)/bin/checkov --config-file .checkov.yaml

deploy-check: $(VENV)/.dev $(SAM_VENV)/.done $(DEPLOY_VENV)/.done ## sam build, sam deploy into MiniStack, a request
	@$(BIN)/pytest -m deploy tests/deploy $(PYTEST_FLAGS)

bench: $(VENV)/.dev bench-measure bench-simulation ## Measure, price and simulate; rewrite bench/README.md and docs/pictures

bench-measure: $(VENV)/.dev ## Latency, CPU, cold starts, throughput, calls and units, and dollars from them
	$(BIN)/python -m bench --write
	@$(BIN)/python -m bench.cost_report --write

bench-scale: $(VENV)/.dev engines ## Count again with 1,000,000 records; needs Java 17 and Maven, half an hour
	$(BIN)/python -m bench.scale --write

bench-simulation: $(VENV)/.dev ## Carry the counts to 100,000 tenants; rewrite bench/README.md and docs/pictures
	$(BIN)/python -m bench.simulation --write

bench-check: $(VENV)/.dev ## Fail if an operation costs more DynamoDB calls or units than its budget
	$(BIN)/python -m bench --check

bench-peers: $(VENV)/.dev ## Measure LiteLLM, nginx and Portkey beside Filegate; installs them into .bench/
	$(BIN)/python -m bench.peers --write

.PHONY: sdks
sdks: $(VENV)/.dev
	@$(BIN)/python tests/sdk/install.py

.PHONY: engines
engines: ## Install AWS's DynamoDB Local for the ledger's tests, where Java and Maven are
	@if command -v java >/dev/null && command -v mvn >/dev/null; then \
		test -e .sdk/dynamodb-local/.done -a .sdk/dynamodb-local/.done -nt tests/ledger/dynamodb-local/pom.xml || { \
			mvn --quiet --batch-mode -f tests/ledger/dynamodb-local/pom.xml \
				org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
				-DoutputDirectory="$(CURDIR)/.sdk/dynamodb-local" -DincludeScope=runtime \
			&& touch .sdk/dynamodb-local/.done; }; \
	else echo "DynamoDB Local: left out, Java or Maven is not installed"; fi

lock: ## Resolve dependencies anew into the hash-pinned lock files (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --upgrade --extra local --group dev pyproject.toml -o requirements/dev.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --extra local -c requirements/dev.txt pyproject.toml -o requirements/local.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --upgrade requirements/sam.in -o requirements/sam.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --upgrade requirements/checkov.in -o requirements/checkov.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --upgrade requirements/deploy.in -o requirements/deploy.txt
	@for peer in litellm nginx; do \
		uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
			--no-header --upgrade bench/peers/locks/$$peer.in -o bench/peers/locks/$$peer.txt || exit 1; done
	uv pip compile --quiet --python-version 3.13 --python-platform aarch64-manylinux2014 \
		--generate-hashes --no-emit-index-url --no-header --upgrade layers/filegate/requirements.in \
		-o layers/filegate/requirements.txt

ci: check template checkov deploy-check test bench-check test-slow ## Everything CI runs

clean: ## Remove what these targets made
	rm -rf $(VENV) $(SAM_VENV) $(CHECKOV_VENV) $(DEPLOY_VENV) .bench .sdk .aws-sam .mypy_cache .pytest_cache .ruff_cache .hypothesis
	rm -rf tests/sdk/js/node_modules tests/browser/node_modules

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Filegate needs Python 3.11 or newer. $(PYTHON) is $$($(PYTHON) --version 2>&1)."; \
		echo "Name another one: make PYTHON=python3.12 ..."; exit 1; }
	@echo "Making $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.local: requirements/local.txt pyproject.toml | $(VENV)/bin/python
	@echo "Installing what the local stack needs (once, about a minute) ..."
	@$(BIN)/python -m pip install $(PIP_FLAGS) --no-deps --require-hashes -r requirements/local.txt
	@$(BIN)/python -m pip install $(PIP_FLAGS) --no-deps --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.txt pyproject.toml | $(VENV)/bin/python
	@echo "Installing what the tests need (once, about a minute) ..."
	@$(BIN)/python -m pip install $(PIP_FLAGS) --no-deps --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install $(PIP_FLAGS) --no-deps --editable .
	@touch $@ $(VENV)/.local

$(SAM_VENV)/.done: requirements/sam.txt
	@$(PYTHON) -m venv $(SAM_VENV)
	@$(SAM_VENV)/bin/python -m pip install $(PIP_FLAGS) --no-deps --require-hashes -r requirements/sam.txt
	@touch $@

$(CHECKOV_VENV)/.done: requirements/checkov.txt
	@$(PYTHON) -m venv $(CHECKOV_VENV)
	@$(CHECKOV_VENV)/bin/python -m pip install $(PIP_FLAGS) --no-deps --require-hashes -r requirements/checkov.txt
	@touch $@

$(DEPLOY_VENV)/.done: requirements/deploy.txt
	@if $(RUNTIME) --version >/dev/null 2>&1; then $(RUNTIME) -m venv $(DEPLOY_VENV); else \
		echo "$(RUNTIME) is not on PATH: the template is deployed, but its functions cannot run."; \
		$(PYTHON) -m venv $(DEPLOY_VENV); fi
	@$(DEPLOY_VENV)/bin/python -m pip install $(PIP_FLAGS) --no-deps --require-hashes -r requirements/deploy.txt
	@touch $@
