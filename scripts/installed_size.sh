#!/usr/bin/env bash
# Says how large the runtime is once it is installed: the wheel of the package with its two dependencies, in a fresh
# environment, without pip, tests of others or compiled bytecode.
#
#   make wheels && scripts/installed_size.sh [WHEEL] [EXTRA]        # EXTRA: tflite, for its engine too
set -euo pipefail
cd "$(dirname "$0")/.."
wheel=${1:-$(ls dist/roformer_edge-*.whl)}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check --no-compile \
  --constraint constraints.txt --target "$folder/site" "$wheel${2:+[$2]}"
"$folder/env/bin/python" - "$folder/site" <<'PYTHON'
import sys
from pathlib import Path

site = Path(sys.argv[1])
sizes = {}
for path in site.rglob("*"):
    if path.is_file():
        name = path.relative_to(site).parts[0].split("-")[0].removesuffix(".libs")
        sizes[name] = sizes.get(name, 0) + path.stat().st_size
for name, size in sorted(sizes.items(), key=lambda row: -row[1]):
    if size > 50_000:
        print(f"{name:24} {size / 1e6:7.1f} MB")
print(f"{'all':24} {sum(sizes.values()) / 1e6:7.1f} MB")
PYTHON
