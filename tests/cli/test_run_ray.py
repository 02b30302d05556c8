"""``run --engine ray`` on a cluster of two workers of this machine, against ``run`` in one process."""

from __future__ import annotations

import importlib.util
import json
import os
import random
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tiny_checkpoint import WORDS, write_lines

# the process that writes it stands in the name of a file that is not whole yet
PARTIAL = re.compile(r"\.part-\d+\.jsonl\.[0-9a-f]+-(\d+)-[0-9a-f]+\.partial")


@pytest.fixture
def start(start_with_ray) -> Callable[..., subprocess.Popen[str]]:
    """Start ``roformer-edge run`` where Ray is."""
    return lambda *words: start_with_ray("-m", "roformer_edge", "run", *words, "--threads", "1")


@pytest.fixture
def ask(start) -> Callable[..., tuple[int, str, str]]:
    """Run it to its end; exit code and both streams."""

    def run(*words: object) -> tuple[int, str, str]:
        child = start(*words)
        out, err = child.communicate()
        return child.returncode, out, err

    return run


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two files with some thousand texts, no two alike, and rows that cannot be answered."""
    folder = tmp_path_factory.mktemp("texts") / "data"
    order = random.Random(3)
    words = ["".join(order.choices(WORDS[:21], k=order.randint(2, 9))) for _ in range(4000)]
    folder.mkdir()
    write_lines(folder / "a.jsonl", [{"text": text, "id": n} for n, text in enumerate(words)])
    with (folder / "a.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"text": \n[1]\n' + json.dumps({"text": "今天" * 40}, ensure_ascii=False) + "\n")
    (folder / "b.txt").write_text("\n".join(reversed(words)) + "\n", "utf-8")
    return folder


def answers_in(folder: Path) -> str:
    return "".join(path.read_text("utf-8") for path in sorted(folder.glob("part-*.jsonl")))


def kill_one_who_works(out: Path, child: subprocess.Popen[str]) -> None:
    """Kill a worker over a shard that it has begun, after another shard was done."""
    while child.poll() is None:
        begun = [match for path in out.glob(".part-*") if (match := PARTIAL.fullmatch(path.name))]
        if begun and any(out.glob("part-*")):
            os.kill(int(begun[0][1]), signal.SIGKILL)
            return
        time.sleep(0.01)
    raise AssertionError(f"it ended before a worker could be killed: {child.communicate()}")


@pytest.mark.slow
def test_a_killed_worker_loses_nothing_and_doubles_nothing(start, ask, bundle, texts, tmp_path) -> None:
    single = ""
    for name in ("a.jsonl", "b.txt"):
        code, out, err = ask(bundle, "--input", texts / name, "--on-error", "skip")
        assert code == 0, err
        single += out
    out = tmp_path / "out"
    words = (bundle, "--input", texts, "--engine", "ray", "--out", out, "--workers", "2", "--shard-rows", "250")
    child = start(*words)
    kill_one_who_works(out, child)
    told, err = child.communicate()
    assert child.returncode == 0, err
    assert json.loads(told) == {"out": str(out), "shards": 33, "computed": 33, "answers": 8000, "bad": 3}
    assert answers_in(out) == single
    names = sorted(path.name for path in out.iterdir())
    assert names == ["bad-00016.jsonl", "job.json", *(f"part-{n:05}.jsonl" for n in range(33))]
    bad = [json.loads(line) for line in (out / "bad-00016.jsonl").read_text("utf-8").splitlines()]
    assert [(row["input"], row["line"], row["row"][:9]) for row in bad] == [
        ("a.jsonl", 4001, '{"text": '),
        ("a.jsonl", 4002, "[1]"),
        ("a.jsonl", 4003, '{"text": '),
    ]
    assert [row["reason"].partition(" ")[0] for row in bad] == ["malformed", "a", "the"]
    assert "note: 3 rows could not be answered" in err

    # the same words go on where some is missing, and find nothing to do where none is
    before = {path.name: path.stat().st_mtime_ns for path in out.iterdir()}
    for number in (3, 16):
        (out / f"part-{number:05}.jsonl").unlink()
    code, told, err = ask(*words)
    assert code == 0, err
    assert json.loads(told) == {"out": str(out), "shards": 33, "computed": 2, "answers": 250, "bad": 3}
    assert answers_in(out) == single
    changed = {path.name for path in out.iterdir() if path.stat().st_mtime_ns != before[path.name]}
    assert changed == {"part-00003.jsonl", "part-00016.jsonl", "bad-00016.jsonl"}
    code, told, err = ask(*words)
    assert (code, json.loads(told)["computed"]) == (0, 0)

    # and other words are another job
    code, told, err = ask(*words, "--top-k", "2")
    assert (code, told, err.count("\n")) == (1, "", 1), err
    assert f"error: {out} holds answers of another job" in err
    assert "what differs: top_k;" in err


WRITE_PARQUET = """
import json, sys, pyarrow, pyarrow.parquet
rows = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), sys.argv[2], row_group_size=7)
"""


@pytest.mark.slow
def test_every_form_is_read(ask, cli, bundle, ray_python, tmp_path) -> None:
    rows = [{"text": "今天" * (n % 4 + 1), "pair": "好" * (n % 3 + 1)} for n in range(20)]
    folder = tmp_path / "in"
    folder.mkdir()
    source = write_lines(folder / "a.jsonl", rows)
    (folder / "b.csv").write_text("text,pair\n" + "".join(f'"{row["text"]}",{row["pair"]}\n' for row in rows), "utf-8")
    (folder / "c.tsv").write_text("text\tpair\n" + "".join(f"{row['text']}\t{row['pair']}\n" for row in rows), "utf-8")
    subprocess.run([ray_python, "-c", WRITE_PARQUET, source, folder / "d.parquet"], check=True)
    expected = cli("run", bundle, "--input", source).out
    code, out, err = ask(bundle, "--input", folder / "d.parquet")
    assert (code, out) == (0, expected), err
    (folder / "e.txt").write_text("".join(f"{row['text']}\n" for row in rows), "utf-8")
    words = ("--engine", "ray", "--out", tmp_path / "out", "--workers", "1", "--shard-rows", "6")
    code, out, err = ask(bundle, "--input", folder, *words)
    assert code == 0, err
    assert json.loads(out) == {"out": str(tmp_path / "out"), "shards": 20, "computed": 20, "answers": 100, "bad": 0}
    assert answers_in(tmp_path / "out") == expected * 4 + cli("run", bundle, "--input", folder / "e.txt").out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["今天", "--out", "{out}"], "--engine must be left out where texts are given as arguments"),
        (["--input", "{data}"], "--out must be a folder for the answers, with --engine ray"),
        (
            ["--input", "{data}", "--out", "{out}", "--on-error", "stop"],
            "--on-error must be left out with --engine ray",
        ),
        (["--input", "{data}", "--out", "{out}", "--workers", "0"], "--workers must be a whole number of at least 1"),
        (["--input", "{data}", "--out", "{out}", "--shard-rows", "0"], "--shard-rows must be a whole number"),
        (["--input", "{data}", "--out", "{out}", "--threads", "auto"], "--threads must be a number with --engine ray"),
        (["--out", "{out}"], "standard input can be read but once"),
        (["--input", "{data}", "--out", "{out}", "--pooling", "mean"], "--pooling must be left out, because it means"),
        (["--input", "{data}", "--out", "{data}"], "is there, and no folder of a job"),
        (["--input", "{data}", "--out", "{out}", "--fields", "text=no"], "no other row of the file can be used"),
    ],
)
def test_what_cannot_be_is_said_before_ray_starts(cli, bundle, data, tmp_path, monkeypatch, words, says) -> None:
    monkeypatch.setattr("roformer_edge.cli.run_ray.require_ray", lambda: None)
    monkeypatch.setattr("roformer_edge.cli.run_ray.compute", lambda *arguments: pytest.fail("it started"))
    given = [word.format(data=data, out=tmp_path / "out") for word in words]
    assert says in cli("run", bundle, "--engine", "ray", *given).error
    assert not (tmp_path / "out").exists()


def test_without_ray_the_pip_line_is_said(cli, bundle, data, tmp_path, monkeypatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "ray" else find(name, *rest))
    error = cli("run", bundle, "--engine", "ray", "--input", data, "--out", tmp_path / "out").error
    assert "ray is needed to compute on several machines; install it with: pip install 'roformer-edge[ray]'" in error
