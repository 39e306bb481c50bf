#!/bin/sh
# Instructions per 720p frame, from a camera's bytes to the bytes for the socket, ours beside FFmpeg's; and what
# RTMP alone costs, beside a plain copy of the same bytes.
# Instructions, not seconds: they come out the same on a busy machine.
#
#   benches/instructions.sh [VIDEO]
#
# VIDEO is anything that ffmpeg reads, with at least 40 frames; without it, pictures made by the bench are
# used. FFMPEG names another ffmpeg to compare with. Each program publishes a few frames and then more, and
# the difference is divided, so that start-up does not count. Needs valgrind. Takes some minutes.
set -eu

few=10
many=40
bits=2500k
ffmpeg=${FFMPEG:-ffmpeg}

cd "$(dirname "$0")/.."
command -v valgrind >/dev/null || { echo "valgrind is missing: install the package valgrind" >&2; exit 1; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# The profile that everything else is built with: nothing but this crate is compiled for it.
echo "building" >&2
built=$(cargo bench --quiet --profile dev --bench frame --bench wire --no-run --message-format json </dev/null)
executable() {
  printf '%s\n' "$built" | sed -n "s/.*\"name\":\"$1\".*\"executable\":\"\([^\"]*\)\".*/\1/p"
}
frame=$(executable frame)
wire=$(executable wire)
"$frame" write "$folder" "$many"
if [ $# -gt 0 ]; then
  "$ffmpeg" -nostdin -v error -y -i "$1" -frames:v "$many" -r 30 -vf scale=1280:720 -pix_fmt yuyv422 \
    -f rawvideo "$folder/pictures.yuyv"
fi

# The instructions that a command executes, in all its threads; nothing when it fails.
instructions() {
  valgrind --tool=callgrind --callgrind-out-file=/dev/null "$@" 2>&1 >/dev/null |
    sed -n 's/.*Collected *: *\([0-9]*\).*/\1/p'
}

# Publish the first $1 pictures.
ours() {
  instructions "$frame" publish "$folder" "$1"
}
ffmpegs() {
  pictures=$1
  shift
  instructions "$ffmpeg" -nostdin -v error -y -f rawvideo -pix_fmt yuyv422 -s 1280x720 -r 30 \
    -i "$folder/pictures.yuyv" -f s16le -ar 48000 -ac 2 -i "$folder/sound.s16" -frames:v "$pictures" -shortest \
    -pix_fmt yuv420p -threads 1 -g 60 -b:v $bits -maxrate $bits -bufsize $bits -c:a aac -b:a 128k "$@" \
    -f flv "$folder/out.flv"
}

# measure NAME FUNCTION [OPTIONS]: millions of instructions per picture.
measure() {
  name=$1
  publish=$2
  shift 2
  first=$("$publish" $few "$@")
  all=$("$publish" $many "$@")
  awk -v name="$name" -v first="$first" -v all="$all" -v pictures=$((many - few)) \
    'BEGIN { printf "%-40s %6.1f\n", name, (all - first) / pictures / 1e6 }'
}

echo "Million instructions per frame, YUYV 1280x720 at 30 fps to H.264 at $bits and AAC at 128k, muxed:"
measure "skywave" ours
if command -v "$ffmpeg" >/dev/null; then
  measure "ffmpeg, libx264 superfast zerolatency" ffmpegs -c:v libx264 -preset superfast -tune zerolatency
  measure "ffmpeg, libx264 veryfast zerolatency" ffmpegs -c:v libx264 -preset veryfast -tune zerolatency
  if "$ffmpeg" -v error -encoders | grep -q libopenh264; then
    measure "ffmpeg, libopenh264 High CABAC" ffmpegs -c:v libopenh264 -profile:v high -coder cabac
  fi
fi

# per_megabyte COMMAND: thousands of instructions per megabyte of payload.
seconds=16
per_megabyte() {
  first=$(instructions "$wire" "$1" 1)
  all=$(instructions "$wire" "$1" $((seconds + 1)))
  bytes=$(($("$wire" copy $((seconds + 1))) - $("$wire" copy 1)))
  awk -v first="$first" -v all="$all" -v bytes="$bytes" 'BEGIN { print (all - first) / bytes * 1e3 }'
}
copy=$(per_megabyte copy)
publish=$(per_megabyte publish)
both=$(per_megabyte receive)
receive=$(awk -v both="$both" -v publish="$publish" 'BEGIN { print both - publish }')
echo
echo "Thousand instructions per megabyte of media, and times a plain copy of it:"
for row in "plain copy:$copy" "publishing, media to RTMP:$publish" "receiving, RTMP to media:$receive"; do
  awk -v name="${row%:*}" -v count="${row##*:}" -v copy="$copy" \
    'BEGIN { printf "%-40s %6.1f %6.2f\n", name, count, count / copy }'
done
