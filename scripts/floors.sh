#!/usr/bin/env bash
# Runs a small job (deploy, load, validate the demo, in both formats) on exactly the lowest versions that pyproject.toml
# declares, in an environment of its own, .cache/floors. With ray among the extras also a job of two workers.
#
#   PYTHON=python3.10 scripts/floors.sh [EXTRA...]        # the extras; export tflite validate by default
#
# torch is left out unless asked for: its old wheels for Linux bring gigabytes of CUDA.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3.10}
extras=("$@")
[ $# -gt 0 ] || extras=(export tflite validate)
folder=.cache/floors
rm -rf "$folder"
"$python" -m venv "$folder/env"

# every "name>=version" of the base install and of the extras as "name==version"
"$python" - "${extras[@]}" >"$folder/floors.txt" <<'PYTHON'
import re
import sys

text = open("pyproject.toml", encoding="utf-8").read()
lists = {"base": re.search(r"^dependencies = (\[.*?\])", text, re.MULTILINE | re.DOTALL)[1]}
section = text.split("[project.optional-dependencies]")[1].split("\n[")[0]
lists |= dict(re.findall(r"^(\w+) = (\[.*?\])$", section, re.MULTILINE | re.DOTALL))
for name in ("base", *sys.argv[1:]):
    for package, version in re.findall(r'"([\w.-]+(?:\[\w+\])?)>=([\d.]+)"', lists[name]):
        print(f"{package}=={version}")
PYTHON
sort -u "$folder/floors.txt" -o "$folder/floors.txt"
echo "floors: $("$folder/env/bin/python" -V): $(tr '\n' ' ' <"$folder/floors.txt")"
joined=$(IFS=,; echo "${extras[*]}")
"$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check \
  --requirement "$folder/floors.txt" ./roformer_edge_demo ".[$joined]"
"$folder/env/bin/python" -m pip freeze --disable-pip-version-check
cd "$folder"
env/bin/roformer-edge demo --out demo
env/bin/python - <<'PYTHON'
import roformer_edge

for name in ("onnx", "tflite"):
    with roformer_edge.load(f"demo/{name}", self_test=True) as classify:
        print(name, classify("把客厅的灯打开"))
PYTHON
if [[ " ${extras[*]} " == *" ray "* ]]; then
  # from a table that pyarrow wrote, against what one process answers
  env/bin/python - <<'PYTHON'
import pyarrow
import pyarrow.parquet

texts = ["把客厅的灯打开", "今天天气很好", "请关闭卧室的窗帘", "把空调打开"] * 5
pyarrow.parquet.write_table(pyarrow.table({"text": texts}), "texts.parquet", row_group_size=4)
PYTHON
  env/bin/roformer-edge run demo/onnx --input texts.parquet >alone.jsonl
  env/bin/roformer-edge run demo/onnx --input texts.parquet --engine ray --workers 2 --shard-rows 4 --out job
  test "$(wc -l <alone.jsonl)" = 20
  cat job/part-*.jsonl | cmp - alone.jsonl
fi
echo "floors: passed"
