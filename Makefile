# `make demo` shows it, `make test` tries everything; both work on a fresh Debian or Ubuntu machine with rustup and a C compiler.

.PHONY: dist dist-all demo test unit integration docker machines orchestrators hardening qemu vectors emulated load bench gate fuzz deny advisories cargo-deny sbom coverage mutants fmt lint reproducible ci release-dry-run examples figures clean
.NOTPARALLEL:

# The executable and its flavour without TLS, for this machine: target/dist/healthcheck[-plain].
dist:
	scripts/build-small
	scripts/build-small "$$(uname -m)" plain

# Every flavour for every architecture.
dist-all:
	set -e; for arch in x86_64 aarch64; do for flavour in default plain loopback plain-loopback; do \
		scripts/build-small $$arch $$flavour; done; done

demo:
	scripts/docker-engine run scripts/demo

test: unit integration docker

unit:
	cargo test --locked --lib --bins --test corpus
	cargo test --locked --release --package healthcheck-alloc --features model
	cargo test --locked --package healthcheck-ring

# Against the executables that `make dist` leaves, and the flavour that stays on this machine. One run of them at a time.
# What the fault server was tried with is shown.
integration: dist
	scripts/build-small "$$(uname -m)" loopback
	HEALTHCHECK_BIN=$(CURDIR)/target/dist/healthcheck flock target/it.lock cargo test --locked --test '*'
	cat target/fault-matrix.md

# In containers of a real Docker engine, and the Dockerfile itself.
docker: dist
	scripts/docker-engine run tests/docker/run

# The kubelet, built once in six CPU minutes, and Debian 13, for those below; kept in target/.
machines:
	tests/orchestrators/kubelet
	tests/orchestrators/trixie

# Under a real kubelet, systemd with Podman 5, Consul; as root.
orchestrators: dist
	tests/orchestrators/run

# What the ELF files say of all architectures; those that are foreign run under qemu.
hardening:
	tests/hardening/run

# The integration tests against another architecture's executables, emulated: make qemu ARCH=s390x. Minutes.
qemu: dist
	scripts/qemu $(ARCH)

# The unit tests of TLS, with their vectors, on each architecture.
vectors:
	set -e; for arch in aarch64 armv7 i686 ppc64le riscv64 s390x; do scripts/qemu --unit $$arch net::tls; done

# Every handshake where hardening has none.
emulated:
	set -e; for arch in i686 ppc64le; do scripts/qemu --default $$arch tls::each_handshake; done

# Very many checks, for minutes: not part of the tests.
load: dist
	scripts/docker-engine run tests/load/run

bench:
	bench/run

gate:
	scripts/gate

# Every fuzz target so long, so many at a time; `make unit` runs them over their corpora.
SECONDS ?= 60
JOBS ?= 1
fuzz:
	scripts/fuzz -j $(JOBS) $(SECONDS)

# Licences, versions and sources of what is linked: deny.toml. Needs no network beyond crates.io.
deny: cargo-deny
	cargo deny --locked check bans licenses sources

# What is known against it; RustSec's list is fetched from GitHub.
advisories: cargo-deny
	cargo deny --locked check advisories

cargo-deny:
	command -v cargo-deny >/dev/null || cargo install --locked cargo-deny

# What the executables are made of, in CycloneDX: target/dist/healthcheck*.cdx.json.
sbom:
	scripts/sbom

# The lines that the tests reach.
coverage:
	scripts/coverage

# Changes the lines that decide a verdict, one at a time, and names those of which no unit test took notice: in all of
# these files, or in FILE=src/plan.rs alone. Takes hours: not part of CI.
FILE ?= src/checks/http/response.rs src/checks/json.rs src/cli/expand.rs src/input/target.rs src/input/value.rs \
	src/net/dns.rs src/net/resolve.rs src/net/tls/verify.rs src/plan.rs src/verdict.rs
mutants:
	command -v cargo-mutants >/dev/null || cargo install --locked cargo-mutants
	cargo mutants -j 1 -o target $(addprefix -f ,$(FILE))

fmt:
	cargo fmt --all

lint:
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets --features healthcheck-alloc/model -- -D warnings
	cargo clippy --locked --all-targets --no-default-features --features services -- -D warnings
	cargo clippy --locked --all-targets --no-default-features -- -D warnings
	cargo clippy --locked --all-targets --features loopback-only -- -D warnings
	scripts/toy-kind
	if command -v shellcheck >/dev/null; then shellcheck $$(grep -lrIm1 '^#!/bin/bash' scripts .ci tests examples); fi

# Two builds, from different folders and homes, are the same bytes.
reproducible:
	scripts/reproducible

# All of it, in lanes beside each other: test orchestrators hardening lint vectors examples gate release-dry-run.
ci:
	scripts/ci

# All of a release but signatures and uploads, `make reproducible` included; also whether crates.io would take the crate.
# TAG=vX.Y.Z: for that tag, and for all architectures.
release-dry-run:
	$(if $(TAG),,FURTHER=) scripts/release $(TAG)
	scripts/crate

# Documents parse, examples are what their platforms publish; the pictures are drawn from what `make bench` left.
examples:
	scripts/check-examples

figures:
	scripts/figures

clean:
	cargo clean
