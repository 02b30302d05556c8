"""Inputs as shards: which files are found, how they are called, and what is refused before any work."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from roformer_edge.bulk.shards import bad_rows, check_readable, cut_files, digest_of_file, find_files, names_of
from roformer_edge.errors import DatasetError, OptionError, TextError
from roformer_edge.validate.data.fields import BY_NAME, FieldNames

TASK = "text-classification"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of three files, and what other programs leave beside theirs."""
    place = tmp_path / "data"
    place.mkdir()
    (place / "b.txt").write_text("一\n二\n三\n", "utf-8")
    (place / "a.csv").write_text("text,id\n四,1\n五,2\n", "utf-8")
    (place / "c.jsonl").write_text("", "utf-8")
    (place / "_SUCCESS").write_text("", "utf-8")
    (place / ".a.csv.crc").write_bytes(b"\0")
    return place


def test_a_folder_a_file_and_a_pattern(folder):
    assert [file.name for file in find_files(str(folder))] == ["a.csv", "b.txt", "c.jsonl"]
    assert find_files(str(folder / "b.txt")) == [folder / "b.txt"]
    assert [file.name for file in find_files(f"{folder.parent}/**/*.[ct]*")] == ["a.csv", "b.txt"]


def test_a_file_may_be_called_like_a_pattern(tmp_path):
    path = tmp_path / "a[1].txt"
    path.write_text("a\n")
    assert find_files(str(path)) == [path]


@pytest.mark.parametrize("other", ["notes.md", "inner/"])
def test_what_nobody_says_how_to_read_is_not_left_out_in_silence(folder, other):
    (folder / other).mkdir() if other.endswith("/") else (folder / other).write_text("a")
    with pytest.raises(DatasetError, match=rf"holds {other.strip('/')}, which is no file that ends in \.jsonl, \.csv"):
        find_files(str(folder))


def test_the_form_says_how_to_read_it(folder):
    (folder / "notes.md").write_text("a")
    assert len(find_files(str(folder), "txt")) == 4


@pytest.mark.parametrize("given", ["nothing", "*.nothing", "{empty}"])
def test_no_file_is_an_error(tmp_path, given):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="there is no such file, no folder with files, and no file that fits"):
        find_files(given.format(empty=tmp_path / "empty"))


def test_standard_input_is_refused():
    with pytest.raises(DatasetError, match="standard input can be read but once"):
        find_files("-")


def test_names_are_within_the_folder_of_all(tmp_path):
    assert names_of([tmp_path / "a" / "x.txt", tmp_path / "b" / "x.txt"]) == ["a/x.txt", "b/x.txt"]
    assert names_of([tmp_path / "a" / "x.txt"]) == ["x.txt"]


def test_shards_are_counted_through_all_files_and_cut_alike_each_time(folder):
    shards = cut_files(find_files(str(folder)), None, 2)
    assert [(shard.number, shard.name, shard.span.first, shard.span.lines) for shard in shards] == [
        (0, "a.csv", 1, 2),
        (1, "b.txt", 0, 2),
        (2, "b.txt", 2, 1),
    ]
    assert cut_files(find_files(str(folder)), None, 2) == shards


def test_so_many_shards_that_their_names_would_not_sort_are_refused(folder, monkeypatch):
    monkeypatch.setattr("roformer_edge.bulk.shards.MOST_SHARDS", 2)
    with pytest.raises(OptionError, match="shard_rows must be so many that there are at most 2 shards, not 3, found 2"):
        cut_files(find_files(str(folder)), None, 2)


def test_an_input_without_rows_is_refused(folder):
    with pytest.raises(DatasetError, match=r"c\.jsonl: no row in any file"):
        cut_files([folder / "c.jsonl"], None, 2)


def test_a_file_of_which_no_row_can_be_read_is_refused(folder):
    check_readable(cut_files(find_files(str(folder)), None, 1), TASK, BY_NAME)
    (folder / "a.csv").write_text("satz\n一\n二\n", "utf-8")
    shards = cut_files(find_files(str(folder)), None, 1)
    with pytest.raises(DatasetError, match=r"a\.csv:2: missing key 'text'; found 'satz'; no other row of the file can"):
        check_readable(shards, TASK, BY_NAME)
    with pytest.raises(OptionError, match="fields must be of fields that text-classification reads"):
        check_readable(shards, TASK, FieldNames.parse("question=satz"))


def test_one_row_that_can_be_read_is_enough(tmp_path):
    path = tmp_path / "data.jsonl"
    path.write_text('{"no": 1}\n[1]\n{"text": "a"}\n')
    check_readable(cut_files([path], None, 1), TASK, BY_NAME)


def test_bad_rows_say_which_and_why(tmp_path):
    path = tmp_path / "data.jsonl"
    path.write_text('{"text": "一"}\n{"no": "二: \\n"}\n{"text": "三"}\n', "utf-8")
    (shard,) = cut_files([path], None, 10)
    errors = [TextError(f"{path}:3: the text has 40 tokens: too many"), DatasetError(f"{path}:2: missing key 'text'")]
    assert [json.loads(line) for line in bad_rows(shard, errors)] == [
        {"input": "data.jsonl", "line": 2, "reason": "missing key 'text'", "row": '{"no": "二: \\n"}'},
        {"input": "data.jsonl", "line": 3, "reason": "the text has 40 tokens: too many", "row": '{"text": "三"}'},
    ]


def test_the_digest_of_a_file(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    assert digest_of_file(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    with pytest.raises(DatasetError, match="cannot be read: No such file"):
        digest_of_file(tmp_path / "b")
