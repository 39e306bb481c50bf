#!/usr/bin/env bash
# The network lab: builds it and runs it with these words (see main.rs). Whatever happens, what it made on this
# machine is removed.
#
#   test.sh                 all schedules, beside FFmpeg and GStreamer
#   test.sh alone hole 5    Skywave alone, the schedules with `hole` or `5` in their names
#   test.sh soak 20         20 minutes with a fault every 30 s
#   test.sh show FOLDER     5 minutes with six faults; Skywave's report is left in FOLDER
set -euo pipefail
cd "$(dirname "$0")/../../.."

if [ "$(uname)" != Linux ]; then
  echo "The network lab needs Linux: it is made of network namespaces." >&2
  exit 1
fi
if [ "$(id -u)" != 0 ]; then
  echo "The network lab makes network namespaces, which needs root. Run it as root: sudo --preserve-env=PATH,HOME make test-network" >&2
  exit 1
fi
network=$(cargo test --no-run --locked --test network </dev/null 2>&1 | tee /dev/stderr | sed -n 's/.*Executable .*(\(.*\))$/\1/p')
[ -x "$network" ] || { echo "The lab was not built." >&2; exit 1; }
trap '"$network" sweep' EXIT
"$network" "$@"
