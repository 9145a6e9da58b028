# The two commands a newcomer needs are `make run` and `make test`; `make help` lists the rest.

SHELL := /bin/bash
PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
DESTDIR ?=
# Seconds for each of the two fuzzers, and arguments for the comparison (see Scripts/bench/compare --help).
FUZZ_SECONDS ?= 120
BENCH ?=
# Kills of `make crash`, and arguments for the soak (see Scripts/bench/soak --help).
KILLS ?= 50
SOAK ?=
# Arguments for the scale measurement (see Scripts/bench/scale --help).
SCALE ?=
# Arguments for the clients' own suites (see Scripts/compat --help).
COMPAT ?=
# Arguments for the comparison with Redis (see Scripts/compat-resp --help).
COMPAT_RESP ?=
# Arguments for the endless simulation (see taskd-simulate --help).
SIMULATE ?=

SWIFT_FORMAT := swift format
FORMAT_CONFIGURATION := Config/swift-format.json
SOURCES := Package.swift Sources Tests

.DEFAULT_GOAL := help
.PHONY: help run build test test-unit test-end-to-end simulate lint format bench soak scale crash compat compat-resp fuzz install clean \
	dependencies test-dependencies

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## Build and start the daemon here: AMQP on 127.0.0.1:5672, RESP on 127.0.0.1:6379
	@exec .build/release/taskd serve $(ARGS)

build: dependencies ## Build the daemon for release, installing what the build needs
	swift build -c release --product taskd

test: build test-dependencies ## Install what the tests need and run all of them
	Scripts/test

test-unit: dependencies ## Only the tests that need neither a daemon nor Python
	Scripts/test unit

test-end-to-end: build test-dependencies ## Only the tests of the daemon with real clients
	Scripts/test end-to-end

simulate: dependencies ## Cut a simulated disk's power until stopped, or until something is lost (SIMULATE=arguments)
	swift build -c release --product taskd-simulate
	.build/release/taskd-simulate --forever $(SIMULATE)

lint: ## Check formatting, the layers of the sources, and the scripts
	$(SWIFT_FORMAT) lint --strict --recursive --parallel --configuration $(FORMAT_CONFIGURATION) $(SOURCES)
	Scripts/check-layers
	Scripts/check-scripts

format: ## Format the sources in place
	$(SWIFT_FORMAT) --in-place --recursive --parallel --configuration $(FORMAT_CONFIGURATION) $(SOURCES)

bench: build ## Compare with RabbitMQ and Redis on this machine (minutes; not a test)
	Scripts/install-bench-dependencies
	Scripts/bench/compare $(BENCH)

soak: build ## Backlogs larger than memory, long turnover, recovery of millions (long; not a test)
	Scripts/bench/soak $(SOAK)

scale: build ## Many queues, bindings, connections and messages, and the longest turn (SCALE=arguments; not a test)
	Scripts/bench/scale $(SCALE)

crash: build ## Kill the daemon KILLS times under load and compare what is there after each start
	CRASH_KILLS=$(KILLS) CRASH_SECONDS=$$((60 + $(KILLS) * 12)) \
		python3 Tests/EndToEndTests/Clients/crash.py

compat: build test-dependencies ## Run the clients' own test suites against the daemon (COMPAT=arguments; long)
	Scripts/compat $(COMPAT)

compat-resp: build test-dependencies ## Compare a million replies with a real Redis's (COMPAT_RESP=arguments; minutes)
	Scripts/compat-resp $(COMPAT_RESP)

fuzz: dependencies ## Fuzz both decoders with libFuzzer, FUZZ_SECONDS each
	Scripts/fuzz $(FUZZ_SECONDS)

install: ## Install binary, example configuration and systemd unit (DESTDIR, PREFIX, SYSCONFDIR)
	@test -x .build/release/taskd || { echo "run 'make build' first" >&2; exit 1; }
	Scripts/install-files "$(DESTDIR)" "$(PREFIX)" "$(SYSCONFDIR)"

clean: ## Remove what was built, the tests' Python environments and reports
	rm -rf .build .venv-* bench-results compat-results fuzz-work


dependencies:
	@Scripts/install-build-dependencies

test-dependencies:
	@Scripts/install-test-dependencies
