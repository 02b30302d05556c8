"""What a task answers to, read from the lines of a file: for validation, for calibration and for ``run``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from roformer_edge.tasks import Task, get_task
from roformer_edge.validate.data.fields import BY_NAME, INPUT_KEYS, FieldNames
from roformer_edge.validate.data.lines import Line, listed, read_lines

# The inputs of one example by the names of the task's fields: texts, or lists of texts.
Inputs = Mapping[str, Any]

# letters of scripts that write no spaces between words begin here (CJK radicals)
_IDEOGRAPHS = 0x2E80


def read_inputs(path: str | Path, task: str, fields: FieldNames = BY_NAME) -> Iterator[Inputs]:
    """Read what a task answers to, one example a line; labels and remarks are ignored.

    Args:
        path: A file, or ``"-"``; see :func:`~roformer_edge.validate.data.lines.read_lines`.
        task: A name of ``tasks.TASKS``; it decides what a line must hold.
        fields: Which key of the file is which field.

    Raises:
        DatasetError: While iterating: a line cannot be used; the message starts with ``path:line:``.
        UnknownNameError: No such task.
    """
    row = get_task(task)
    return (inputs_of(line, row) for line in read_lines(path, fields))


def read_texts(path: str | Path, fields: FieldNames = BY_NAME) -> Iterator[str]:
    """Read the text of every line, one by one, whatever else there is.

    Raises:
        DatasetError: As for :func:`read_inputs`.
    """
    return (line.string("text") for line in read_lines(path, fields))


def inputs_of(line: Line, task: Task) -> Inputs:
    """The inputs of one line by the names of the task's fields.

    Raises:
        DatasetError: One is missing or is no text, or the line holds what looks like an input and is not read.
    """
    if task.name == "token-classification" and not line.holds("text") and line.holds("tokens"):
        return {"text": join_words(line.strings("tokens"))[0]}
    names = [*task.fields, *(name for name in task.optional if line.holds(name))]
    inputs = {name: line.strings(name) if name == "choices" else line.string(name) for name in names}
    unread = sorted((line.values.keys() & INPUT_KEYS) - {line.key(name) for name in names})
    if unread and not line.fields.given:
        verb = "looks like an input" if len(unread) == 1 else "look like inputs"
        raise line.error(
            f"{listed(unread)} {verb}, and {task.name} reads {', '.join((*task.fields, *task.optional))}; "
            "say which key is which with --fields, such as --fields text=sentence1,pair=sentence2"
        )
    return inputs


def text_or_pair(inputs: Inputs) -> str | tuple[str, str]:
    """What a pipeline of texts takes: the text, or a tuple of text and pair."""
    text: str = inputs["text"]
    return (text, inputs["text_pair"]) if "text_pair" in inputs else text


def join_words(words: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
    """The text that words stand in, and the characters ``(start, end)`` of each.

    Chinese is written without spaces; between two words of an alphabet or of digits stands one, unless all words are
    single characters, in which case the data set was cut into characters.
    """
    spaced = any(len(word) > 1 for word in words)
    text, places = "", []
    for word in words:
        if spaced and _is_letter(text[-1:]) and _is_letter(word[:1]):
            text += " "
        places.append((len(text), len(text) + len(word)))
        text += word
    return text, places


def _is_letter(character: str) -> bool:
    return character.isalnum() and ord(character) < _IDEOGRAPHS
