#!/usr/bin/env bash
# Stands in for rustdoc under `cargo test --doc` (RUSTDOC): builds this package's documentation against
# the libraries that are compiled already, private items too, any warning being an error, then runs the examples in it.
# `cargo doc` would first look at every dependency again.
set -euo pipefail

page_arguments=() skip_value=""
for argument; do
  if [ -n "$skip_value" ]; then skip_value=""; continue; fi
  case $argument in
    --test) is_test=yes ;;
    --test-run-directory | --test-builder | --test-args | --persist-doctests | --test-runtool | --test-runtool-arg) skip_value=yes ;;
    --test-*=* | --no-run | --nocapture) ;;
    *) page_arguments+=("$argument") ;;
  esac
done
if [ -n "${is_test:-}" ]; then
  pages=${CARGO_TARGET_DIR:-target}/doc
  rustdoc "${page_arguments[@]}" --document-private-items -D warnings -A rustdoc::private_intra_doc_links -D rustdoc::broken_intra_doc_links -D missing_docs -o "$pages"
fi
exec rustdoc "$@"
