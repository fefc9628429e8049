# facemux: what can be done here. `make help` lists it; `make run` and `make test` are the two to know.
#
# Every target does its own set-up: on Debian as root missing packages are installed, otherwise they are listed.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# Where the outside test material lies, if it is there: recorded output to restore, and other multiplexers to run beside.
FIDELITY_DIR ?= ../shared/fidelity
PEERS_DIR ?= ../shared/peers
# Limits of the longer targets.
SEEDS ?= 10000
FUZZ_SECONDS ?= 60
CHAOS_SECONDS ?= 600
RUN_ARGS ?=

CARGO ?= cargo
TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
RELEASE := $(TARGET_DIR)/release/facemux
STATIC = $(TARGET_DIR)/$(HOST)/small/facemux-static
HOST := $(shell rustc -vV 2>/dev/null | sed -n 's/^host: //p')
WEB_SOURCES := $(wildcard web/package.json web/package-lock.json web/*.mjs web/*.js web/*.json web/*.html web/*.css) \
	$(shell find web/src -type f 2>/dev/null)

export FIDELITY_DIR PEERS_DIR SEEDS CHAOS_SECONDS

.PHONY: help run build web test e2e check sim golden layers fidelity chaos lint fmt fuzz fuzz-build bench peers size cost static doc dev ci clean

help: ## list these targets
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' Makefile

run: ## build facemux with its web page and serve; prints how to get in (RUN_ARGS="--web off ..." passes flags on)
	@scripts/setup.sh run
	@$(MAKE) build
	@exec scripts/run.sh $(RELEASE) $(RUN_ARGS)

build: web ## the release binary, target/release/facemux
	$(CARGO) build --locked --release

web: ## the page, built from npm into web/dist (embedded by the next build)
	@scripts/web.sh $(WEB_SOURCES)

test: ## everything that proves the program, with the programs it is tested against
	@scripts/setup.sh test
	@$(MAKE) web
	@scripts/test.sh

e2e: ## of make test, the page in a real Chromium alone: every state, kills, cuts, accessibility
	@scripts/setup.sh test
	@$(MAKE) web
	$(CARGO) build --locked --profile ci
	cd web && FACEMUX=$(abspath $(TARGET_DIR))/ci/facemux npm run --silent e2e </dev/null

check: ## the quick look while working: compiles, unit tests, layers
	$(CARGO) check --locked --all-targets
	$(CARGO) test --locked --lib
	$(MAKE) layers

sim: ## the simulation over SEEDS seeds (default 10000); planted bugs are found
	@scripts/sim.sh

golden: ## the golden recordings
	@scripts/optional.sh tests/golden.rs $(CARGO) test --locked --test golden

layers: ## the tree's rules: imports, forbidden names, layout
	$(CARGO) test --locked --test layers --test docs

fidelity: ## recorded programs restored and compared with xterm.js, cell by cell (FIDELITY_DIR)
	@scripts/setup.sh fidelity
	@scripts/fidelity.sh

chaos: ## everything is killed 1,000 times, within CHAOS_SECONDS (default 600); nothing may be lost, doubled or left behind
	@scripts/setup.sh test
	@scripts/optional.sh tests/chaos.rs $(CARGO) test --locked --profile ci --features planted --test chaos -- --nocapture

lint: ## fmt, clippy, cargo deny, shell and man page syntax
	@scripts/lint.sh

fmt: ## format the Rust sources
	$(CARGO) fmt

fuzz-build: ## all fuzz targets compile
	@scripts/fuzz.sh build

fuzz: ## each fuzz target for FUZZ_SECONDS (default 60); needs a nightly toolchain
	@scripts/fuzz.sh run $(FUZZ_SECONDS)

bench: ## the benches of one process
	$(CARGO) bench --locked

peers: ## facemux beside tmux, screen, dtach, ttyd, sshd, dropbear and a bare relay (PEERS_DIR); rewrites docs/measurements.md
	@scripts/setup.sh peers
	@$(MAKE) build
	@scripts/peers.sh $(RELEASE)

size: ## the static binary's size by part, and the memory of each process
	@scripts/setup.sh size
	@$(MAKE) web
	@scripts/size.sh

cost: ## what checkpoints and the record of calls cost the daemon, by valgrind
	@scripts/setup.sh cost
	@$(MAKE) web
	@scripts/cost.sh

static: web ## a static binary that runs in an empty image, and is run in one
	@scripts/static.sh
	@scripts/is-static.sh $(STATIC)
	FACEMUX_STATIC=$(abspath $(STATIC)) $(CARGO) test --locked --profile ci --test boxed

doc: ## the API documentation, warnings as errors
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps --document-private-items

dev: ## a debug build, served in a directory of its own under target/
	@scripts/setup.sh run
	@$(MAKE) web
	$(CARGO) build --locked
	@mkdir -p -m 700 $(abspath $(TARGET_DIR))/dev
	@exec env FACEMUX_DIR=$(abspath $(TARGET_DIR))/dev FACEMUX_LOG=debug scripts/run.sh $(TARGET_DIR)/debug/facemux $(RUN_ARGS)

ci: ## what .ci/run runs: test, sim, fidelity, lint, fuzz-build
	@$(MAKE) test
	@$(MAKE) sim
	@$(MAKE) fidelity
	@$(MAKE) lint
	@$(MAKE) fuzz-build
	@scripts/tally.sh

clean: ## remove what was built
	$(CARGO) clean
	rm -rf web/dist web/node_modules
