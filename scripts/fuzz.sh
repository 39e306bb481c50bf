#!/usr/bin/env bash
# Runs each fuzz target for a while, beginning with the seeds in fuzz/corpus.
#
#   scripts/fuzz.sh [SECONDS [TARGET...]]    600 seconds each of all targets, unless told otherwise
#
# What is found stays in fuzz/artifacts; a crasher becomes a named test before it is mended. What the fuzzer
# learns besides goes beside the target folder, so that it goes on there the next time.
set -euo pipefail
cd "$(dirname "$0")/../fuzz"

seconds=${1:-600}
shift || true

if ! cargo fuzz --version >/dev/null 2>&1; then
  echo "cargo-fuzz is missing: cargo install cargo-fuzz --locked" >&2
  exit 1
fi
if ! cargo +nightly --version >/dev/null 2>&1; then
  echo "A nightly toolchain is missing: rustup toolchain install nightly" >&2
  exit 1
fi

build=${CARGO_TARGET_DIR:-$PWD/../target}/fuzz
learnt=$build/corpus
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
  mapfile -t targets < <(cargo +nightly fuzz list)
fi

cargo +nightly fuzz build --target-dir "$build" </dev/null
for target in "${targets[@]}"; do
  printf '\n== %s, %s s\n' "$target" "$seconds"
  mkdir -p "$learnt/$target"
  # A case may take this many seconds and this much memory (in MiB), whatever its bytes say.
  cargo +nightly fuzz run --target-dir "$build" "$target" "$learnt/$target" "corpus/$target" -- \
    -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -max_len=16384 -print_final_stats=1 </dev/null
done
