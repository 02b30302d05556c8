"""Predictors that read their answers from a table: comparisons without a network."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from roformer_edge.validate.data.examples import Example
from roformer_edge.validate.options import CompareOptions
from roformer_edge.validate.predictors import A_FUNCTION, Facts, FileFact, Predictor
from roformer_edge.validate.report import Latency, Memory, Report, ReportProvenance, TimedInput, Timing
from roformer_edge.validate.runner import compare

UNTIMED = CompareOptions(task="text-classification", timed=0, watched=0, data_name="dev.jsonl")
LABELS = ("turn_on", "turn_off", "weather")
PROVENANCE = ReportProvenance(
    created="2026-01-31T23:59:59Z", version="0.1.0", python="3.11.7", numpy="2.4.6", machine="Linux x86_64"
)


def text_example(text: str, gold: Any) -> Example:
    """A text with its gold answer."""
    return Example(inputs={"text": text}, gold=gold)


def text_predictor(
    name: str, table: Mapping[str, Any], labels: Sequence[str] = (), facts: Facts = A_FUNCTION, **fields: Any
) -> Predictor:
    """Looks the answer to every text up."""

    def answer(inputs: Sequence[Mapping[str, Any]], *, batch_size: int) -> list[Any]:
        return [table[value["text"]] for value in inputs]

    return Predictor(name=name, answer=answer, labels=tuple(labels), facts=facts, **fields)


def table_predictor(
    name: str, labels: Sequence[str], table: Mapping[str, Sequence[float]], facts: Facts = A_FUNCTION
) -> Predictor:
    """Looks the logits of every text up."""
    return text_predictor(
        name, {text: np.array(row, dtype=np.float32) for text, row in table.items()}, labels=labels, facts=facts
    )


# text, gold, logits of the reference, logits of the candidate
ROWS = (
    ("打开客厅的灯", 0, (4.0, 0.0, -1.0), (3.5, 0.25, -1.0)),  # both right
    ("关上窗户", 1, (0.0, 3.0, 0.0), (0.0, 2.5, 0.5)),  # both right
    ("今天天气怎么样", 2, (-1.0, 0.0, 2.0), (-1.0, 2.25, 2.0)),  # broke, the reference by a margin of 2
    ("明天会下雨吗", 2, (0.0, 0.5, 1.0), (0.0, 1.25, 1.0)),  # broke, by a margin of 0.5
    ("把空调关了", 1, (2.0, 1.5, 0.0), (1.0, 1.5, 0.0)),  # fixed
    ("开灯", 0, (0.0, 1.0, 0.5), (0.0, 0.5, 1.0)),  # moved: both wrong, differently
    ("下雪了没有", 2, (0.0, 2.0, 1.0), (0.0, 2.0, 1.0)),  # both wrong, alike, logits equal
    ("灯打开", 0, (5.0, 0.0, 0.0), (5.0, 0.0, 0.0)),  # both right, logits equal
)


def example_rows() -> tuple[Example, ...]:
    """The labelled texts of ``ROWS``, on the lines 3, 5, 7 ... of a file."""
    return tuple(
        Example(inputs={"text": text}, gold=LABELS[gold], line=2 * number + 3, id=f"dev-{number}")
        for number, (text, gold, _, _) in enumerate(ROWS)
    )


def example_facts() -> tuple[Facts, Facts]:
    """What a checkpoint and its int8 bundle might be."""
    files = (
        FileFact(path="model.safetensors", role="model", bytes=20_000_000),
        FileFact(path="vocab.txt", role="vocabulary", bytes=61_233),
    )
    smaller = (FileFact(path="model.onnx", role="model", bytes=5_100_000), files[1])
    return (
        Facts(engine="torch 2.13.0", provider="CPU", recipe="float32", threads=1, files=files),
        Facts(
            engine="onnxruntime 1.32.0",
            provider="CPUExecutionProvider",
            recipe="int8-dynamic",
            threads=1,
            files=smaller,
        ),
    )


def example_sides() -> tuple[Predictor, Predictor]:
    """Both sides of ``ROWS``; the candidate has its labels in another order."""
    order = (2, 0, 1)
    ours, theirs = example_facts()
    reference = table_predictor("checkpoint", LABELS, {text: logits for text, _, logits, _ in ROWS}, ours)
    candidate = table_predictor(
        "dist/intent",
        [LABELS[index] for index in order],
        {text: [logits[index] for index in order] for text, _, _, logits in ROWS},
        theirs,
    )
    return reference, candidate


def with_fixed_figures(report: Report) -> Report:
    """A report with the same figures on every machine where they would be the machine's own."""
    note = "fresh process: opened, then answered 8 inputs one at a time"
    return dataclasses.replace(
        report,
        timing=Timing(
            reference=Latency(p50=6.0, p90=7.5, p99=9.0),
            candidate=Latency(p50=2.0, p90=2.5, p99=4.5),
            ratio=0.34,
            inputs=8,
            rounds=3,
            warm_up=5,
            runs=(TimedInput(reference=(6.0, 6.5, 7.0), candidate=(2.0, 2.25, 2.5)),),
        ),
        reference=dataclasses.replace(report.reference, memory=Memory(peak=450_000_000, note=note)),
        candidate=dataclasses.replace(report.candidate, memory=Memory(peak=120_000_000, note=note)),
        provenance=PROVENANCE,
    )


def make_small_report() -> Report:
    """The comparison of ``ROWS``."""
    reference, candidate = example_sides()
    options = dataclasses.replace(UNTIMED, max_drop=15.0)
    return with_fixed_figures(compare(reference, candidate, example_rows(), options))


def without_time(report: Report) -> Report:
    """Everything but when it was made."""
    return dataclasses.replace(report, provenance=dataclasses.replace(report.provenance, created=""))
