# What there is to do here. `make` alone lists it; nothing has to be installed first but Python 3.11 and make.
PYTHON ?= python3
BIN := .venv/bin
# Without a DATABASE_URL the flask commands use the embedded PostgreSQL under .data/, like `make run`.
FLASK := $(BIN)/python -m flask --app wsgi

.DEFAULT_GOAL := help
.PHONY: help install run test test-only test-fast histories check format lint format-check types imports conventions spelling dashboards \
	migrate migration downgrade verify trial-balance seed psql lock clean

help: ## List what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: ## Make .venv and install the locked dependencies (every target does this first)
	@command -v "$(PYTHON)" >/dev/null || { echo "Branch Loans needs Python 3.11 or newer, and there is no $(PYTHON) here."; exit 1; }
	@"$(PYTHON)" scripts/bootstrap.py

run: install ## Run it here: database, migrations, demo, API on http://127.0.0.1:8000 (PORT=, HOST=)
	@$(BIN)/python scripts/dev.py run

test: install ## Run every test, on the embedded PostgreSQL; at least 95 % of all and 100 % of the core is covered
	@$(BIN)/python -m pytest -n 2 -m "not contracts and not stack" --cov --cov-report=
	@$(BIN)/coverage report
	@$(BIN)/coverage report --include='loans/core/*' --fail-under=100

test-only: install ## Run some tests, without coverage (args="tests/api -k replay")
	@$(BIN)/python -m pytest -n 2 $(args)

test-fast: install ## Run the tests that need no server and no database
	@$(BIN)/python -m pytest -q tests/core tests/conventions -m "not contracts" $(args)

histories: install ## Compare the engine and its second model over 24,000 steps of random loans (HISTORIES=1200)
	@HISTORIES=$${HISTORIES:-1200} $(BIN)/python -m pytest -q tests/core/test_against_reference.py

check: format-check lint types imports conventions spelling check-files ## Check format, lint, types, imports, conventions, spelling, files

format: install ## Format the code
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

format-check: install ## Check that the code is formatted
	@$(BIN)/ruff format --check --quiet .

lint: install ## Check the code with ruff
	@$(BIN)/ruff check --quiet .

types: install ## Check the types (mypy, strict)
	@$(BIN)/mypy

imports: install ## Check who imports whom
	@$(BIN)/lint-imports --no-cache

conventions: install ## Check the conventions, and that each import contract catches a breach
	@$(BIN)/python -m pytest -q tests/conventions $(args)

spelling: install ## Check the spelling
	@$(BIN)/codespell

dashboards: install ## Write Grafana's dashboards from grafana/source
	@$(BIN)/python -m grafana.build

migrate: install ## Bring the database to the newest migration
	@$(FLASK) db upgrade

migration: install ## Write a migration from what the models changed (m="add a column")
	@test -n "$(m)" || { echo 'Say what changes: make migration m="add a column"'; exit 1; }
	@$(FLASK) db migrate -m "$(m)" --rev-id "$$(printf '%04d' $$(($$(ls migrations/versions/[0-9]*.py | wc -l) + 1)))"

downgrade: install ## Take the newest migration back
	@$(FLASK) db downgrade

verify: install ## Fold every loan from scratch and compare with what is stored
	@$(FLASK) verify

trial-balance: install ## Print the trial balance
	@$(FLASK) trial-balance

seed: install ## Fill in the demo portfolio (adds only what is missing)
	@$(FLASK) seed-demo

psql: install ## Open a prompt on the database
	@$(BIN)/python scripts/dev.py psql

lock: install ## Lock the dependencies anew after a change of requirements*.in
	@$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-annotate --quiet -o requirements.txt requirements.in
	@$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-annotate --quiet -o requirements-dev.txt requirements-dev.in

clean: ## Remove what tools left behind (the database in .data/ and .venv stay)
	@rm -rf .coverage .coverage.* htmlcov .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

include bench/peers.mk
include clients/clients.mk
include fuzz/fuzz.mk
include ci/check.mk
include deploy/stack.mk
