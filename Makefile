# Everything that Sluice needs beside Swift 6.2 or later. `make run` and `make test` are all there is to know.

BUILD_PACKAGES = libcurl4-openssl-dev libmimalloc-dev librabbitmq-dev librdkafka-dev libsqlite3-dev libssl-dev zlib1g-dev pkg-config
TEST_PACKAGES  = chromium prometheus rabbitmq-server sqlite3 curl openssl python3 python3-venv docker-compose shellcheck
# Those that take longest come first. The gateway's tests run in parts, beside one another: those with a load, those of the whole
# program on Kafka, those of the whole program, and the rest.
GATEWAY_PARTS  = SluiceGatewayTests.EndToEndUnderLoad SluiceGatewayTests.EndToEnd/[A-J] SluiceGatewayTests.EndToEnd/[L-Z] \
                 SluiceGatewayTests.EndToEnd/K
LONGEST_TESTS  = $(GATEWAY_PARTS) SluiceGatewayTests SluiceAMQPTests SluiceKafkaTests BundleTests
TEST_TARGETS   = $(LONGEST_TESTS) $(filter-out $(LONGEST_TESTS),$(notdir $(wildcard Tests/*Tests)))
FAILED_TESTS   = .build/failed-tests
VENV           = .build-venv
SOURCES        = Package.swift Sources Tests Benchmarks/Package.swift Benchmarks/Sources \
                 Examples/Package.swift Examples/Sources Examples/Tests

PREFIX  ?= /usr/local
DESTDIR ?=

.PHONY: run build test examples soak bench docs docc sanitize format lint setup setup-test dashboards install uninstall dist

run: build
	.build/release/sluice run

# Swift's own libraries are linked in, so that the program runs where no Swift is.
build: setup
	swift build -c release --static-swift-stdlib --product sluice

# The program with completion for bash, zsh and fish, the manual page, the unit for systemd, dashboards, rules and examples.
# It builds nothing, so that it can run as root after `make build`.
install:
	PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' scripts/install.sh install

uninstall:
	PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' scripts/install.sh uninstall

# A tarball of what `make install` installs, in .build/dist. Made of the same program it is the same, byte by byte.
dist:
	scripts/dist.sh

# Four at a time: for the most part their tests wait. What failed is told once more at the end.
test: setup setup-test
	swift build --build-tests
	@rm -f $(FAILED_TESTS)
	@printf '%s $(GATEWAY_PARTS)\n' $(TEST_TARGETS) | \
		SLUICE_PYTHON=$(CURDIR)/$(VENV)/bin/python SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=8 \
		xargs -P 4 -L 1 scripts/test-target.sh .build/debug/sluicePackageTests.xctest $(FAILED_TESTS) || \
		{ cat $(FAILED_TESTS); false; }
	$(MAKE) examples

# A package of its own that uses the library as a stranger would, with its tests. Its build folder is its own, too.
examples: setup
	swift test --package-path Examples --scratch-path .build-examples

# The long runs, whole: `make test` plays a hundredth of each. They are tests whose names end in "ForLong".
soak: setup setup-test
	swift build -c release -Xswiftc -enable-testing --build-tests
	SLUICE_SOAK=1 SLUICE_PYTHON=$(CURDIR)/$(VENV)/bin/python SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=1 \
		swift test -c release -Xswiftc -enable-testing --skip-build --no-parallel --filter 'ForLong'

# Prints tables; compare figures of one run only. CHECK=1 fails where what is wanted is missed by more than a fifth.
bench: setup
	swift build -c release --package-path Benchmarks --scratch-path .build-bench --product sluice
	swift run -c release --package-path Benchmarks --scratch-path .build-bench sluice-benchmarks
	Benchmarks/program.py .build-bench/release/sluice

# What is made from the code: the catalogue of metrics.
docs: setup
	swift build --product sluice
	.build/debug/sluice metrics > docs/METRICS.md
	.build/debug/sluice documents .

# The documentation of each library product, in .build-docc/archives; a warning is an error. `TARGETS` chooses some of them.
# Without a parenthesis, which `make` would count.
LIBRARIES = $(shell grep '\.library' Package.swift | cut -d '"' -f 2)
docc: TARGETS = $(LIBRARIES)
docc: setup
	mkdir -p .build-docc/archives
	for target in $(TARGETS); do \
		SLUICE_DOCC=1 swift package --scratch-path .build-docc --allow-writing-to-directory .build-docc/archives \
			generate-documentation --target $$target --warnings-as-errors \
			--output-path .build-docc/archives/$$target.doccarchive || exit 1; \
	done

# The tests under a sanitizer, in a copy: races first, then memory. `TESTS` chooses some of the targets.
sanitize: setup setup-test
	scripts/sanitize.sh thread $(TESTS)
	scripts/sanitize.sh address $(TESTS)

# Writes dashboards/*.json from dashboards/source.
dashboards:
	python3 dashboards/source/build.py

format:
	swift format --in-place --recursive $(SOURCES)

lint:
	swift format lint --strict --recursive $(SOURCES)

# Installs the Debian packages that are missing, and nothing when none is.
define install
	@missing=; for package in $(1); do \
		dpkg-query -W -f '$${db:Status-Status}' $$package 2>/dev/null | grep -qx installed || missing="$$missing $$package"; \
	done; \
	if [ -n "$$missing" ]; then \
		as_root=; [ "$$(id -u)" = 0 ] || as_root=sudo; \
		echo "installing$$missing"; \
		$$as_root apt-get update -qq && \
		DEBIAN_FRONTEND=noninteractive $$as_root apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	fi
endef

setup:
	$(call install,$(BUILD_PACKAGES))

setup-test: $(VENV)/ready
	$(call install,$(TEST_PACKAGES))

# The strict OpenMetrics parser, one of the referees of /metrics; what Grafana's schemas are checked with; and a reader of
# YAML for the tests of rules; another client of RabbitMQ.
$(VENV)/ready: Makefile
	$(call install,$(TEST_PACKAGES))
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check prometheus-client jsonschema pyyaml pika
	@touch $@
