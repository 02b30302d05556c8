"""What is tried for a machine, and which candidate is taken."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from roformer_edge.deploy import candidates
from roformer_edge.deploy.candidates import (
    LeftOut,
    Selection,
    Tried,
    as_card,
    as_lines,
    decide,
    list_candidates,
    name_of,
)
from roformer_edge.deploy.inputs import export_options_of
from roformer_edge.deploy.options import DeployOptions
from roformer_edge.errors import BudgetExceededError, MissingDependencyError, OptionError
from roformer_edge.formats import FORMATS, resolve

TEXTS = Path("train.jsonl")


def tried(recipe: str, latency: float, error: float, drop: float | None = None, high: float | None = None) -> Tried:
    return Tried(
        format="onnx",
        recipe=recipe,
        preset=None,
        bytes=1000,
        latencies=(latency,),
        latency=latency,
        error=error,
        drop=drop,
        high=high,
        agreement=None if drop is None else 1.0,
    )


def selection(*rows: Tried, max_drop: float | None = None, **changes: Any) -> Selection:
    facts: dict[str, Any] = {
        "texts": "dev.jsonl",
        "lengths": (16,),
        "shares": (1.0,),
        "threads": 1,
        "rounds": 40,
        "processor_time": True,
        "max_drop": max_drop,
        "max_error": None if max_drop is not None else rows[0].error,
        "metric": "" if max_drop is None else "accuracy",
        "examples": 0 if max_drop is None else 12,
        "tried": decide(rows, max_drop, "accuracy"),
        "left_out": (),
    }
    return Selection(**(facts | changes))


def test_the_quickest_within_the_error_of_the_first_is_chosen() -> None:
    found = selection(
        tried("usual", 2.0, 0.1), tried("wild", 0.5, 0.11), tried("good", 1.0, 0.1), tried("slow", 3.0, 0)
    )
    assert found.chosen.recipe == "good"
    assert [one.within for one in found.tried] == [True, False, True, True]
    assert [one.verdict for one in found.tried] == [
        "2.00 times as long",
        "error 0.11, more than 0.1",
        "chosen",
        "3.00 times as long",
    ]


def test_of_those_that_a_machine_cannot_tell_apart_the_most_exact_is_chosen() -> None:
    found = selection(tried("usual", 1.0, 0.1), tried("exact", 1.02, 0.05), tried("best", 1.04, 0.01))
    assert [one.verdict for one in found.tried] == ["as quick, larger error", "chosen", "1.02 times as long"]


def test_a_budget_counts_with_its_standard_error_and_in_place_of_the_error() -> None:
    rows = (tried("usual", 2.0, 0.1, 0.2, 0.4), tried("quick", 0.5, 0.0, 0.2, 0.6), tried("rough", 1.0, 9.0, 0.0, 0.5))
    found = selection(*rows, max_drop=0.5)
    assert found.chosen.recipe == "rough"
    assert found.tried[1].verdict == "drops by 0.20 points (0.60 with a standard error), more than 0.5"


def test_where_nothing_keeps_the_budget_the_nearest_is_named() -> None:
    rows = (tried("usual", 2.0, 0.1, 1.0, 2.0), tried("near", 3.0, 0.1, 0.75, 1.5))
    with pytest.raises(
        BudgetExceededError,
        match=r"none of 2 candidates keeps the drop of accuracy within 0.5 points .* the nearest is onnx near, "
        r"which drops by 0.75 points \(1.50 with it\)",
    ):
        decide(rows, 0.5, "accuracy")


def names(options: DeployOptions) -> list[str]:
    return [name_of(one) for one in list_candidates(options)[0]]


def test_formats_recipes_and_presets_are_tried_where_they_are_open(monkeypatch) -> None:
    monkeypatch.setattr(candidates, "detect_preset", lambda: "x86-vnni")
    found, left_out = list_candidates(DeployOptions(for_this_machine=True))
    dynamic = ["onnx int8-dynamic x86", "onnx int8-dynamic x86-vnni", "tflite int8-dynamic"]
    attention = ["onnx int8-attention x86", "onnx int8-attention x86-vnni"]
    floats = ["onnx fp32", "tflite fp32"]
    assert [name_of(one) for one in found] == [*dynamic, *attention, *floats]
    only_onnx, no_texts = left_out
    assert only_onnx.name == "tflite int8-attention"
    assert "without the scheme 'int8-attention', which tflite does not have for litert-2" in only_onnx.reason
    assert [(one.name, one.reason) for one in [no_texts]] == [
        ("int8-static", "it needs texts to measure ranges on (calibration=)")
    ]
    assert not any(one.for_this_machine for one in found)
    with_texts, nothing = list_candidates(DeployOptions(for_this_machine=True, calibration=TEXTS, observer="mse"))
    static = [name.replace("dynamic", "static") for name in dynamic]
    assert [name_of(one) for one in with_texts] == [*dynamic, *attention, *static, *floats]
    assert nothing == [only_onnx]
    # each gets what has an effect on it, or it could not be made
    assert [(one.calibration, one.observer) for one in with_texts] == [
        *[(TEXTS, None)] * 5,
        *[(TEXTS, "mse")] * 3,
        *[(None, None)] * 2,
    ]


def test_on_a_machine_of_no_preset_of_its_own_there_is_one(monkeypatch) -> None:
    monkeypatch.setattr(candidates, "detect_preset", lambda: "x86")
    assert names(DeployOptions(for_this_machine=True, format="onnx")) == [
        "onnx int8-dynamic x86",
        "onnx int8-attention x86",
        "onnx fp32",
    ]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"format": "tflite"}, ["tflite int8-dynamic", "tflite fp32"]),
        ({"recipe": "fp16"}, ["onnx fp16", "tflite fp16"]),
        ({"recipe": "int8-dynamic", "preset": "arm"}, ["onnx int8-dynamic arm", "tflite int8-dynamic"]),
        ({"format": "tflite", "runtime": "tflite-2.14", "lengths": (8,)}, ["tflite int8-dynamic", "tflite fp32"]),
    ],
    ids=str,
)
def test_what_was_asked_for_is_not_open(asked: dict[str, Any], expected: list[str]) -> None:
    assert names(DeployOptions(for_this_machine=True, **asked)) == expected


def test_a_recipe_that_the_one_format_does_not_have_is_refused_in_one_sentence() -> None:
    asked = DeployOptions(format="tflite", recipe="int8-attention")
    refused = (
        "recipe must be one without the scheme 'int8-attention', which tflite does not have for litert-2, "
        "found 'int8-attention'"
    )
    with pytest.raises(OptionError, match=refused):
        export_options_of(asked)
    with pytest.raises(OptionError, match=refused):
        list_candidates(replace(asked, for_this_machine=True))


def without(monkeypatch, *formats: str) -> None:
    """Take away what builds some formats."""
    gone = {FORMATS[name].builder for name in formats}

    def resolve_the_rest(address: str) -> Any:
        if address in gone:
            raise MissingDependencyError("the builder", "tflite", "to export a model")
        return resolve(address)

    monkeypatch.setattr(candidates, "resolve", resolve_the_rest)


def test_a_format_that_cannot_be_made_here_is_named_with_what_to_install(monkeypatch) -> None:
    without(monkeypatch, "tflite")
    found, left_out = list_candidates(DeployOptions(for_this_machine=True))
    assert {one.format for one in found} == {"onnx"}
    assert left_out[0].name == "tflite"
    assert "pip install 'roformer-edge[tflite]'" in left_out[0].reason


@pytest.mark.parametrize(("formats", "asked"), [(("tflite",), "tflite"), (("onnx", "tflite"), None)])
def test_where_nothing_can_be_made_that_is_the_error(monkeypatch, formats, asked) -> None:
    without(monkeypatch, *formats)
    with pytest.raises(MissingDependencyError, match="pip install"):
        list_candidates(DeployOptions(for_this_machine=True, format=asked))


@pytest.mark.parametrize(
    ("changes", "option"),
    [
        ({"format": "tflite", "preset": "x86"}, "preset"),
        ({"recipe": "fp32", "keep_float": ("layer.0.*",)}, "keep_float"),
        ({"recipe": "int8-dynamic", "calibration": TEXTS, "observer": "mse"}, "observer"),
        ({"keep_weights": True}, "keep_weights"),
    ],
    ids=str,
)
def test_what_changes_no_candidate_is_refused(changes: dict[str, Any], option: str) -> None:
    with pytest.raises(OptionError, match=rf"{option} must be left out, because it changes nothing in"):
        list_candidates(DeployOptions(for_this_machine=True, **changes))


def test_the_table_holds_every_candidate_and_what_was_left_out() -> None:
    rows = (tried("a|b\x1b[1m", 2.0, 0.1, 0.2, 0.4), tried("quick", 0.5, 0.0, 0.2, 0.3))
    found = selection(*rows, max_drop=0.5, left_out=(LeftOut(name="tflite", reason="install <it>"),))
    rule, head, first, second, left = as_lines(found)
    assert "at the lengths of dev.jsonl, 1 thread, fastest of 40 runs of the graph in ms of processor time." in rule
    assert "a drop of 0.5 points of accuracy on 12 examples" in rule
    assert head.split() == [
        "format",
        "recipe",
        "preset",
        "MB",
        "16",
        "tok",
        "mean",
        "error",
        "drop",
        "same",
        "%",
        "verdict",
    ]
    assert "a|b␛[1m" in first
    assert "4.00 times as long" in first
    assert second.endswith("chosen")
    assert left == "left out: tflite: install <it>"
    card = as_card(found)
    assert "a\\|b␛\\[1m" in card
    assert "install &lt;it&gt;" in card
    assert "\x1b" not in card
    # every row has as many cells
    assert len({line.replace("\\|", "").count("|") for line in card.splitlines() if line.startswith("|")}) == 1
