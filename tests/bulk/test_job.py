"""The folder of a job: shards appear whole, are computed once, and belong to one job."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from roformer_edge.bulk.job import (
    MOST_ATTEMPTS,
    Answer,
    Counts,
    JobFolder,
    JobRecord,
    ShardWriter,
    Skip,
    describe_files,
)
from roformer_edge.bulk.shards import Shard, cut_files
from roformer_edge.errors import BackendError, DatasetError, OutputError

RECORD = JobRecord(bundle="0" * 64, options={"top_k": 2, "batch_size": 1}, rows=10, inputs=())


@pytest.fixture
def shards(tmp_path: Path) -> list[Shard]:
    path = tmp_path / "in.txt"
    path.write_text("".join(f"text {n}\n" for n in range(5)), "utf-8")
    return cut_files([path], None, 2)


@pytest.fixture
def folder(tmp_path: Path) -> JobFolder:
    made = JobFolder(tmp_path / "deep" / "out")
    made.claim(RECORD)
    return made


def answer(shard: Shard, skip: Skip) -> Iterator[bytes]:
    """Answers all lines but the second of a shard."""
    for line in range(shard.span.lines):
        if line == 1:
            skip(DatasetError(f"{shard.path}:{shard.span.first + line + 1}: not that"))
        else:
            yield b"%d\n" % (shard.span.first + line)


def names(folder: JobFolder) -> list[str]:
    return sorted(path.name for path in folder.path.iterdir())


def test_the_same_job_goes_on(folder):
    folder.claim(RECORD)
    assert names(folder) == ["job.json"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"bundle": "1" * 64}, "what differs: the bundle;"),
        ({"rows": 11, "package": "0.0.1"}, "what differs: the version of roformer-edge, the rows of a shard;"),
        ({"options": {"batch_size": 1, "truncation": True}}, "what differs: top_k, truncation;"),
        ({"inputs": "the same"}, "what differs: the input files;"),
    ],
)
def test_another_job_is_refused(folder, shards, change, says):
    if "inputs" in change:
        change = {"inputs": describe_files([Path(shards[0].path)])}
    with pytest.raises(OutputError, match=says):
        folder.claim(replace(RECORD, **change))


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "notes").write_text("mine")
    for place in (tmp_path, tmp_path / "notes"):
        with pytest.raises(OutputError, match="is there, and no folder of a job; choose another place"):
            JobFolder(place).claim(RECORD)
    (tmp_path / "empty").mkdir()
    JobFolder(tmp_path / "empty").claim(RECORD)


def test_a_record_that_nobody_wrote_is_refused(folder):
    (folder.path / "job.json").write_text('{"job_version": 2}')
    with pytest.raises(OutputError, match=r"job\.json"):
        folder.claim(RECORD)


def test_an_input_that_changed_is_another(tmp_path):
    path = tmp_path / "in.txt"
    path.write_text("a\n")
    before = describe_files([path])
    path.write_text("b\n")
    assert describe_files([path]) != before
    assert [(one.name, one.bytes) for one in before] == [("in.txt", 2)]


def test_answers_and_bad_rows_of_a_shard(folder, shards):
    assert folder.missing(shards) == shards
    assert folder.write(shards[1], answer) == (1, 1)
    assert names(folder) == ["bad-00001.jsonl", "job.json", "part-00001.jsonl"]
    assert folder.part(shards[1]).read_bytes() == b"2\n"
    assert json.loads(folder.bad(shards[1]).read_text()) == {
        "input": "in.txt", "line": 4, "reason": "not that", "row": "text 3",
    }  # fmt: skip
    assert folder.missing(shards) == [shards[0], shards[2]]
    assert folder.write(shards[2], answer) == (1, 0)
    assert names(folder)[0] == "bad-00001.jsonl"
    assert names(folder)[1:] == ["job.json", "part-00001.jsonl", "part-00002.jsonl"]


def test_a_shard_that_fails_is_not_there(folder, shards):
    def fail(shard: Shard, skip: Skip) -> Iterator[bytes]:
        yield b"half\n"
        raise BackendError("the engine refused")

    with pytest.raises(BackendError, match="the engine refused"):
        folder.write(shards[0], fail)
    assert folder.missing(shards) == shards
    assert [name for name in names(folder) if "part" in name] == []
    # and may be done once more, as it is after a worker was lost behind the rename
    for _ in range(2):
        folder.write(shards[0], answer)
    assert folder.part(shards[0]).read_bytes() == b"0\n"


def test_a_shard_that_is_the_end_of_every_worker_is_given_up(folder, shards):
    def lost(shard: Shard, skip: Skip) -> Iterator[bytes]:
        raise KeyboardInterrupt  # as little comes behind it as behind a kill
        yield b""

    for _ in range(MOST_ATTEMPTS):
        with pytest.raises(KeyboardInterrupt):
            folder.write(shards[1], lost)
    with pytest.raises(BackendError, match=r"in\.txt, lines 3 to 4: 5 workers were lost while they answered them"):
        folder.write(shards[1], answer)
    folder.forget_attempts(shards)
    assert folder.write(shards[1], answer) == (1, 1)


def test_a_writer_opens_what_answers_once_and_writes_shards_with_it(folder, shards):
    opened = []

    def open_it() -> Answer:
        opened.append(1)
        return answer

    write = ShardWriter(folder=folder, opened=open_it)()
    assert [write(shard) for shard in shards] == [Counts(1, 1), Counts(1, 1), Counts(1, 0)]
    assert opened == [1]
    assert folder.missing(shards) == []
