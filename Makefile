# make demo     the whole thing on this machine: private PostgreSQL, sample model, some forty jobs
# make test     everything that can be tested here
# make chaos    the queue's fault tests at full length, on a private PostgreSQL: about an hour
# make build    the release binary
# make install  it, the unit and an example configuration (PREFIX, DESTDIR; after make build)
# make format   the sources

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

SWIFT ?= swift
# Tests that compute keep every core: those that wait for a server or a daemon run apart from them.
COMPUTE_TESTS = MoedCoreTests|MoedTextTests|MoedWeightsTests|MoedEngineTests|MoedBatchingTests|MoedDaemonTests
# What computes is tested a second time, optimised, and so is the whole way of a job.
RELEASE_TESTS = $(COMPUTE_TESTS)|EndToEndTests
PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
DESTDIR ?=
# A build folder of its own: other link options would have the tests compile everything anew.
BUILD_FOLDER = .build-static
BINARY = $(BUILD_FOLDER)/release/moed

.PHONY: demo test chaos build install format deps venv

demo: build
	MOED_BINARY=$(BINARY) Tests/Demo/demo.sh

test: deps venv
	$(SWIFT) build --build-tests
	$(SWIFT) test --skip-build --filter '$(COMPUTE_TESTS)'
	$(SWIFT) test --skip-build --skip '$(COMPUTE_TESTS)'
	$(SWIFT) test -c release --filter '$(RELEASE_TESTS)'

chaos: build
	MOED_BINARY=$(BINARY) Tests/Chaos/chaos.sh

# The Swift runtime is linked in, so that the binary runs on hosts without a toolchain.
build: deps
	$(SWIFT) build -c release --product moed --static-swift-stdlib --scratch-path $(BUILD_FOLDER)

install:
	@test -x $(BINARY) || { echo 'make install: first run make build' >&2; exit 1; }
	install -D -m 755 $(BINARY) '$(DESTDIR)$(PREFIX)/bin/moed'
	install -d '$(DESTDIR)$(PREFIX)/lib/systemd/system' '$(DESTDIR)$(PREFIX)/share/doc/moed'
	sed 's|^ExecStart=/usr/bin/moed|ExecStart=$(PREFIX)/bin/moed|' systemd/moed.service \
	  >'$(DESTDIR)$(PREFIX)/lib/systemd/system/moed.service'
	chmod 644 '$(DESTDIR)$(PREFIX)/lib/systemd/system/moed.service'
	install -m 644 systemd/moed-socket.conf sql/example_*.sql '$(DESTDIR)$(PREFIX)/share/doc/moed/'
	install -D -m 644 systemd/moed.yaml.example '$(DESTDIR)$(SYSCONFDIR)/moed/moed.yaml.example'

format:
	$(SWIFT) format --in-place --recursive Package.swift Sources Tests

deps:
	.ci/deps

venv: deps
	.ci/venv
