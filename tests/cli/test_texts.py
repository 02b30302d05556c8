"""What is asked: arguments, or a file, and each has its place in errors."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import sys

import pytest

from roformer_edge.cli.output import print_json
from roformer_edge.cli.texts import read_questions
from roformer_edge.errors import TextError
from roformer_edge.tasks import get_task
from tests.tiny_checkpoint import write_lines


def test_texts_and_a_file_of_texts_are_one_too_many(cli, bundle, data):
    for command in ("run", "tokenize"):
        assert "--input must be left out where texts are given" in cli(command, bundle, "好", "--input", data).error
        assert (
            "--fields must be left out where texts are given" in cli(command, bundle, "好", "--fields", "text=a").error
        )


@pytest.mark.parametrize(
    ("text", "says"),
    [("a\0b", "NUL"), ("a\udc80b", "surrogate"), ("今天" * 40, "tokens"), (None, "must be a")],
    ids=["NUL", "surrogate", "too long", "null"],
)
def test_texts_that_cannot_be_answered(cli, bundle, tmp_path, text, says):
    path = tmp_path / "in.jsonl"
    path.write_text(json.dumps({"text": text}) + "\n")
    assert says in cli("run", bundle, "--input", path).error


def asked(*texts: str, **options: object) -> argparse.Namespace:
    return argparse.Namespace(**{"texts": list(texts), "input": "-", "input_format": None, "fields": None, **options})


def test_arguments_are_the_texts_and_stand_nowhere():
    placed = list(read_questions(asked("一", "二"), get_task("fill-mask")))
    assert [(one.where, one.inputs) for one in placed] == [("", {"text": "一"}), ("", {"text": "二"})]


def test_bytes_of_another_locale_are_utf8_or_refused():
    # as Python hands on what is not of the locale's encoding
    escaped = "天".encode().decode("ascii", "surrogateescape")
    assert [one.inputs for one in read_questions(asked(escaped), get_task("fill-mask"))] == [{"text": "天"}]
    with pytest.raises(TextError, match="an argument is not UTF-8 at character 1; pass the text in a file"):
        list(read_questions(asked("a\udcff"), get_task("fill-mask")))


def test_lines_are_read_with_the_keys_of_the_task(tmp_path):
    path = write_lines(tmp_path / "in.jsonl", [{"frage": "谁", "context": "我"}, {"frage": "几点", "context": "三点"}])
    args = asked(input=str(path), fields="question=frage")
    placed = list(read_questions(args, get_task("question-answering")))
    assert [one.inputs["question"] for one in placed] == ["谁", "几点"]
    assert [one.where for one in placed] == [f"{path}:1", f"{path}:2"]


def test_standard_input_is_one_line_at_a_time(monkeypatch):
    reading, writing = os.pipe()
    with open(reading, "rb") as read, open(writing, "wb", buffering=0) as write:  # noqa: PTH123
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(read))
        questions = read_questions(asked(), get_task("fill-mask"))
        for text in ("一", "二"):  # each is there before the next is written
            write.write(json.dumps({"text": text}).encode() + b"\n")
            assert next(questions).inputs == {"text": text}


def test_only_a_person_is_told_what_to_type(monkeypatch, capsys):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return self.person

    for person in (True, False):
        stdin = Terminal()
        stdin.person = person
        monkeypatch.setattr(sys, "stdin", stdin)
        with contextlib.suppress(Exception):
            next(read_questions(asked(), get_task("multiple-choice")))
        said = capsys.readouterr().err
        assert ('"choices": ["好", "不好"]' in said) is person


def test_a_line_of_json_is_whole_and_readable(capsys):
    print_json({"text": "天\n气", "score": 0.5})
    assert capsys.readouterr().out == '{"text": "天\\n气", "score": 0.5}\n'
