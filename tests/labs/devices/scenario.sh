#!/usr/bin/env bash
# What happens in the virtual machine: a stream from its camera and sound card, the camera unplugged and
# plugged in again meanwhile. Leaves in the folder $1 what test.sh judges.
set -euo pipefail

results=$1
skywave=$results/skywave
export HOME=/root XDG_RUNTIME_DIR=/run SKYWAVE_CONFIG_DIR=/run/skywave KEY=studio

# An RTMP server that records.
mkdir -p "$results/nginx/recordings" /run/nginx
for module in /usr/lib/nginx/modules/ngx_rtmp_module.so /usr/lib64/nginx/modules/ngx_rtmp_module.so; do
  [ ! -e "$module" ] || break
done
cat >/run/nginx/nginx.conf <<CONF
load_module $module;
user root;
daemon off;
master_process off;
pid /run/nginx/pid;
error_log $results/nginx/error.log;
events { worker_connections 16; }
rtmp {
    access_log off;
    server {
        listen 127.0.0.1:1935;
        application live { live on; record all; record_path $results/nginx/recordings; }
    }
}
CONF
PATH=$PATH:/usr/sbin nginx -p /run/nginx -c nginx.conf -e "$results/nginx/error.log" &

# A tone into both ends of the sound card; each is heard at the other.
ffmpeg -v error -re -f lavfi -i 'aevalsrc=0.176*sin(2*PI*1000*t)|0.176*sin(2*PI*1000*t):s=48000' \
  -map 0 -f alsa hw:0,0 -map 0 -f alsa hw:0,1 &

"$skywave" devices >"$results/devices.txt"
"$skywave" devices --json >"$results/devices.json"
cat "$results/devices.txt"

# The camera alone, in every layout; the tests' output comes after their outcomes.
"$results/cameras" --test-threads=1 --show-output --color never >"$results/cameras.txt" 2>&1 || true
grep '^test ' "$results/cameras.txt"

camera=$(sed 's/"microphones".*//' "$results/devices.json" | grep -oE '"name":"[^"]*vivid[^"]*"' | head -n 1 | cut -d '"' -f 4)
# The card's second device hears what its first plays.
microphone=$(sed 's/.*"microphones"//' "$results/devices.json" | grep -oE '"name":"[^"]*Loopback[^"]*"' | tail -n 1 | cut -d '"' -f 4)
echo "camera: $camera, microphone: $microphone"

live=("$skywave" live --camera "$camera" --to rtmp://127.0.0.1/live --key-env KEY
  --size 320x180 --fps 10 --video-bitrate 300k --json)
"${live[@]}" --mic "$microphone" --record "$results/local.flv" >"$results/live.jsonl" 2>"$results/live.txt" &
stream=$!

wait_for() { # SECONDS COMMAND...
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    if [ "$SECONDS" -ge "$deadline" ]; then echo "too late: $*"; cat "$results/live.txt"; return 1; fi
    if ! kill -0 "$stream" 2>/dev/null; then echo "ended before: $*"; cat "$results/live.txt"; return 1; fi
    sleep 0.2
  done
}
# How far the recording has come, in seconds.
recorded() { ffprobe -v error -show_entries packet=pts_time -of csv=p=0 "$results/local.flv" 2>/dev/null | tr -d ',' | sort -n | tail -n 1; }

wait_for 60 grep -qi '"state":"live"' "$results/live.jsonl"
sleep 10

# One camera, one program.
"${live[@]}" --silence --duration 3s --give-up-after 10s >"$results/busy.txt" 2>&1 || true
unplugged=$(recorded)

# How often the camera was said to be there (true) or lost (false).
told() { grep -cE "\"kind\":\"camera\",\"ready\":$1" "$results/live.jsonl" || true; }
told_more() { [ "$(told "$1")" -gt "$2" ]; }

before=$(told false)
echo "unplugging"
echo vivid.0 >/sys/bus/platform/drivers/vivid/unbind
wait_for 30 told_more false "$before"
sleep 8
replugged=$(recorded)
before=$(told true)
echo "plugging in again"
echo vivid.0 >/sys/bus/platform/drivers/vivid/bind
wait_for 60 told_more true "$before"
sleep 10

kill -TERM "$stream"
status=0
wait "$stream" || status=$?
echo "$status" >"$results/live.status"
echo "$unplugged $replugged $(recorded)" >"$results/moments"
kill $(jobs -p) 2>/dev/null || true
