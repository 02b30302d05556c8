#!/usr/bin/env bash
# Runs every benchmark against the peers and writes the tables. About half an hour on two quiet cores.
#
#   benchmarks/run_all.sh
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/make_env.sh oracle
scripts/make_env.sh peers
scripts/make_env.sh engines
python=.venv-oracle/bin/python
"$python" -m benchmarks.artifacts
names=(sizes ecosystem deploy cold_start memory latency torch_reference generation)
# the tokenizers are measured on real text
if [ -d "${ROFORMER_EDGE_DATA:-../shared/data}" ]; then
  names+=(tokenizer)
  # needs a JDK too
  if "$python" -c 'import sys; from android_demo.tools.jdk import find_jdk; sys.exit(find_jdk() is None)'; then
    names+=(java_core)
  fi
fi
for name in "${names[@]}"; do
  echo "== $name"
  "$python" -m "benchmarks.$name"
done
echo "== peers"
.venv-peers/bin/python -m benchmarks.peers
"$python" -m benchmarks.table
