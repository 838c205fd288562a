# What a developer does here. It needs cargo, a C and a C++ compiler, make and Python 3; `make help` says the rest.

CARGO  ?= cargo
PYTHON ?= python3
CFLAGS ?= -O2 -g
CXXFLAGS ?= $(CFLAGS)

BUILD := build
WARNINGS := -Wall -Wextra -Wpedantic -Werror

# Where cargo puts what it builds: asked once, and only by targets that need it.
TARGET = $(eval TARGET := $$(call ask_cargo))$(TARGET)
ask_cargo = $(or $(shell $(CARGO) metadata --format-version 1 --no-deps --locked | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p'), \
                 $(error $(CARGO) does not work here; see https://rustup.rs))
SONAME := libatlas_backup.so.$(shell sed -n 's/^version = "\([0-9]*\).*/\1/p' Cargo.toml)

RELEASE = $(TARGET)/release
SIMULATOR = $(TARGET)/debug/atlas-simulator
# Programs run from where they were built, without being installed.
LINK = -L$(RELEASE) -latlas_backup -Wl,-rpath,$(RELEASE)

C_PROGRAMS := $(patsubst bindings/c/%.c,$(BUILD)/%,$(wildcard bindings/c/*.c))
C_TESTS := $(wildcard tests/c/*.c)
C_TEST_PROGRAMS := $(BUILD)/tests-c99 $(BUILD)/tests-cxx11

.PHONY: all library simulator programs header demo test clean help
.DELETE_ON_ERROR:

all: library
	@echo
	@echo "Built $(RELEASE)/libatlas_backup.so and libatlas_backup.a; the header is include/atlas_backup.h."
	@echo "See them at work: make demo"

# As it is shipped. The crate is an rlib, too, for its own tests; with an rlib among them cargo silently leaves
# link-time optimization out, hence the crate types here.
library:
	$(CARGO) rustc --lib --release --locked --crate-type cdylib,staticlib
	@ln -sf libatlas_backup.so $(RELEASE)/$(SONAME)

simulator:
	$(CARGO) build --locked --package atlas-simulator

programs: $(C_PROGRAMS)

$(BUILD):
	@mkdir -p $@

$(C_PROGRAMS): $(BUILD)/%: bindings/c/%.c bindings/c/format.h include/atlas_backup.h | library $(BUILD)
	$(CC) -std=c99 $(WARNINGS) $(CFLAGS) -Iinclude -o $@ $< $(LINK) -pthread

$(BUILD)/tests-c99: $(C_TESTS) tests/c/check.h include/atlas_backup.h | library $(BUILD)
	$(CC) -std=c99 $(WARNINGS) -Wstrict-prototypes $(CFLAGS) -Iinclude -o $@ $(C_TESTS) $(LINK) -pthread

$(BUILD)/tests-cxx11: $(C_TESTS) tests/c/check.h include/atlas_backup.h | library $(BUILD)
	$(CXX) -std=c++11 $(WARNINGS) $(CXXFLAGS) -Iinclude -o $@ -x c++ $(C_TESTS) -x none $(LINK) -pthread

header:
	$(CARGO) check --quiet --lib --features header
	@echo "include/atlas_backup.h is up to date."

# What the scripts in tests/ need to know.
TOLD = BUILD="$(BUILD)" SIMULATOR="$(SIMULATOR)" LIBRARY="$(RELEASE)/libatlas_backup.so" SONAME="$(SONAME)" \
       CARGO="$(CARGO)" CC="$(CC)" CXX="$(CXX)" PYTHON="$(PYTHON)"

demo: library simulator programs
	@$(TOLD) tests/demo

# `make test` runs everything; `make test STEPS="rust python"` only that.
test: library simulator programs $(C_TEST_PROGRAMS)
	@$(TOLD) tests/run $(STEPS)

clean:
	rm -rf $(BUILD) .venv
	$(CARGO) clean

help:
	@echo "make          build the library as it is shipped: libatlas_backup.so and libatlas_backup.a"
	@echo "make demo     see it fetch a snapshot, from C and from Python, from a simulated Atlas"
	@echo "make test     run every test there is; STEPS=\"...\" runs some: $$(tests/run --list)"
	@echo "make header   write include/atlas_backup.h again, after a change in src/ffi"
	@echo "make clean    remove what was built, and the Python tools that the tests installed"
