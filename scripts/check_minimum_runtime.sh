#!/usr/bin/env bash
# Runs a bundle's self-test on a given version of onnxruntime, in an environment of its own.
#
#   scripts/check_minimum_runtime.sh BUNDLE VERSION
#
# The version named in roformer_edge/formats.py is the oldest one for which this passed.
set -euo pipefail
if [ $# -ne 2 ]; then
  echo "usage: $0 BUNDLE VERSION" >&2
  exit 2
fi
root=$(cd "$(dirname "$0")/.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder"
"$folder/bin/python" -m pip install --quiet --disable-pip-version-check "onnxruntime==$2" 'numpy<2'
ORT_DISABLE_TELEMETRY=1 PYTHONPATH="$root" "$folder/bin/python" - "$1" <<'PYTHON'
import sys

import onnxruntime

import roformer_edge

with roformer_edge.load(sys.argv[1], self_test=True) as classify:
    print(f"onnxruntime {onnxruntime.__version__}: self-test passed, {classify('今天天气很好。')}")
PYTHON
