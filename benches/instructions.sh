#!/bin/sh
# Instructions per encoded 720p frame, ours beside FFmpeg's. Instructions, not seconds: they come out the
# same on a busy machine.
#
#   benches/instructions.sh [VIDEO]
#
# VIDEO is anything that ffmpeg reads, with at least 40 frames; without it, pictures made by the bench are
# used. Each program encodes a few frames and then more, and the difference is divided, so that start-up
# does not count. Needs valgrind; ffmpeg is optional without VIDEO. Takes some minutes.
set -eu

few=10
many=40
bits=2500k

cd "$(dirname "$0")/.."
command -v valgrind >/dev/null || { echo "valgrind is missing: install the package valgrind" >&2; exit 1; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
raw=$folder/pictures.yuv

# The profile that everything else is built with: nothing but this crate is compiled for it.
echo "building" >&2
frame=$(cargo bench --quiet --profile dev --bench frame --no-run --message-format json |
  sed -n 's/.*"name":"frame".*"executable":"\([^"]*\)".*/\1/p')

if [ $# -gt 0 ]; then
  ffmpeg -nostdin -v error -i "$1" -frames:v "$many" -r 30 -vf scale=1280:720 -pix_fmt yuv420p -f rawvideo "$raw"
else
  "$frame" write "$raw" "$many"
fi

# The instructions that a command executes, in all its threads; nothing when it fails.
instructions() {
  valgrind --tool=callgrind --callgrind-out-file=/dev/null "$@" 2>&1 >/dev/null |
    sed -n 's/.*Collected *: *\([0-9]*\).*/\1/p'
}

# Encode the first $1 pictures.
ours() {
  instructions "$frame" encode "$raw" "$1"
}
ffmpegs() {
  pictures=$1
  shift
  instructions ffmpeg -nostdin -v error -f rawvideo -pix_fmt yuv420p -s 1280x720 -r 30 -i "$raw" \
    -frames:v "$pictures" -threads 1 -g 60 -b:v $bits -maxrate $bits -bufsize $bits "$@" -f null -
}

# measure NAME FUNCTION [OPTIONS]: millions of instructions per picture.
measure() {
  name=$1
  encode=$2
  shift 2
  first=$("$encode" $few "$@")
  all=$("$encode" $many "$@")
  awk -v name="$name" -v first="$first" -v all="$all" -v pictures=$((many - few)) \
    'BEGIN { printf "%-32s %6.1f\n", name, (all - first) / pictures / 1e6 }'
}

echo "Million instructions per frame, 1280x720 at 30 fps and $bits:"
measure "skywave, H.264 and AAC" ours
if command -v ffmpeg >/dev/null; then
  measure "ffmpeg, libx264 superfast" ffmpegs -c:v libx264 -preset superfast -tune zerolatency
  measure "ffmpeg, libx264 veryfast" ffmpegs -c:v libx264 -preset veryfast -tune zerolatency
  if ffmpeg -v error -encoders | grep -q libopenh264; then
    measure "ffmpeg, libopenh264 High" ffmpegs -c:v libopenh264 -profile:v high -coder cabac
  fi
fi
