# A fresh machine needs Python 3.11 or later with pip for `make demo` and `make test`, and nothing else.
PYTHON ?= python3
BIN := .venv/bin
.DEFAULT_GOAL := help

.PHONY: help demo dev shell db-shell migration test races check lint types browser integrations fuzz faults bench attack mutants wordpress wordpress-plugin widget audit release lock clean

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: .venv/.ready ## The service and a demo blog on throw-away data, as in production
	$(BIN)/commentsvc demo

dev: .venv/.ready ## The demo's data with reload and debugger; builds the widget on each change (PORT, BLOG_PORT)
	$(BIN)/python scripts/dev.py --port $(PORT) --blog-port $(BLOG_PORT)
PORT ?= 8000
BLOG_PORT ?= 8001

# `make shell` and `make db-shell` read the settings of the environment and of .env, or of another file: ENV=instance/dev.env
shell: .venv/.ready ## A Python prompt with the app, its models and the database (ENV=file of settings)
	$(BIN)/flask $(if $(ENV),--env-file $(ENV)) --app scripts/flask_app.py shell

db-shell: .venv/.ready ## sqlite3 or psql on the configured database (ENV=file of settings)
	$(BIN)/python scripts/db_shell.py $(ENV)

migration: .venv/.ready-dev ## A new revision from what the models have and the revisions lack: make migration m="Add a column"
	$(BIN)/python scripts/new_migration.py $(if $(m),"$(m)")

check: lint types test browser ## All that must pass before a change is merged

# Needs no browser and no Node; PostgreSQL comes as a wheel.
test: .venv/.ready-dev ## All tests that need no browser, on SQLite and PostgreSQL
	$(BIN)/pytest -m "not browser" -n 2 --dist worksteal

browser: .venv/.ready-dev ## The tests in Chromium (scripts/install-debian-packages installs it)
	$(BIN)/pytest -m "browser and not integrations" tests/browser -n 2 --dist worksteal

# One worker for each file: each installs and builds its example once. Needs npm and `npm ci` in embed/.
integrations: .venv/.ready-dev ## Sites of large JavaScript frameworks, built and read in Chromium, two to three minutes
	$(BIN)/pytest -m integrations tests/browser/integrations -n 2 --dist loadfile

lint: .venv/.ready-dev ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/.ready-dev ## mypy
	$(BIN)/mypy

.venv/.ready: requirements.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

.venv/.ready-dev: requirements-dev.txt .venv/.ready
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	touch $@

# Random actions at the same moment on both databases; `make test` runs it for half a minute.
races: .venv/.ready-dev ## Random simultaneous actions, 15 minutes on each database (RACES_SECONDS, RACES_SEED)
	RACES_SECONDS=$${RACES_SECONDS:-900} $(BIN)/pytest tests/services/test_same_moment.py

# FUZZ_SEED repeats the requests of a run that failed; the failure prints its seed.
FUZZ_S ?= 3600
fuzz: .venv/.ready-dev ## Hostile requests to every route, an hour on each database (FUZZ_S, FUZZ_SEED)
	FUZZ_S=$(FUZZ_S) FUZZ_SEED=$${FUZZ_SEED:-$$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')} $(BIN)/pytest -s tests/web/http/test_fuzz.py

# `make browser` sends a sample.
attack: .venv/.ready-dev ## All attack strings of tests/data, in Chromium
	ATTACK_SAMPLE=0 $(BIN)/pytest -m browser tests/browser/test_attacks.py -n 0

# Changes one place of the code at a time and expects the nearest tests to fail; some half an hour (see docs/testing.md).
# `make mutants MUTANTS=20` takes less than two minutes; MUTANTS_IN=commentsvc/core/names.py tries only that module.
MUTANTS ?= 300
MUTANTS_SEED ?= 14
MUTANTS_IN ?=
MUTANTS_KILLED ?= 85
mutants: .venv/.ready-dev ## Mutation tests: a seeded sample, half an hour; MUTANTS=20 for two minutes
	$(BIN)/python -m tests.mutants --sample $(MUTANTS) --seed $(MUTANTS_SEED) --at-least $(MUTANTS_KILLED) $(MUTANTS_IN)

# Needs nginx and wrk (scripts/install-debian-packages). docs/benchmarks.md explains the output.
bench: .venv/.ready-dev ## Measures speed and memory, about 15 minutes
	$(BIN)/python -m bench

# Some kinds need root and Debian's packages (scripts/install-debian-packages). FAULTS="…" runs only those, and writes nothing.
ROUNDS ?= 3
faults: .venv/.ready-dev ## Causes failures of disk, database and processes; writes docs/reliability.md, about 10 minutes
	$(BIN)/python -m tests.faults --rounds $(ROUNDS) $(FAULTS)

# Needs Debian's WordPress, MariaDB and PHP (scripts/install-debian-packages wordpress).
wordpress: .venv/.ready-dev ## WordPress, our import and export, a second WordPress: compares each comment, one or two minutes
	$(BIN)/python -m tests.wordpress

# Of the last commit. PHP's own server and Chromium try it: python -m tests.wordpress.plugin FOLDER
wordpress-plugin: ## The WordPress plugin, as dist/commentsvc-wordpress.zip
	mkdir -p dist
	git archive --format=zip --output dist/commentsvc-wordpress.zip HEAD:integrations/wordpress commentsvc

widget: ## After a change in embed/: types, style, tests, the built files and their sizes (needs Node 20)
	cd embed && npm ci && npm run check && npm run lint && npm test && npm run build && npm run size

audit: .venv/.ready-dev ## Known vulnerabilities of the dependencies (asks the package indexes)
	scripts/audit-dependencies

release: .venv/.ready-dev ## Wheel, source archive and their lists of components (CycloneDX), in dist/
	rm -rf dist
	$(BIN)/python -m build --no-isolation --outdir dist
	$(BIN)/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible --of JSON -o dist/commentsvc.cdx.json requirements.txt
	cd embed && npm sbom --sbom-format cyclonedx > ../dist/commentsvc-embed.cdx.json

# uv keeps the pinned versions that still satisfy pyproject.toml.
lock: .venv/.ready-dev ## requirements.txt and requirements-dev.txt, after a change of dependencies in pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header pyproject.toml requirements.in -o requirements.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --group dev pyproject.toml requirements.in -c requirements.txt -o requirements-dev.txt

clean: ## Removes the virtual environment, the instance folder and the widget's tools
	rm -rf .venv instance embed/node_modules
