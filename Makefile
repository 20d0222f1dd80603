# The commands of the project. `cargo build` alone makes a working binary; this is for the rest.

PREFIX  ?= /usr/local
DESTDIR ?=

# Where rustup puts cargo, for a shell that was started before it was installed.
export PATH := $(PATH):$(HOME)/.cargo/bin

# .cargo/config.toml names the target, so that the binary is static; cargo then builds into a directory of that name.
target_dir = $(or $(CARGO_TARGET_DIR),target)
host       = $(shell rustc -vV | sed -n 's/^host: //p')
release    = $(target_dir)/$(host)/release/ctr

.PHONY: help build demo test bench lint generated install clean

help:            ## List these targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 24

build:           ## Build the release binary, one static file
	@scripts/ensure build
	cargo build --release --locked
	@ls -lh $(release) | awk '{ print $$9 ": " $$5 }'

demo:            ## Install what is missing, build, then pull, run, exec, list and remove a real image
	@scripts/ensure build demo
	cargo build --release --locked
	@scripts/demo $(release)

test:            ## Install what is missing and run all tests
	@scripts/ensure build test
	@scripts/run-tests

bench:           ## Measure beside bwrap, crun, podman and docker; writes benches/RESULTS.md
	@scripts/ensure build bench
	cargo build --release --locked
	@benches/run $(release)

lint:            ## rustfmt, clippy, shell scripts, licences and sources of dependencies
	@scripts/ensure build
	@scripts/lint

generated:       ## Write completions/ and man/ anew from the command line's definitions
	CTR_REGENERATE=1 cargo test --locked --lib cli::generated

install: build   ## Install to $(DESTDIR)$(PREFIX): binary, man pages, completions
	@scripts/install $(release) '$(DESTDIR)$(PREFIX)'

clean:           ## Remove what was built
	cargo clean
