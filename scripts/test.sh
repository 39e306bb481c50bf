#!/usr/bin/env bash
# Everything that is checked before a change is accepted; `make test` runs it.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '\n== %s\n' "$1"; }

for component in rustfmt:rustfmt clippy-driver:clippy; do
  command -v "${component%%:*}" >/dev/null && continue
  if command -v rustup >/dev/null; then
    rustup component add "${component##*:}" </dev/null
  else
    echo "${component%%:*} is missing; install your Rust toolchain's ${component##*:} component." >&2
    exit 1
  fi
done

step "Formatting"
cargo fmt --check </dev/null || { echo "Run cargo fmt." >&2; exit 1; }

# One compilation serves lints, tests and documentation.
export RUSTC_WORKSPACE_WRAPPER=$PWD/scripts/rustc-with-clippy.sh

step "Compiling, with lints"
cargo test --no-run --locked </dev/null

step "Documentation and its examples"
RUSTDOC=$PWD/scripts/rustdoc-strict.sh cargo test --doc --locked --quiet </dev/null

step "Peers of the tests"
scripts/interop-peers.sh

step "Tests"
cargo test --lib --bins --tests --locked --no-fail-fast </dev/null

printf '\nFormatting, lints, documentation and all tests are as they should be.\n'
