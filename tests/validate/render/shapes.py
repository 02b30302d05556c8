"""Reports of every shape, and hostile ones."""

from __future__ import annotations

import dataclasses

import pytest

from roformer_edge.validate.data.examples import Example
from roformer_edge.validate.predictors import Facts, FileFact
from roformer_edge.validate.report import Memory, Report
from roformer_edge.validate.runner import compare
from tests.validate.tables import UNTIMED, example_rows, example_sides, table_predictor, text_example

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</style></svg></bdi><h1>taken over",
    "' onmouseover='alert(1)",
    "&lt;b&gt; & &amp;",
    "a|b `c` [d](javascript:e) ![f](http://g.example/h) *i* _j_",
    "line\nbreak\r\n\t\x00\x07\x1b[31mred",
    "\u202egnp.exe\u2066",
    "half \ud800 pair",
    "x" * 3000,
)


@pytest.fixture(scope="session")
def hostile_report() -> Report:
    """Everything that comes from outside is hostile: texts, labels, names, facts."""
    labels = HOSTILE
    texts = [f"{text} {index}" for index, text in enumerate(HOSTILE * 3)]
    count = len(labels)
    ours = {text: [float(i == n % count) for i in range(count)] for n, text in enumerate(texts)}
    theirs = {text: [float(i == (n + n // count) % count) for i in range(count)] for n, text in enumerate(texts)}
    facts = Facts(
        engine=HOSTILE[0],
        provider=HOSTILE[1],
        recipe=HOSTILE[2],
        threads=2,
        files=(FileFact(path=HOSTILE[3], role="model", bytes=5),),
    )
    report = compare(
        table_predictor(HOSTILE[0], labels, ours, facts),
        table_predictor(HOSTILE[1], labels, theirs, facts),
        [
            Example(inputs={"text": text}, gold=labels[index % count], id=HOSTILE[index % count], others={"key": text})
            for index, text in enumerate(texts)
        ],
        dataclasses.replace(UNTIMED, data_name=HOSTILE[2], max_drop=1, slices=("key", "length")),
    )
    side = dataclasses.replace(report.candidate, memory=Memory(peak=1, note=HOSTILE[4]))
    return dataclasses.replace(report, candidate=side)


@pytest.fixture(scope="session")
def reports(small_report, hostile_report) -> dict[str, Report]:
    """Reports of every shape."""
    reference, candidate = example_sides()
    return {
        "small": small_report,
        "hostile": hostile_report,
        "no budget": dataclasses.replace(small_report, budget=None),
        "failed": dataclasses.replace(small_report, budget=0.5),
        "perfect": compare(reference, reference, example_rows(), UNTIMED),
        "one example": compare(reference, candidate, example_rows()[2:3], UNTIMED),
        "untimed": compare(reference, candidate, example_rows(), UNTIMED),
        "many labels": _many_labels(),
    }


def _many_labels() -> Report:
    labels = [f"label_{index}" for index in range(300)]
    examples = [text_example(f"text {index}", labels[index]) for index in range(150)]
    table = {e.inputs["text"]: [float(i == n) for i in range(300)] for n, e in enumerate(examples)}
    shifted = {e.inputs["text"]: [float(i == n + (n % 3 == 0)) for i in range(300)] for n, e in enumerate(examples)}
    return compare(table_predictor("a", labels, table), table_predictor("b", labels, shifted), examples, UNTIMED)


SHAPES = ("small", "hostile", "no budget", "failed", "perfect", "one example", "untimed", "many labels")
