#!/bin/sh
# Stands in for rustc while Cargo compiles this package (RUSTC_WORKSPACE_WRAPPER): Clippy looks on as the
# tests are built, and any warning ends the build. Dependencies are compiled by plain rustc, once.
exec clippy-driver "$@" -D warnings
