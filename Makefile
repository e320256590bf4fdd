# Two entries: `make demo` and `make test`. Each does the set-up that is missing first. CONTRIBUTING.md says more.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

# One target folder for every clone on the machine: the dependencies are heavy and need building only once.
export CARGO_TARGET_DIR ?= $(HOME)/.cache/whodid/target
export CHROMIUM_PATH ?= $(or $(shell command -v chromium),/usr/bin/chromium)
export PATH := $(HOME)/.cargo/bin:$(PATH)

BROWSER_TEST := tests/browser
NODE_PACKAGES := $(BROWSER_TEST)/node_modules/.package-lock.json
OPEN_TABLES_TEST := tests/open-tables
PYTHON_PACKAGES := $(OPEN_TABLES_TEST)/.venv/.requirements.txt
CLIENTS_TEST := tests/clients
CLIENT_PACKAGES := $(CLIENTS_TEST)/.venv/.requirements.txt

.PHONY: help demo test setup ui lint rust-tests browser-test ui-test open-tables-test clients-test nightly soak sbom deny
.PHONY: need-rust need-nextest need-node need-chromium need-python

help:
	@echo 'make demo   start Whodid with data in it (everything after it: make demo ARGS="--users 50000")'
	@echo 'make test   run every test'

demo: need-rust ui
	cargo run --release --locked --bin whodid -- demo $(ARGS)

test: lint rust-tests browser-test ui-test open-tables-test clients-test

# Recipes below run for both of the above, or for whoever works on Whodid.

setup: need-rust need-nextest need-node need-chromium $(NODE_PACKAGES) $(PYTHON_PACKAGES) $(CLIENT_PACKAGES)

lint: need-rust
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

# The web app, when its sources are here: a release build takes the files in, a debug build reads them. `cargo` by itself
# needs no Node: without the files the server says how to build them.
UI_SOURCES := $(if $(wildcard ui/package.json),$(shell find ui -type f -not -path '*/node_modules/*' -not -path 'ui/dist/*'))

ui: $(if $(UI_SOURCES),ui/dist/index.html)

ui/node_modules/.package-lock.json: ui/package-lock.json | need-node
	cd ui && npm ci --no-audit --no-fund
	touch $@

ui/dist/index.html: ui/node_modules/.package-lock.json $(UI_SOURCES)
	cd ui && npm run --silent build
	touch $@

# The first line also leaves the binary that the two tests below start, built with the same features as the tests.
rust-tests: need-rust need-nextest ui
	cargo build --workspace --bins --tests --locked
	cargo nextest run --workspace --locked

browser-test: rust-tests need-chromium $(NODE_PACKAGES)
	cd $(BROWSER_TEST) && WHODID_BIN=$(CARGO_TARGET_DIR)/debug/whodid npm test --silent

# The web app: whether its types are those of the API's description, its parts, and its pages in a browser.
ui-test: rust-tests need-chromium
	cd ui && npm run --silent check && npm run --silent test
	cd ui && WHODID_BIN=$(CARGO_TARGET_DIR)/debug/whodid npm run --silent test:browser

open-tables-test: rust-tests $(PYTHON_PACKAGES)
	cd $(OPEN_TABLES_TEST) && WHODID_BIN=$(CARGO_TARGET_DIR)/debug/whodid .venv/bin/python -m unittest -q

# Datadog's own Python client against the binary; one server for all test files.
clients-test: rust-tests $(CLIENT_PACKAGES)
	cd $(CLIENTS_TEST) && WHODID_BIN=$(CARGO_TARGET_DIR)/debug/whodid .venv/bin/python -m unittest -q

# The random tests with all their cases, and many kills.
nightly: need-rust need-nextest
	PROPTEST_CASES=20000 WHODID_CRASH_ROUNDS=500 cargo nextest run --workspace --locked --profile nightly
	$(MAKE) soak

# Twenty minutes of steady load; the figures go to tests/soak/figures.json. Part of what runs at night.
soak: need-rust
	cargo build --release --locked --bin whodid
	python3 tests/soak/soak.py --binary $(CARGO_TARGET_DIR)/release/whodid --out tests/soak/figures.json $(ARGS)

# What is built into the binary, as CycloneDX.
sbom: need-rust
	@cargo metadata --locked --format-version 1 | python3 packaging/sbom.py

# Licences, advisories, sources.
deny: need-rust
	@command -v cargo-deny >/dev/null || cargo install cargo-deny --locked
	cargo deny --locked check

# $(call need,COMMAND,DEBIAN PACKAGES): installs as root on Debian and its kin, says what to install elsewhere.
define need
@command -v $(1) >/dev/null && exit 0; \
if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
  echo '$(1) is missing: installing $(2)'; \
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(2); \
else \
  echo '$(1) is missing: install $(2) with the package manager of your system and run this again' >&2; exit 1; \
fi
endef

need-rust:
	$(call need,cc,build-essential)
	@command -v cargo >/dev/null || { echo 'cargo is missing: install Rust from https://rustup.rs and run this again' >&2; exit 1; }

need-nextest: need-rust
	@command -v cargo-nextest >/dev/null || cargo install cargo-nextest --locked

need-node:
	$(call need,npm,nodejs npm)

need-chromium:
	$(call need,$(CHROMIUM_PATH),chromium)

# Debian splits off what makes virtual environments.
need-python:
	$(call need,python3,python3 python3-venv)
	@python3 -c 'import ensurepip' 2>/dev/null || { echo 'python3 cannot make virtual environments: install python3-venv and run this again' >&2; exit 1; }

$(NODE_PACKAGES): $(BROWSER_TEST)/package-lock.json | need-node
	cd $(BROWSER_TEST) && npm ci --no-audit --no-fund
	touch $@

$(PYTHON_PACKAGES): $(OPEN_TABLES_TEST)/requirements.txt | need-python
	python3 -m venv $(OPEN_TABLES_TEST)/.venv
	$(OPEN_TABLES_TEST)/.venv/bin/pip install --quiet --disable-pip-version-check --requirement $<
	cp $< $@

$(CLIENT_PACKAGES): $(CLIENTS_TEST)/requirements.txt | need-python
	python3 -m venv $(CLIENTS_TEST)/.venv
	$(CLIENTS_TEST)/.venv/bin/pip install --quiet --disable-pip-version-check --requirement $<
	cp $< $@
