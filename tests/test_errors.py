"""The tree of errors: every class stands in the drawing, and what came from a file is told on one line."""

from __future__ import annotations

import pickle
import re

import pytest

from roformer_edge import errors
from roformer_edge.errors import (
    BudgetExceededError,
    MissingDependencyError,
    OptionError,
    ParityError,
    RoFormerEdgeError,
    UnknownNameError,
    advice,
    command_line_words,
    nearest,
    shown,
)

CLASSES = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, RoFormerEdgeError)]


def test_the_drawing_has_every_class_below_its_parent() -> None:
    stack: list[tuple[int, str]] = []
    drawn = {}
    for line in errors.__doc__.splitlines():
        match = re.match(r"([\s│├└─]*)(\w+Error)\b", line)
        if match:
            depth = len(match[1])
            stack = [entry for entry in stack if entry[0] < depth]
            drawn[match[2]] = stack[-1][1] if stack else None
            stack.append((depth, match[2]))
    assert drawn.keys() == {one.__name__ for one in CLASSES}
    for one in CLASSES:
        if one is not RoFormerEdgeError:
            assert drawn[one.__name__] in {base.__name__ for base in one.__bases__}


def test_what_it_was_called_before_is_the_same_class() -> None:
    assert errors.RoformerEdgeError is RoFormerEdgeError


ARGUMENTS = {
    UnknownNameError: ("task", "x", ["a", "b"]),
    OptionError: ("top_k", 0),
    MissingDependencyError: ("torch", "torch", "here"),
    ParityError: ("logits", 0.1, 0.2, 0.01),
}


@pytest.mark.parametrize("kind", CLASSES)
def test_errors_come_out_of_other_processes(kind: type[RoFormerEdgeError]) -> None:
    error = kind(*ARGUMENTS.get(kind, ("a message",)))
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert str(again) == str(error)
    assert vars(again) == vars(error)


def test_exit_codes_tell_a_broken_budget_from_everything_else() -> None:
    assert BudgetExceededError.exit_code == 3
    assert {one.exit_code for one in CLASSES if one is not BudgetExceededError} == {1}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("plain 今天", "plain 今天"),
        ("a\nb\x1b[31m", "a\\nb\\x1b[31m"),
        ("x" * 150, "x" * 100 + "..."),
        ("x" * 100, "x" * 100),
        (12.5, "12.5"),
        ("\ud800", "\\ud800"),
    ],
)
def test_what_a_file_says_is_shown_on_one_line(text: object, wanted: str) -> None:
    assert shown(text) == wanted


def test_the_limit_is_of_the_text_and_not_of_its_escapes() -> None:
    assert shown("\n" * 5, 3) == "\\n\\n\\n..."


def test_advice_is_in_the_words_of_where_the_user_stands() -> None:
    def said() -> str:
        return advice(python="truncation=True", command="--truncate")

    assert said() == "truncation=True"
    with command_line_words():
        assert said() == "--truncate"
        with command_line_words():
            pass
        assert said() == "--truncate"
    assert said() == "truncation=True"
    with pytest.raises(KeyError), command_line_words():
        raise KeyError
    assert said() == "truncation=True"


def test_errors_of_values_and_imports_are_caught_as_python_calls_them() -> None:
    with pytest.raises(ValueError, match="threads"):
        raise OptionError("threads", 0)
    assert issubclass(MissingDependencyError, ImportError)
    assert issubclass(errors.TextError, ValueError)


def test_messages_say_what_was_asked_found_and_allowed() -> None:
    unknown = str(UnknownNameError("recipe", "mine", ("fp32", "int8-static")))
    assert unknown == "unknown recipe 'mine'; choose one of: fp32, int8-static"
    assert str(UnknownNameError("recipe", "in8-statik", ("fp32", "int8-static"))).endswith(
        "(did you mean int8-static?)"
    )
    meant = str(UnknownNameError("recipe", "int8", ("fp32", "int8-dynamic", "int4", "int8-static")))
    assert meant.endswith("(did you mean int8-dynamic or int8-static?)")
    assert nearest("--junit", ("--quiet", "--unit")) == "--unit"
    assert nearest("--junit", ("--quiet", "--json")) is None
    message = str(OptionError("threads", 0, "a whole number"))
    assert "threads" in message
    assert "a whole number" in message
    assert "0" in message
    error = ParityError("layer.1", 0.5, 0.25, 1e-4, "inputs of shape (2, 3)")
    assert (error.tensor, error.absolute, error.relative, error.tolerance) == ("layer.1", 0.5, 0.25, 1e-4)
    assert "layer.1" in str(error)
