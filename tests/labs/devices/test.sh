#!/usr/bin/env bash
# The camera and microphone tests: runs `scenario.sh` in the virtual machine, then judges out here, where
# tools are fast, what it left. Times are not judged: the machine is emulated.
set -euo pipefail
cd "$(dirname "$0")/../../.."

results=$(mktemp -d "${TMPDIR:-/tmp}/skywave-devices-XXXXXX")
cargo test --no-run --locked --test end_to_end </dev/null
program=$(realpath "${CARGO_TARGET_DIR:-target}/debug/skywave")
cp "$program" "$results/skywave"
cargo test --no-run --locked --test cameras </dev/null
cameras=$(cargo test --no-run --locked --test cameras </dev/null 2>&1 | sed -n 's/.*Executable .*(\(.*\))$/\1/p')
cp "$cameras" "$results/cameras"

status=0
tests/labs/devices/run --seconds 900 "$results" bash "$PWD/tests/labs/devices/scenario.sh" "$results" || status=$?
if [ "$status" -ne 0 ]; then
  echo "The scenario ended with status $status; what it left is in $results." >&2
  exit 1
fi

failed=0
verdict() { # WORDS CONDITION...
  local words=$1
  shift
  if "$@"; then printf 'ok      %s\n' "$words"; else printf 'FAILED  %s\n' "$words"; failed=1; fi
}
says() { grep -qE "$1" "$results/$2"; }
says_not() { ! says "$1" "$2"; }
# The times of a recording's packets: times FILE v|a
times() { ffprobe -v error -select_streams "$2" -show_entries packet=pts_time -of csv=p=0 "$1" | tr -d ','; }
no_gap_over() { times "$2" "$3" | awk -v most="$1" 'NR > 1 && $1 - last > most { bad = 1 } { last = $1 } END { exit bad || NR < 50 }'; }
# How colourful a recording is between two times, 0 to 181: colour FILE FROM TO
colour() {
  ffmpeg -v error -i "$1" -vf "trim=$2:$3,signalstats,metadata=print:key=lavfi.signalstats.SATAVG:file=-" -an -f null - |
    awk -F = '/SATAVG/ { sum += $2; n++ } END { print n ? sum / n : 0 }'
}
# How loud its loudest 0.2 s are: the emulated machine's player stumbles, so the mean says little.
loudness() { ffmpeg -v info -i "$1" -vn -af astats=length=0.2:measure_perchannel=none:measure_overall=RMS_peak -f null - 2>&1 | awk '/RMS peak/ { print $NF }'; }
between() { awk -v low="$1" -v x="$2" -v high="$3" 'BEGIN { exit !(low <= x && x <= high) }'; }

verdict "the camera is listed" says 'vivid' devices.txt
verdict "with its formats" says 'YUYV|NV12' devices.txt
verdict "and for scripts" says '"cameras":\[\{.*"width":320.*vivid.*"microphones"' devices.json
verdict "the sound card is listed" says 'Loopback' devices.txt
verdict "a camera that is in use is said to be in use" says 'in use' busy.txt

each_test() { sed -n 's/^test \(.*\) \.\.\. \(.*\)$/\1 \2/p' "$results/cameras.txt"; }
while read -r name outcome; do
  verdict "${name//_/ }" test "$outcome" = ok
done < <(each_test)
verdict "all camera tests ran to their end" says '^test result: ok' cameras.txt

verdict "the stream ends with status 0" says '^0$' live.status
verdict "it was never interrupted" says_not '"state":"[Rr]econnecting"' live.jsonl
verdict "the loss of the camera is told" says '"decision".*unplugged' live.jsonl
# The camera is away for longer than any of the gaps allowed here.
published=$(ls "$results"/nginx/recordings/*.flv)
for file in "$results/local.flv" "$published"; do
  name=$(basename "$file")
  verdict "$name: the picture never stops" no_gap_over 3 "$file" v
  verdict "$name: the sound never stops" no_gap_over 3 "$file" a
done

# The scenario noted when it unplugged and replugged, in seconds of the recording, roughly.
read -r unplugged replugged ended <"$results/moments"
before=$(colour "$results/local.flv" 2 "$unplugged")
without=$(colour "$results/local.flv" "$(awk "BEGIN { print $replugged - 3 }")" "$replugged")
after=$(colour "$results/local.flv" "$(awk "BEGIN { print $ended - 5 }")" "$ended")
echo "        colour before $before, without camera $without, after $after"
verdict "the camera's colours are seen at first" between 20 "$before" 181
verdict "without the camera there is something calm instead" between 0 "$without" "$(awk "BEGIN { print $before / 2 }")"
verdict "the camera's colours return" between "$(awk "BEGIN { print $before * 0.8 }")" "$after" "$(awk "BEGIN { print $before * 1.2 }")"
level=$(loudness "$results/local.flv")
echo "        the tone is at $level dB, played at -18.1 dB"
verdict "the microphone hears what is played" between -19.6 "$level" -16.6

if [ "$failed" = 0 ]; then rm -rf "$results"; else echo "What the scenario left is in $results." >&2; fi
exit "$failed"
