# schemathesis lives apart from the project, in .venv/fuzz.
FUZZ := .venv/fuzz

.PHONY: fuzz lock-fuzz

fuzz: install $(FUZZ)/.installed ## Try to break the API by machine, at least 20,000 requests (args="--seed 7")
	@$(BIN)/python -m fuzz $(args)

lock-fuzz: install ## Lock schemathesis anew after a change of fuzz/requirements.in
	@$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-annotate --quiet -o fuzz/requirements.txt fuzz/requirements.in

$(FUZZ)/.installed: fuzz/requirements.txt | install
	@$(BIN)/python -m venv --clear $(FUZZ)
	@$(FUZZ)/bin/python -m pip install --quiet --quiet --disable-pip-version-check --no-input --require-hashes -r fuzz/requirements.txt
	@touch $@
