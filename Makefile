# Two commands matter to a newcomer: `make demo` and `make test`. Both install what is missing first.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Everything built or downloaded lives here, outside the checkout, so that a second run is quick.
export AIEX_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/aiex
export CARGO_TARGET_DIR ?= $(AIEX_CACHE)/target
# RocksDB is compiled once for every profile (see tests/rocksdb).
export ROCKSDB_LIB_DIR ?= $(AIEX_CACHE)/rocksdb
export ROCKSDB_STATIC := 1
# Elixir's own source: the real input of the suites.
export AIEX_CORPUS ?= $(AIEX_CACHE)/corpus/elixir

.PHONY: help setup build check fix test demo bench docs

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: ## install what the machine lacks (system packages, RocksDB, the corpus, the judges)
	@tests/setup

build: ## build the release binaries: aiex and aiex-node
	@tests/setup build
	cargo build --release --locked -p aiex -p aiex-node
	@ls -l $(CARGO_TARGET_DIR)/release/aiex $(CARGO_TARGET_DIR)/release/aiex-node

check: ## formatting and lints; writes nothing
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

fix: ## apply formatting and the lints' own fixes
	cargo fmt --all
	cargo clippy --workspace --all-targets --fix --allow-dirty --allow-staged

test: ## everything CI runs
	@tests/setup test
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo build --workspace --all-targets --locked
	@tests/suite

demo: ## the main job on a real Elixir project, start to finish
	@tests/setup demo
	cargo build --locked -p aiex -p aiex-node -p aiex-scripted-provider
	@tests/demo

bench: ## measure and print; release build
	@tests/setup test
	cargo build --release --locked -p aiex -p aiex-node -p aiex-bench
	$(CARGO_TARGET_DIR)/release/aiex-bench --binaries $(CARGO_TARGET_DIR)/release --corpus $(AIEX_CORPUS)

docs: ## the API reference, as HTML
	cargo doc --workspace --no-deps --locked
