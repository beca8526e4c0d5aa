# The libraries that benchmarks compare with live apart from the project, in .venv/bench, which sees .venv as well.
PEERS := .venv/bench

.PHONY: bench lock-bench

bench: install $(PEERS)/.installed ## Measure requests and schedules, against peers in the same run (args="league --loans 1000")
	@$(PEERS)/bin/python -m bench $(args)

lock-bench: install ## Lock the libraries of the benchmarks anew after a change of bench/requirements.in
	@$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-annotate --quiet -o bench/requirements.txt bench/requirements.in

$(PEERS)/.installed: bench/requirements.txt | install
	@$(BIN)/python -m venv --clear $(PEERS)
	@$(PEERS)/bin/python -m pip install --quiet --quiet --disable-pip-version-check --no-input --require-hashes -r bench/requirements.txt
	@$(BIN)/python -c "import sysconfig; print(sysconfig.get_path('purelib'))" > "$$($(PEERS)/bin/python -c "import sysconfig; print(sysconfig.get_path('purelib'))")/project.pth"
	@touch $@
