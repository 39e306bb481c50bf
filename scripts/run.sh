#!/usr/bin/env bash
# Opens the window; where there is no display, says so and runs the check instead.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "$(uname)" = Linux ] && [ -z "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ]; then
  echo "There is no display here (neither DISPLAY nor WAYLAND_DISPLAY is set), so no window can open."
  echo "Running \`skywave check\` instead: test picture and tone, published, received and measured."
  exec cargo run --locked -- check </dev/null
fi
exec cargo run --locked </dev/null
