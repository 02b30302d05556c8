"""Options of a deployment are checked where they are made, and none is without effect in silence."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from roformer_edge import formats, tasks
from roformer_edge.deploy import options
from roformer_edge.deploy.options import DeployOptions
from roformer_edge.errors import OptionError, UnknownNameError
from roformer_edge.formats import FORMATS
from roformer_edge.quantize.observers import OBSERVERS
from roformer_edge.quantize.presets import AUTO, PRESETS
from roformer_edge.tasks import TASKS
from roformer_edge.tokenizer.loading import MODES
from roformer_edge.validate.data.fields import FieldNames

DATA = Path("dev.jsonl")
NAMES = FieldNames.parse("text=premise")


@pytest.mark.parametrize(
    ("names", "table"),
    [
        (tasks.TaskName, TASKS),
        (formats.FormatName, FORMATS),
        (options.PresetName, (*PRESETS, AUTO)),
        (options.ObserverName, OBSERVERS),
        (options.TokenizerName, ("auto", *MODES)),
    ],
)
def test_type_checkers_know_the_names_of_the_tables(names, table) -> None:
    assert sorted(get_args(names)) == sorted(table)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("calibration_texts", [0, -1, True, 2.0, "5"]),
        ("max_length", [0, 2, True, 12.0]),
        ("lengths", [(2,), (16, 8), (8, 8), (8.0,), (True,)]),
    ],
)
def test_numbers_out_of_range(name, values) -> None:
    for value in values:
        with pytest.raises(OptionError, match=rf"{name.replace('_', '.')}.*{str(value)[:3].strip('(')}"):
            DeployOptions(calibration=DATA, **{name: value})


@pytest.mark.parametrize("changes", [{"format": "tflight"}, {"observer": "median", "calibration": DATA}])
def test_unknown_names_list_those_there_are(changes) -> None:
    with pytest.raises(UnknownNameError, match=rf"{next(iter(changes.values()))}.*: \w+"):
        DeployOptions(**changes)


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"max_drop": 0.0}, "evaluation"),
        ({"report": Path("report")}, "evaluation"),
        ({"slices": ("length",)}, "evaluation"),
        ({"max_drop": 1.0, "calibration": DATA}, "evaluation"),
        ({"observer": "mse"}, "calibration"),
        ({"calibration_texts": 5}, "calibration"),
        ({"observer": "mse", "evaluation": DATA}, "calibration"),
        ({"truncation": True}, "evaluation or calibration"),
        ({"fields": NAMES}, "evaluation or calibration"),
    ],
)
def test_what_nothing_would_come_of_is_refused(changes, wanted) -> None:
    with pytest.raises(OptionError, match=rf"{next(iter(changes)).replace('_', '.')} must be left out .*\({wanted}\)"):
        DeployOptions(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"max_drop": 0.0, "report": Path("report"), "slices": ("length",), "evaluation": DATA},
        {"observer": "mse", "calibration_texts": 1, "calibration": DATA},
        {"truncation": True, "evaluation": DATA},
        {"truncation": True, "calibration": DATA, "fields": NAMES},
        {"max_length": 3, "lengths": (3, 8)},
    ],
)
def test_what_has_an_effect_is_taken(changes) -> None:
    made = DeployOptions(**changes)
    assert {name: getattr(made, name) for name in changes} == changes
