# Generated clients. Their generators live apart from the project, in .venv/clients; see docs/testing.md.
CLIENTS := .venv/clients
BUILT := clients/python/build
WHEELS := clients/python/dist
EXAMPLES := $(wildcard clients/python/examples/*.py)

POSTMAN := clients/postman

.PHONY: client check-client collection check-collection lock-clients

client: install $(CLIENTS)/.installed ## Make the Python client from the OpenAPI document: a wheel in clients/python/dist
	@mkdir -p $(BUILT) && $(BIN)/python -m clients.document --without-files > clients/python/openapi.json
	@PATH="$(abspath $(CLIENTS))/bin:$$PATH" $(CLIENTS)/bin/openapi-python-client generate --fail-on-warning \
		--path clients/python/openapi.json --config clients/python/config.yml --meta uv --output-path $(BUILT) --overwrite
	@rm -rf $(WHEELS)
	@PATH="$(abspath $(CLIENTS))/bin:$$PATH" $(CLIENTS)/bin/python -m pip wheel --quiet --disable-pip-version-check --no-build-isolation --no-deps --no-index \
		--wheel-dir $(WHEELS) $(BUILT)
	@$(CLIENTS)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-index --force-reinstall $(WHEELS)/*.whl
	@ls $(WHEELS)/*.whl

check-client: client ## Check the types of the Python client and live a loan's whole life with it on the real service
	@for example in $(EXAMPLES); do \
		$(BIN)/mypy --strict --python-executable $(CLIENTS)/bin/python --config-file= $$example || exit 1; done
	@$(BIN)/mypy --python-executable $(CLIENTS)/bin/python --config-file= $(BUILT)/branch_loans_client
	@$(BIN)/python scripts/live.py sh -ec 'for example in $(EXAMPLES); do $(CLIENTS)/bin/python $$example; done'

collection: install $(CLIENTS)/node/.installed ## Make the Postman collection from the OpenAPI document
	@mkdir -p $(CLIENTS)/node && $(BIN)/python -m clients.document > $(CLIENTS)/openapi.json
	@node $(POSTMAN)/collect.cjs $(CLIENTS)/openapi.json $(POSTMAN) $(CLIENTS)/node

check-collection: install $(CLIENTS)/node/.installed ## Run "First loan in five requests" of the collection on the real service
	@$(BIN)/python scripts/live.py sh -c '$(CLIENTS)/node/node_modules/.bin/newman run \
		$(POSTMAN)/branch-loans.postman_collection.json --environment $(POSTMAN)/branch-loans.postman_environment.json \
		--env-var "baseUrl=$$API" --env-var "key=$$KEY" --folder "First loan in five requests" --color off'

lock-clients: install ## Lock the generators anew after a change of clients/requirements.in
	@$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-annotate --quiet -o clients/requirements.txt clients/requirements.in

$(CLIENTS)/.installed: clients/requirements.txt | install
	@$(BIN)/python -m venv --clear $(CLIENTS)
	@$(CLIENTS)/bin/python -m pip install --quiet --quiet --disable-pip-version-check --no-input --require-hashes -r clients/requirements.txt
	@touch $@

# The lock file holds hashes and no addresses; nothing that is installed may run a script of its own.
$(CLIENTS)/node/.installed: $(POSTMAN)/package.json $(POSTMAN)/package-lock.json
	@mkdir -p $(CLIENTS)/node
	@cp $(POSTMAN)/package.json $(POSTMAN)/package-lock.json $(CLIENTS)/node/
	@cd $(CLIENTS)/node && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
	@touch $@
