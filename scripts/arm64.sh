#!/usr/bin/env bash
# Runs the demo bundles of both formats on an emulated ARM64 processor and compares them with this one's answers; the
# result goes to benchmarks/results/arm64.json. About 10 minutes, most of them emulation.
#
#   scripts/arm64.sh [--formats onnx tflite] [--out FOLDER]
#
# It needs x86-64 Linux with Debian's apt, and .venv (PYTHON=... chooses another environment of the package, of Python
# 3.10 or newer). What it fetches goes to .cache/arm64 and nowhere else: qemu-user of Debian 13 (older ones crash in the
# engines), Python 3.11 of Debian 12 for ARM64, and wheels for ARM64 in the versions of constraints.txt. Where one of
# those cannot be had it says so, does nothing and ends with exit code 3; answers that differ end with exit code 1.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
place=$root/.cache/arm64
python=${PYTHON:-$root/.venv/bin/python}

skip() {
  echo "arm64: skipped: $*" >&2
  exit 3
}

[ "$(uname -sm)" = "Linux x86_64" ] || skip "the emulator is fetched for Linux on x86-64, and this is $(uname -sm)"
command -v apt-get >/dev/null && command -v dpkg >/dev/null || skip "apt-get is not there to fetch the emulator with"
[ -x "$python" ] || skip "$python is not there: install the package with its extras export and tflite"
mirror=${DEBIAN_MIRROR:-$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
  sed -nE 's/^(URIs:|deb( \[[^]]*\])?) *(https?:[^ ]+\/debian)\/?( .*)?$/\3/p' | head -n 1 || true)}
[ -n "$mirror" ] || skip "apt knows no mirror of Debian; name one with DEBIAN_MIRROR"

# unpack SUITE ARCHITECTURE FOLDER PACKAGE...: fetch packages into lists of their own and unpack them; installs nothing
unpack() {
  local suite=$1 architecture=$2 folder=$3 lists=$place/apt-$1-$2
  shift 3
  [ -e "$folder/.complete" ] && return
  rm -rf "$folder" "$lists"
  mkdir -p "$folder" "$lists/lists/partial" "$lists/cache/archives/partial" "$lists/debs"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$lists/sources.list"
  : >"$lists/status"
  local options=(-qq -o "Dir::State=$lists" -o "Dir::State::Lists=$lists/lists" -o "Dir::State::status=$lists/status"
    -o "Dir::Cache=$lists/cache" -o "Dir::Etc::SourceList=$lists/sources.list" -o Dir::Etc::SourceParts=/dev/null
    -o "APT::Architecture=$architecture" -o "APT::Architectures=$architecture" -o APT::Sandbox::User=
    -o APT::Update::Error-Mode=any)
  apt-get "${options[@]}" update || return 1
  (cd "$lists/debs" && apt-get "${options[@]}" download "$@") || return 1
  local package
  for package in "$lists/debs"/*.deb; do dpkg -x "$package" "$folder"; done
  rm -rf "$lists"
  touch "$folder/.complete"
}

unpack trixie amd64 "$place/qemu" qemu-user || skip "qemu-user of Debian 13 cannot be had from $mirror"
unpack bookworm arm64 "$place/system" python3.11-minimal libpython3.11-minimal libpython3.11-stdlib libc6 libgcc-s1 \
  libstdc++6 zlib1g libssl3 libffi8 libexpat1 libbz2-1.0 liblzma5 libuuid1 libcrypt1 ||
  skip "Python 3.11 of Debian 12 for ARM64 cannot be had from $mirror"

wheels=$place/wheels
if [ "$(cat "$wheels/.made-from" 2>/dev/null)" != "$(cat constraints.txt)" ]; then
  rm -rf "$wheels"
  platforms=()
  for glibc in 2_28 2_27 2_17; do platforms+=(--platform "manylinux_${glibc}_aarch64"); done
  "$python" -m pip install --quiet --disable-pip-version-check --target "$wheels" --only-binary=:all: \
    --implementation cp --python-version 3.11 "${platforms[@]}" --platform manylinux2014_aarch64 \
    --constraint constraints.txt numpy onnxruntime ai-edge-litert ||
    skip "wheels of the engines for ARM64 and Python 3.11 cannot be had"
  cp constraints.txt "$wheels/.made-from"
fi

qemu=$place/qemu/usr/bin/qemu-aarch64
emulator=$("$qemu" --version | sed -nE '1s/^qemu-aarch64 version ([0-9.]+).*/qemu-user \1/p')
emulated=("$qemu" -cpu max -L "$place/system" -E "PYTHONPATH=$root:$wheels" -E PYTHONSAFEPATH=1
  "$place/system/usr/bin/python3.11")
"${emulated[@]}" -c 'import roformer_edge, onnxruntime, ai_edge_litert' || skip "the emulated Python does not start"
exec "$python" -m benchmarks.arm64 --emulator "$emulator" --emulated "$(printf '%q ' "${emulated[@]}")" "$@"
