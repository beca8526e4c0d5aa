# The linters of what is not Python: workflows, Dockerfile, shell, YAML, nginx (make check), and the stack checked with
# the programs it is made of (make check-stack). They live apart from the project, in .venv/tools.
TOOLS := .venv/tools
export PATH := $(abspath $(TOOLS))/bin:$(PATH)

.PHONY: check-files check-stack lock-check

check-files: $(TOOLS)/.installed ## Check workflows, Dockerfile, shell scripts, YAML and nginx
	@ci/check-files.sh

check-stack: install $(TOOLS)/.installed ## Check the stack with its own programs (nginx, Prometheus, actionlint, ...)
	@ci/stack-tools.sh
	@$(MAKE) --silent --no-print-directory $(TOOLS)/node/.installed
	@ci/check-stack.sh $(args)

lock-check: install ## Lock the linters anew after a change of requirements-check.in
	@$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-annotate --quiet -o requirements-check.txt requirements-check.in

$(TOOLS)/.installed: requirements-check.txt | install
	@$(BIN)/python -m venv --clear $(TOOLS)
	@$(TOOLS)/bin/python -m pip install --quiet --quiet --disable-pip-version-check --no-input --require-hashes -r requirements-check.txt
	@touch $@

# The lock file holds hashes and no addresses; nothing that is installed may run a script of its own.
$(TOOLS)/node/.installed: ci/node/package.json ci/node/package-lock.json
	@mkdir -p $(TOOLS)/node
	@cp ci/node/package.json ci/node/package-lock.json $(TOOLS)/node/
	@npm ci --prefix $(TOOLS)/node --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
	@touch $@
