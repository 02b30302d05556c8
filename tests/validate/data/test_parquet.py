"""Parquet: rows with their numbers, in parts and whole; refused with the pip line where pyarrow is missing."""

from __future__ import annotations

import importlib.util
import json
import subprocess

import pytest

from roformer_edge.errors import MissingDependencyError
from roformer_edge.validate.data.lines import read_lines
from tests.conftest import ROOT

PROGRAM = """
import datetime, json, sys
import pyarrow, pyarrow.parquet
from roformer_edge.errors import DatasetError
from roformer_edge.validate.data.cutting import cut_file, raw_rows
from roformer_edge.validate.data.lines import read_lines

table = pyarrow.table({
    "text": [f"text {n}" if n != 4 else None for n in range(10)],
    "n": list(range(10)),
    "on": [datetime.date(2026, 1, 1)] * 10,
})
path = sys.argv[1] + "/data.parquet"
pyarrow.parquet.write_table(table, path, row_group_size=4)
number_and_text = lambda **options: [(row.number, row.values.get("text")) for row in read_lines(path, **options)]
found = {"whole": number_and_text(), "parts": {}}
for most in (1, 3, 4, 5, 100):
    found["parts"][most] = [number_and_text(span=span) for span in cut_file(path, ".parquet", most)]
first, second, *_ = cut_file(path, ".parquet", 4)
found["raw"] = raw_rows(path, ".parquet", second, {5})
(line,) = (row for row in read_lines(path) if row.number == 1)
try:
    line.string("on")
except DatasetError as error:
    found["kind"] = str(error)
open(path, "wb").write(b"PAR1 nothing")
for name, where in {"damaged": path, "input": "-"}.items():
    try:
        list(read_lines(where, form="parquet"))
    except DatasetError as error:
        found[name] = str(error)
print(json.dumps(found))
"""


def test_rows_and_parts(ray_python, tmp_path):
    command = [ray_python, "-c", PROGRAM, tmp_path]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    # a null is no value
    expected = [[n + 1, f"text {n}" if n != 4 else None] for n in range(10)]
    assert found["whole"] == expected
    for most, parts in found["parts"].items():
        assert [len(part) for part in parts[:-1]] == [int(most)] * (len(parts) - 1)
        assert [row for part in parts for row in part] == expected
    assert found["raw"] == {"5": '{"n": 4, "on": "2026-01-01"}'}
    assert found["kind"].endswith("data.parquet:1: 'on' must be a string, found a date")
    assert "data.parquet: cannot be read as Parquet: " in found["damaged"]
    assert found["input"] == "<standard input>: Parquet is read from a file, and there is none"


def test_without_pyarrow_the_pip_line_is_said(tmp_path, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "pyarrow" else find(name))
    message = r"pyarrow is needed to read Parquet; install it with: pip install 'roformer-edge\[ray\]'"
    with pytest.raises(MissingDependencyError, match=message):
        next(read_lines(tmp_path / "data.parquet"))
