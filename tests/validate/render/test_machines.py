"""JUnit XML, annotations and the table of answers: read back by whoever reads them, and safe."""

from __future__ import annotations

import csv
import dataclasses
import io
from xml.etree import ElementTree

import pytest

from roformer_edge.errors import OptionError, OutputError, UnknownNameError
from roformer_edge.validate.data.examples import Example
from roformer_edge.validate.render import answers, check_file, junit, write_beside
from roformer_edge.validate.render.annotations import annotation_lines
from roformer_edge.validate.runner import compare
from tests.validate.render.shapes import HOSTILE
from tests.validate.tables import UNTIMED, example_rows, example_sides, table_predictor


@pytest.fixture(scope="module")
def gated_reports():
    """Two candidates, of which the second breaks one of three gates."""
    reference, candidate = example_sides()
    gates = ("agreement >= 60%", "size <= 6MB")
    passing = dataclasses.replace(UNTIMED, max_drop=20.0, gates=("size <= 6MB",))
    return (
        compare(reference, candidate, example_rows(), passing),
        compare(reference, candidate, example_rows(), dataclasses.replace(UNTIMED, max_drop=20.0, gates=gates)),
    )


def test_junit_has_a_suite_for_each_candidate_and_a_test_for_each_gate(gated_reports):
    root = ElementTree.fromstring(junit.to_junit(gated_reports).encode())
    assert (root.tag, root.attrib["tests"], root.attrib["failures"]) == ("testsuites", "5", "1")
    first, second = root
    assert [suite.attrib["failures"] for suite in (first, second)] == ["0", "1"]
    tests = second.findall("testcase")
    assert [test.attrib["name"] for test in tests] == [
        "accuracy drop <= 20 points",
        "agreement >= 60 %",
        "size <= 6 MB",
    ]
    assert [test.find("failure") is not None for test in tests] == [False, True, False]
    assert tests[1].find("failure").attrib["message"] == "agreement >= 60 %: found 50.00 %"
    properties = {one.attrib["name"]: one.attrib["value"] for one in second.find("properties")}
    assert properties["accuracy: drop"] == "12.5"


def test_junit_of_hostile_names_is_read_back(hostile_report):
    candidate = dataclasses.replace(hostile_report.candidate, name="".join(HOSTILE[:9]) + "\ufffe")
    report = dataclasses.replace(hostile_report, candidate=candidate)
    text = junit.to_junit([report])
    root = ElementTree.fromstring(text.encode("utf-8"))
    assert root[0].find("testcase").attrib["classname"].startswith("<script>alert(1)</script>")
    assert junit.MARK in text


def test_annotations_are_errors_for_what_is_broken(gated_reports, monkeypatch):
    lines = annotation_lines("github", gated_reports)
    assert lines == [
        "::notice title=Gates hold::dist/intent: accuracy drop <= 20 points (found 12.50 points), "
        "size <= 6 MB (found 5.10 MB)",
        "::error title=Gate broken::dist/intent: agreement >= 60 %25, found 50.00 %25",
    ]
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    assert annotation_lines(None, gated_reports) == []
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert annotation_lines(None, gated_reports) == lines
    assert annotation_lines("none", gated_reports) == []
    with pytest.raises(UnknownNameError, match="unknown form of annotations 'gitlab'; choose one of: github, none"):
        annotation_lines("gitlab", gated_reports)


def test_an_annotation_is_one_line_whatever_it_names(gated_reports):
    side = dataclasses.replace(gated_reports[1].candidate, name="a\n::error::b\r%0A")
    (line,) = annotation_lines("github", [dataclasses.replace(gated_reports[1], candidate=side)])
    assert "\n" not in line
    assert "%250A" in line


def read_table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_the_table_has_all_answers(small_report):
    rows = read_table(answers.to_csv(example_rows(), [small_report]))
    assert len(rows) == 8
    assert rows[2] == {
        "number": "3",
        "line": "7",
        "id": "dev-2",
        "text": "今天天气怎么样",
        "gold": "weather",
        "reference": "weather",
        "reference_score": "1",
        "candidate": "turn_off",
        "candidate_score": "0",
        "candidate_effect": "broke",
        "candidate_difference": "2.25",
    }
    assert [row["candidate_effect"] for row in rows].count("same") == 4
    for effect in ("broke", "fixed", "moved"):
        assert [row["candidate_effect"] for row in rows].count(effect) == small_report.effect_count(effect)
    several = read_table(answers.to_csv(example_rows(), [small_report, small_report]))
    assert several[2]["candidate-2"] == "turn_off"
    assert several[2]["candidate-1_effect"] == "broke"


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+1+cmd|' /C calc'!A0", "'+1+cmd|' /C calc'!A0"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("＝1+1", "'＝1+1"),
        ("  =1", "'  =1"),
        ("\t=1", "'\t=1"),
        ("\r\n=1", "'\r\n=1"),
        ("-0.5", "-0.5"),
        ("打开=灯", "打开=灯"),
        ('a,b"c\nd', 'a,b"c\nd'),
        ("half \ud800 pair", "half \\ud800 pair"),
        ("n\0l", "n␀l"),
    ],
)
def test_no_cell_is_a_formula_and_every_other_text_stays(text, cell):
    labels = ("a", "b")
    side = table_predictor("a", labels, {text: (1.0, 0.0)})
    examples = [Example(inputs={"text": text}, gold="a", id=text)]
    report = compare(side, side, examples, UNTIMED)
    (row,) = read_table(answers.to_csv(examples, [report]))
    assert row["text"] == cell
    assert row["id"] == cell
    answers.to_csv(examples, [report]).encode(answers.ENCODING)


def test_files_beside_the_report_replace_their_like_alone(small_report, tmp_path):
    path = tmp_path / "new" / "answers.csv"
    table = answers.to_csv(example_rows(), [small_report])
    for _ in range(2):
        check_file("answers", path, tmp_path / "bundle", answers.MARK)
        write_beside(path, table, answers.MARK, answers.ENCODING)
    assert path.read_bytes().startswith(b"\xef\xbb\xbfnumber,line,id,text,gold")
    assert path.read_bytes().count(b"\r\n") == 9
    assert [one.name for one in path.parent.iterdir()] == ["answers.csv"]
    with pytest.raises(OutputError, match="is no report, so it will not be replaced"):
        check_file("junit", path, tmp_path / "bundle", junit.MARK)
    with pytest.raises(OutputError, match="is no report, so it will not be replaced"):
        write_beside(path, "x", junit.MARK)
    with pytest.raises(OptionError, match="answers must be a file outside of the bundle"):
        check_file("answers", tmp_path / "bundle" / "x.csv", tmp_path / "bundle", answers.MARK)
