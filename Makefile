# The two commands of a fresh machine are `make demo` and `make test`: they need Python 3.11 or later with pip, nothing else.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test races check lint types browser fuzz faults bench attack widget audit release lock clean

demo: .venv/.ready
	$(BIN)/commentsvc demo

# Everything that needs no browser and no Node; PostgreSQL comes as a wheel.
test: .venv/.ready-dev
	$(BIN)/pytest -m "not browser" -n 2 --dist worksteal

# Acts at the same moment, drawn by chance, on both databases; `make test` does it for half a minute.
races: .venv/.ready-dev
	RACES_SECONDS=$${RACES_SECONDS:-900} $(BIN)/pytest tests/services/test_same_moment.py

browser: .venv/.ready-dev
	$(BIN)/pytest -m browser tests/browser -n 2 --dist worksteal

# Hostile requests to every route for an hour on each database: `make fuzz FUZZ_S=600 FUZZ_SEED=7` for another time and
# the seed that a failure printed.
FUZZ_S ?= 3600
fuzz: .venv/.ready-dev
	FUZZ_S=$(FUZZ_S) FUZZ_SEED=$${FUZZ_SEED:-$$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')} $(BIN)/pytest -s tests/web/http/test_fuzz.py

lint: .venv/.ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/.ready-dev
	$(BIN)/mypy

check: lint types test browser

.venv/.ready: requirements.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

.venv/.ready-dev: requirements-dev.txt .venv/.ready
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	touch $@

# Some quarter of an hour; needs nginx and wrk (scripts/install-debian-packages). docs/benchmarks.md says what it prints.
bench: .venv/.ready-dev
	$(BIN)/python -m bench

# Breaks what the service stands on, one after the other, and writes docs/reliability.md; some ten minutes. Some of it
# needs root and Debian's packages (scripts/install-debian-packages). With FAULTS="…" only those, and nothing is written.
ROUNDS ?= 3
faults: .venv/.ready-dev
	$(BIN)/python -m tests.faults --rounds $(ROUNDS) $(FAULTS)

# All public attack corpora through every place where strangers' text ends up, in Chromium; `make browser` sends a sample.
attack: .venv/.ready-dev
	ATTACK_SAMPLE=0 $(BIN)/pytest -m browser tests/browser/test_attacks.py -n 0

# For whoever changes the widget; needs Node.
widget:
	cd embed && npm ci && npm run check && npm run lint && npm test && npm run build && npm run size

# Known vulnerabilities of what we depend on; the network is asked.
audit: .venv/.ready-dev
	scripts/audit-dependencies

# Wheel, source archive, and what is in them (CycloneDX) for whoever must answer for it.
release: .venv/.ready-dev
	rm -rf dist
	$(BIN)/python -m build --no-isolation --outdir dist
	$(BIN)/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible --of JSON -o dist/commentsvc.cdx.json requirements.txt
	cd embed && npm sbom --sbom-format cyclonedx > ../dist/commentsvc-embed.cdx.json

# For whoever changes the dependencies in pyproject.toml.
lock: .venv/.ready-dev
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header pyproject.toml requirements.in -o requirements.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --extra dev pyproject.toml requirements.in -c requirements.txt -o requirements-dev.txt

clean:
	rm -rf .venv instance embed/node_modules
