#!/usr/bin/env bash
# Runs every benchmark against the peers and writes the tables. About an hour on two quiet cores.
#
#   benchmarks/run_all.sh
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/make_env.sh peers
python=.venv-oracle/bin/python
"$python" -m benchmarks.artifacts
for name in sizes ecosystem deploy cold_start latency; do
  echo "== $name"
  "$python" -m "benchmarks.$name"
done
"$python" -m benchmarks.table
