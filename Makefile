# What a developer does here, and a packager. It needs cargo, a C and a C++ compiler, make and Python 3; `make help`
# says the rest.

CARGO  ?= cargo
PYTHON ?= python3
CFLAGS ?= -O2 -g
CXXFLAGS ?= $(CFLAGS)
# Said to cargo whenever it builds: make CARGOFLAGS=--offline
CARGOFLAGS ?=

# Where `make install` puts things, with the names of the GNU Coding Standards, in lower or upper case. DESTDIR, for
# packagers, is put before all of it.
DIRECTORIES := prefix exec_prefix bindir libdir libexecdir includedir datarootdir mandir docdir
PREFIX ?= /usr/local
EXEC_PREFIX ?= $(prefix)
BINDIR ?= $(exec_prefix)/bin
LIBDIR ?= $(exec_prefix)/lib
LIBEXECDIR ?= $(exec_prefix)/lib
INCLUDEDIR ?= $(prefix)/include
DATAROOTDIR ?= $(prefix)/share
MANDIR ?= $(datarootdir)/man
DOCDIR ?= $(datarootdir)/doc/atlas-backup
prefix ?= $(PREFIX)
exec_prefix ?= $(EXEC_PREFIX)
bindir ?= $(BINDIR)
libdir ?= $(LIBDIR)
libexecdir ?= $(LIBEXECDIR)
includedir ?= $(INCLUDEDIR)
datarootdir ?= $(DATAROOTDIR)
mandir ?= $(MANDIR)
docdir ?= $(DOCDIR)

BUILD := build
# What `make` built, for `make install`, which does not ask cargo; make install BUILT=build/portable takes the other one.
BUILT ?= $(BUILD)/library
WARNINGS := -Wall -Wextra -Wpedantic -Werror

# Where cargo puts what it builds: asked once, and only by targets that need it.
TARGET = $(eval TARGET := $$(call ask_cargo))$(TARGET)
ask_cargo = $(or $(shell $(CARGO) metadata --format-version 1 --no-deps --locked | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p'), \
                 $(error $(CARGO) does not work here; see https://rustup.rs))
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
SONAME := libatlas_backup.so.$(firstword $(subst ., ,$(VERSION)))

# The library as it is shipped, which cargo may have built anywhere.
RELEASE = $(abspath $(BUILD)/library)
SIMULATOR = $(TARGET)/debug/atlas-simulator
# Programs run from where they were built, without being installed.
LINK = -L$(RELEASE) -latlas_backup -Wl,-rpath,$(RELEASE)

# Should the environment have one of these names, make would work them out, and ask cargo, for every target.
unexport TARGET RELEASE SIMULATOR LINK TOLD

BENCHES := $(BUILD)/bench
C_PROGRAMS := $(patsubst bindings/c/%.c,$(BUILD)/%,$(wildcard bindings/c/*.c))
C_HEADERS := include/atlas_backup.h $(wildcard bindings/c/*.h)
C_TESTS := $(wildcard tests/c/*.c)
C_TEST_PROGRAMS := $(BUILD)/tests-c99 $(BUILD)/tests-cxx11 $(BUILD)/at_exit

.PHONY: all library tools manuals notices simulator programs install install-debug uninstall portable platforms dist release-check header abi docs demo check test instructions bench fuzz soak tsan mutants clean help
.DELETE_ON_ERROR:

all: library tools manuals
	@echo
	@echo "Built $(BUILD)/library/libatlas_backup.so and libatlas_backup.a; the header is include/atlas_backup.h."
	@echo "See them at work: make demo. Install them: make install, with prefix=/usr/local unless you say otherwise."

library:
	@CARGO="$(CARGO)" packaging/library.sh $(BUILD)/library $(CARGO) rustc $(CARGOFLAGS)

# The programs as they are installed, for the library in BUILT: make tools BUILT=... CC=... builds them for another one.
TOOLS := $(patsubst bindings/c/%.c,$(BUILT)/programs/%,$(wildcard bindings/c/*.c))
tools: $(TOOLS)

$(BUILT)/programs/%: bindings/c/%.c $(C_HEADERS) | library
	@mkdir -p $(@D)
	$(CC) -std=c99 -Iinclude $(CPPFLAGS) $(CFLAGS) -o $@ $< $(LDFLAGS) -L$(BUILT) -latlas_backup -pthread

# Manual pages and completions, made of what programs and header say of themselves.
manuals: $(TOOLS)
	@LD_LIBRARY_PATH="$(BUILT)" packaging/manuals.sh $(BUILD)/share $(TOOLS)

# The symbols are apart: they are as large as the library, and few need them.
install install-debug uninstall:
	@$(foreach name,$(DIRECTORIES),$(name)="$($(name))") DESTDIR="$(DESTDIR)" VERSION="$(VERSION)" SONAME="$(SONAME)" \
	    BUILT="$(BUILT)" MANUALS="$(BUILD)/share" packaging/install.sh $@

# The licences of what is inside the library, and bills of materials.
notices:
	$(PYTHON) packaging/notices.py
	@echo "THIRD-PARTY-NOTICES, packaging/atlas-backup.cdx.json and packaging/crates.zlib are up to date."

# For other machines than this one, and for old systems: make portable ARCH=aarch64 LIBC=musl, as packaging/platforms has
# them. Both are for the command line alone, since other things are called ARCH in the environment, too.
ARCH = $(patsubst armv7l,armv7,$(shell uname -m))
LIBC = gnu
PLATFORM = $(ARCH)-linux-$(LIBC)
ZIG := $(BUILD)/zig/bin
# All that packaging/platforms has; make dist PLATFORMS=aarch64-linux-gnu takes one.
PLATFORMS = $(shell sed -n 's/^\([a-z0-9_-]*\) .*/\1/p' packaging/platforms)

portable: $(ZIG)/cargo-zigbuild
	@$(TOLD) packaging/portable.sh $(PLATFORM) $(CARGOFLAGS)

# Runs the tests on each platform, which takes half an hour or more, and writes down how that went.
platforms: simulator $(ZIG)/cargo-zigbuild
	@$(TOLD) RECORD=docs/platforms.md tests/platforms/run $(PLATFORMS)

# What is given out: tarballs, packages of Debian and RPM, wheels and their sums.
# Debian's packages name who answers for them: make dist MAINTAINER="NAME <ADDRESS>"
MAINTAINER ?=
DIST ?= $(BUILD)/dist

dist: manuals $(ZIG)/cargo-zigbuild
	@for platform in $(PLATFORMS); do \
	    $(TOLD) MAINTAINER="$(MAINTAINER)" packaging/dist.sh $(DIST) $$platform $(CARGOFLAGS) || exit; \
	done
	@echo "See $(DIST)."

$(ZIG)/cargo-zigbuild:
	@rm -rf $(BUILD)/zig
	$(PYTHON) -m venv $(BUILD)/zig
	$(ZIG)/pip install --quiet --disable-pip-version-check cargo-zigbuild ziglang auditwheel

# What a release still lacks; CONTRIBUTING.md has what a person does besides.
release-check:
	@$(TOLD) PATH="$(abspath $(BUILD)/tools/bin):$$PATH" packaging/release-check $(CHECKS)

simulator:
	$(CARGO) build --locked $(CARGOFLAGS) --package atlas-simulator

# The same with warnings, and a path in them so that they run from where they were built; for tests.
programs: $(C_PROGRAMS)

$(BUILD):
	@mkdir -p $@

$(C_PROGRAMS): $(BUILD)/%: bindings/c/%.c $(C_HEADERS) | library $(BUILD)
	$(CC) -std=c99 $(WARNINGS) $(CFLAGS) -Iinclude -o $@ $< $(LINK) -pthread

$(BUILD)/tests-c99: $(C_TESTS) $(wildcard tests/c/*.h) include/atlas_backup.h | library $(BUILD)
	$(CC) -std=c99 $(WARNINGS) -Wstrict-prototypes $(CFLAGS) -Iinclude -o $@ $(C_TESTS) $(LINK) -pthread -lm

$(BUILD)/tests-cxx11: $(C_TESTS) $(wildcard tests/c/*.h) include/atlas_backup.h | library $(BUILD)
	$(CXX) -std=c++11 $(WARNINGS) $(CXXFLAGS) -Iinclude -o $@ -x c++ $(C_TESTS) -x none $(LINK) -pthread -lm

$(BUILD)/at_exit: tests/at_exit/at_exit.cpp include/atlas_backup.h | library $(BUILD)
	$(CXX) -std=c++11 $(WARNINGS) $(CXXFLAGS) -Iinclude -o $@ $< $(LINK) -pthread

$(BUILD)/soak: tests/soak/soak.c tests/soak/control.c tests/soak/control.h include/atlas_backup.h | library $(BUILD)
	$(CC) -std=c99 $(WARNINGS) -Wstrict-prototypes $(CFLAGS) -Iinclude -o $@ $(filter %.c,$^) $(LINK) -pthread

header:
	$(CARGO) check --quiet --lib --features header
	@echo "include/atlas_backup.h and include/atlas_backup.ffi.h are up to date."

# The baseline of the ABI; needs abidw, of Debian's abigail-tools. When may it change? docs/abi-policy.md
abi:
	@command -v abidw >/dev/null || { echo "abidw is not installed." >&2; exit 1; }
	CC="$(CC)" packaging/abi.sh packaging/abi

# One folder of HTML, of README, the documents and the references of C and Python; the Rust crate's own lies apart.
DOCS := $(BUILD)/docs
DOCS_PYTHON := $(BUILD)/docs-tools/bin/python

docs: library $(DOCS_PYTHON)
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --no-deps --locked $(CARGOFLAGS) --lib
	@rm -rf $(DOCS) && mkdir -p $(DOCS)
	doxygen packaging/Doxyfile
	ATLAS_BACKUP_LIBRARY="$(RELEASE)/libatlas_backup.so" PYTHONPATH=bindings/python/src \
	    $(DOCS_PYTHON) -m pdoc --output-directory $(DOCS)/python atlas_backup
	$(DOCS_PYTHON) packaging/site.py $(DOCS)
	@echo "See $(DOCS)/index.html and $(TARGET)/doc/atlas_backup/index.html."

$(DOCS_PYTHON):
	@rm -rf $(BUILD)/docs-tools
	$(PYTHON) -m venv $(BUILD)/docs-tools
	$(BUILD)/docs-tools/bin/pip install --quiet --disable-pip-version-check pdoc typing_extensions markdown-it-py mdit-py-plugins

# What the scripts in tests/ need to know.
TOLD = PLATFORM="$(PLATFORM)" BUILD="$(BUILD)" SIMULATOR="$(SIMULATOR)" LIBRARY="$(RELEASE)/libatlas_backup.so" SONAME="$(SONAME)" \
       VERSION="$(VERSION)" CARGO="$(CARGO)" CC="$(CC)" CXX="$(CXX)" PYTHON="$(PYTHON)" MAKE="$(MAKE)"

demo: library simulator programs
	@$(TOLD) tests/demo

# What one runs after each change: some seconds, once everything was compiled. It needs neither the release build nor a
# program written in C.
check:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked $(CARGOFLAGS) --quiet -- -D warnings
	$(CARGO) test --workspace --lib --test documents --test fields --locked $(CARGOFLAGS) --quiet

# `make test` runs everything; `make test STEPS="rust python"` only that.
test: library simulator programs tools manuals $(C_TEST_PROGRAMS) $(BENCHES)/ours
	@$(TOLD) tests/run $(STEPS)

# What `make test` compares with: instructions of the library as it is shipped. Needs valgrind.
instructions: library simulator $(BENCHES)/ours
	@$(TOLD) "$(SIMULATOR)" run --env all -- tests/instructions/run --renew

# Not part of `make test`, since it takes as long as one likes; make fuzz FUZZ_SECONDS=600 FUZZ_TARGETS="snapshot c_abi".
FUZZ_SECONDS ?= 60
CARGO_FUZZ := $(BUILD)/tools/bin/cargo-fuzz

fuzz: $(CARGO_FUZZ)
	@CARGO_FUZZ="$(CARGO_FUZZ)" FUZZ_SECONDS="$(FUZZ_SECONDS)" fuzz/run $(FUZZ_TARGETS)

$(BUILD)/tools/bin/cargo-%:
	$(CARGO) install --quiet --root $(BUILD)/tools --locked cargo-$*

# Speed, side by side with what else there is; written to docs/benchmarks.md. Best on a machine that does nothing else.
# make bench BENCH="lists parse" measures only that, and prints it; benches/run has the names.
BENCH ?=

bench: library simulator programs $(addprefix $(BENCHES)/,ours libcurl launch venv/bin/python)
	@BUILD="$(BUILD)" SIMULATOR="$(SIMULATOR)" LIBRARY="$(RELEASE)/libatlas_backup.so" VERSION="$(VERSION)" \
	    CARGO="$(CARGO)" BENCH="$(BENCH)" benches/run

# Always -O2, since its instructions are counted with the library's.
$(BENCHES)/ours: benches/ours.c include/atlas_backup.h | library
	@mkdir -p $(BENCHES)
	$(CC) -std=c99 $(WARNINGS) $(CFLAGS) -O2 -Iinclude -o $@ $< $(LINK) -pthread

$(BENCHES)/launch: benches/launch.c
	@mkdir -p $(BENCHES)
	$(CC) -std=c99 $(WARNINGS) $(CFLAGS) -o $@ $<

$(BENCHES)/libcurl: $(addprefix benches/,libcurl.c json_c.c yyjson.c parser.h) | $(BENCHES)/yyjson/yyjson.c
	$(CC) -std=c99 $(WARNINGS) $(CFLAGS) -I$(BENCHES) -o $@ $(filter %.c,$^) $(BENCHES)/yyjson/yyjson.c \
	    $(or $(shell pkg-config --cflags --libs libcurl json-c), \
	    $(error make bench needs libcurl and json-c; in Debian: libcurl4-openssl-dev, libjson-c-dev, pkg-config))

# Debian 12 has no yyjson; its Python binding brings the source.
$(BENCHES)/yyjson/yyjson.c: $(BENCHES)/venv/bin/python
	@rm -rf $(@D)
	@mkdir -p $(@D)
	$(BENCHES)/venv/bin/pip download --quiet --disable-pip-version-check --no-deps --no-binary :all: --dest $(@D) yyjson==4.0.6
	tar -xzf $(@D)/yyjson-4.0.6.tar.gz -C $(@D) --strip-components=2 yyjson-4.0.6/yyjson
	@touch $@

$(BENCHES)/venv/bin/python:
	@rm -rf $(BENCHES)/venv
	$(PYTHON) -m venv $(BENCHES)/venv
	$(BENCHES)/venv/bin/pip install --quiet --disable-pip-version-check requests

# Sixteen threads, every fault there is, for half an hour; what the last run found: docs/test-results.md
SOAK_MINUTES ?= 30

soak: library simulator $(BUILD)/soak
	"$(SIMULATOR)" run --env all -- $(BUILD)/soak $(SOAK_MINUTES)

# Data races: the C tests and some minutes of the soak. Compiles the standard library; what the last run found:
# docs/test-results.md
TSAN_MINUTES ?= 3

tsan: simulator
	@$(TOLD) tests/tsan/run $(TSAN_MINUTES)

# Do tests notice small faults put into the code? An hour or more; MODULES="error retry" tries some of it.
mutants: $(BUILD)/tools/bin/cargo-mutants
	@BUILD="$(BUILD)" CARGO="$(CARGO)" PATH="$(abspath $(BUILD)/tools/bin):$$PATH" tests/mutants $(MODULES)

clean:
	rm -rf $(BUILD) .venv fuzz/target
	$(CARGO) clean

help:
	@echo "make          build the library as it is shipped: libatlas_backup.so and libatlas_backup.a"
	@echo "make demo     see it fetch a snapshot, from C and from Python, from a simulated Atlas"
	@echo "make check    formatting, clippy and the unit tests: in seconds, after each change"
	@echo "make test     run every test there is; STEPS=\"...\" runs some: $$(tests/run --list)"
	@echo "make bench    measure speed, side by side with others; writes docs/benchmarks.md; BENCH=\"...\" prints some: $$(benches/run --list)"
	@echo "make instructions  write the figures again that make test compares the library's instructions with"
	@echo "make soak     sixteen threads and every fault for half an hour; SOAK_MINUTES=5 for five minutes"
	@echo "make tsan     the C tests and some of the soak with ThreadSanitizer; TSAN_MINUTES=10 soaks for longer"
	@echo "make mutants  put small faults into the code: do tests notice? Takes an hour or more"
	@echo "make header   write include/atlas_backup.h again, after a change in src/ffi"
	@echo "make abi      write the baseline of the ABI again, after an addition to the header"
	@echo "make docs     all documentation as one folder of HTML: $(BUILD)/docs/index.html"
	@echo "make install  prefix=/usr/local libdir=... DESTDIR=...; make install-debug: symbols; make uninstall takes all away"
	@echo "make notices  write the licences and the bill of materials again, after a change of Cargo.lock"
	@echo "make portable build for another platform or old systems: ARCH=aarch64 LIBC=musl; packaging/platforms has all"
	@echo "make dist     what is given out, for every platform: tarballs, packages and wheels; MAINTAINER=\"NAME <ADDRESS>\", PLATFORMS=\"...\" for some"
	@echo "make release-check what this version still lacks for a release; CHECKS=\"versions notices\" looks at some"
	@echo "make platforms run the tests on every platform, and write down in docs/platforms.md how that went"
	@echo "make fuzz     run every fuzz target for FUZZ_SECONDS=$(FUZZ_SECONDS); FUZZ_TARGETS=\"...\" runs some"
	@echo "make clean    remove what was built, and the Python tools that the tests installed"
