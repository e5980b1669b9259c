# `make demo` and `make test` are all a newcomer needs: both install what they need.
SHELL := /bin/bash
.DEFAULT_GOAL := help

CONTAINER_ENGINE ?= docker
RELEASE := .build/release/tripline
PREFIX ?= /usr/local

.PHONY: help setup setup-build demo test test-unit test-end-to-end test-faults build install bench lint format image clean kafka sanitizers fuzz \
    prove-real-payments prove-oracle-fails simulate mutants test-upgrade

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 22

setup: ## Install what is missing (system libraries, Python packages) and check the Swift toolchain
	@scripts/setup

setup-build: ## The same for building and the demo alone
	@scripts/setup --build

demo: setup-build ## Run the whole service on an embedded broker with generated payments
	swift build -c release --product tripline
	$(RELEASE) demo $(ARGS)

test: setup ## Run every test; the last line is the sum over all suites
	@scripts/test

test-unit: setup ## Run the Swift tests only
	@scripts/test --only swift

test-end-to-end: setup ## Run the end-to-end tests only (SUITES="test_kill …" for some of them)
	@scripts/test --only end-to-end $(SUITES)

test-faults: setup ## Run the fault matrix: takes hours, goes on where it was left (ARGS="--once", "--fault 'kill-*' --runs 3", …)
	@[[ -n $$TRIPLINE_BIN ]] || swift build -c release --product tripline
	@TRIPLINE_BIN=$${TRIPLINE_BIN:-$(CURDIR)/$(RELEASE)} .venv/bin/python Tests/Faults/run.py --results .build/faults.ndjson $(ARGS)

test-upgrade: setup ## Build a second version with another fold, and test upgrades, downgrades and a record that kills the process
	@scripts/test-upgrade

build: setup-build ## Build the release binary (SWIFT_BUILD_FLAGS=--static-swift-stdlib: it needs no Swift where it runs)
	swift build -c release --product tripline $(SWIFT_BUILD_FLAGS)

install: build ## Put tripline into $(PREFIX)/bin (PREFIX=/usr/local)
	install -D -m 0755 $(RELEASE) $(DESTDIR)$(PREFIX)/bin/tripline

bench: build ## Measure throughput and latency on this machine, with a broker
	$(RELEASE) bench $(ARGS)

lint: ## Check formatting, shell scripts and Python
	@scripts/lint

format: ## Format the Swift sources in place
	swift format format --in-place --parallel --configuration .swift-format --recursive Package.swift Sources Tests migrations

kafka: ## Download Apache Kafka for the end-to-end tests into .kafka/
	@scripts/setup --kafka
	@scripts/fetch-kafka

sanitizers: setup ## Run the Swift tests under the address sanitizer, and those with threads under the thread sanitizer
	swift test --parallel --sanitize=address --scratch-path .build-address
	swift test --parallel --sanitize=thread --scratch-path .build-thread --filter "FraudServiceTests|HTTPServerTests|RedisTests|PostgresTests"

simulate: ## Run seeds of the deterministic simulation (SEEDS=10000), or one with its history (SEED=7)
	swift build -c release --product simulate
	.build/release/simulate $(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),500))

mutants: ## Plant bugs in a copy of the source and see the simulation find each (MUTANTS="abort-keeps-state …" for some)
	@scripts/mutants $(MUTANTS)

fuzz: setup ## Fuzz decoding, metadata, checkpoints, rule files and HTTP (TARGET=payments for one, SECONDS=600 each)
	@scripts/fuzz --seconds $(or $(SECONDS),600) $(TARGET)

prove-real-payments: setup ## Compare alerts and windows over all payments of the data sets with their reference
	@TRIPLINE_WHOLE_DATA=1 scripts/test --only end-to-end test_real_payments

prove-oracle-fails: setup ## Break the exactly-once commit in a copy and see the end-to-end tests notice
	@scripts/prove-oracle-fails

image: ## Build the container image (docker, or CONTAINER_ENGINE=podman)
	$(CONTAINER_ENGINE) build -f deploy/Dockerfile --build-arg REVISION=$$(git rev-parse HEAD) -t tripline:local .

clean: ## Remove everything that was built
	rm -rf .build .build-address .build-thread .build-fuzz .build-upgrade .venv
