"""From rows of JSON Lines to the arrays that a model is trained with, int32 ``[rows, tokens]``, one function a task.

The names of the arrays are the names of the models' arguments. Labels of -100 do not count in a loss.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np

from roformer_edge.tagging import TagScheme
from roformer_edge.tokenizer import RoFormerTokenizer
from roformer_edge.validate.tasks.token_classification import Span

IGNORED = -100
Arrays = dict[str, Any]
Rows = Sequence[dict[str, Any]]


def texts(
    tokenizer: RoFormerTokenizer, rows: Rows, length: int, pairs: Sequence[str] | None = None, side: str = "right"
) -> Arrays:
    """The texts of ``rows``, cut and padded to ``length`` tokens."""
    firsts = [row["text"] for row in rows]
    batch = tokenizer(
        firsts, pairs, truncation=True, padding="max_length", max_length=length, padding_side=side, return_tensors="np"
    )
    return {name: array.astype(np.int32) for name, array in batch.items()}


def labelled(tokenizer: RoFormerTokenizer, rows: Rows, names: Sequence[str], length: int) -> Arrays:
    """Texts with one label each."""
    labels = np.array([names.index(row["label"]) for row in rows], dtype=np.int32)
    return {**texts(tokenizer, rows, length), "labels": labels}


# token classification


def tag_names(rows: Rows) -> list[str]:
    """Begin and inside tags of every kind of entity; 0 is outside."""
    kinds = sorted({entity["label"] for row in rows for entity in row["entities"]})
    return ["O", *(f"{place}-{kind}" for kind in kinds for place in "BI")]


def tagged(tokenizer: RoFormerTokenizer, rows: Rows, names: Sequence[str], length: int) -> Arrays:
    """Texts with a tag for every token; what stands around a text has none."""
    arrays = texts(tokenizer, rows, length)
    labels = np.full_like(arrays["input_ids"], IGNORED)
    for row, places, tags in zip(rows, _places(tokenizer, rows, length), labels, strict=True):
        for token, (start, end) in places:
            tags[token] = 0
            for entity in row["entities"]:
                if start < entity["end"] and end > entity["start"]:
                    first = start <= entity["start"]
                    tags[token] = names.index(f"{'B' if first else 'I'}-{entity['label']}")
    return {**arrays, "labels": labels}


def entities(
    tokenizer: RoFormerTokenizer, rows: Rows, names: Sequence[str], tags: np.ndarray[Any, Any]
) -> list[set[Span]]:
    """The entities that tags ``[rows, tokens]`` mean, as (kind, start, end) in characters."""
    found: list[set[Span]] = []
    scheme = TagScheme.of(names)
    for places, row_tags in zip(_places(tokenizer, rows, tags.shape[1]), tags, strict=True):
        joined = scheme.join([names[row_tags[token]] for token, _ in places])
        found.append({(kind, places[first][1][0], places[end - 1][1][1]) for kind, first, end in joined})
    return found


def _places(tokenizer: RoFormerTokenizer, rows: Rows, length: int) -> list[list[tuple[int, tuple[int, int]]]]:
    """For every row its text's tokens: their numbers and their places in characters."""
    encodings = tokenizer([row["text"] for row in rows], truncation=True, max_length=length).encodings
    return [
        [(number, place) for number, place in enumerate(row.offsets) if row.sequence_ids[number] == 0]
        for row in encodings
    ]


# multiple choice


def choices(tokenizer: RoFormerTokenizer, rows: Rows, length: int) -> Arrays:
    """Every row as pairs of its context and one choice, ``[rows, choices, tokens]``.

    The model reads its answer off the last position, so the padding stands on the left.
    """
    pairs = [{"text": row["context"]} for row in rows for _ in row["choices"]]
    seconds = [row["question"] + choice for row in rows for choice in row["choices"]]
    arrays = texts(tokenizer, pairs, length, seconds, side="left")
    arrays = {name: array.reshape(len(rows), -1, length) for name, array in arrays.items()}
    return {**arrays, "labels": np.array([row["label"] for row in rows], dtype=np.int32)}


def other_distractors(rows: Rows, seed: int) -> list[dict[str, Any]]:
    """The same rows, the right choice among wrong ones from other rows: more to learn from than the given ones."""
    rng = random.Random(seed)
    lines: dict[int, list[str]] = {}
    for row in rows:
        for line in row["choices"]:
            lines.setdefault(len(line), []).append(line)
    drawn = []
    for row in rows:
        right = row["choices"][row["label"]]
        wrong = [line for line in rng.sample(lines[len(right)], len(row["choices"])) if line != right]
        label = rng.randrange(len(row["choices"]))
        shown = [*wrong[:label], right, *wrong[label:]][: len(row["choices"])]
        drawn.append({**row, "choices": shown, "label": label})
    return drawn


# language models


def masked(
    tokenizer: RoFormerTokenizer, arrays: Arrays, *, share: float = 0.15, times: int = 1, seed: int = 0
) -> Arrays:
    """Texts with some tokens to be guessed: 80 % of those masked, 10 % replaced by another, 10 % left as they are.

    Args:
        tokenizer: Knows ``[MASK]``.
        arrays: Texts.
        share: Of the tokens to be guessed. More teach more in the same time, fewer are easier to guess.
        times: Every text so many times, each time with other tokens hidden.
        seed: Of the choice.
    """
    rng = np.random.default_rng(seed)
    ids, mask, types = (np.tile(arrays[name], (times, 1)) for name in ("input_ids", "attention_mask", "token_type_ids"))
    around = (tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.pad_token_id, tokenizer.unk_token_id)
    chosen = (rng.random(ids.shape) < share) & ~np.isin(ids, around)
    dice = rng.random(ids.shape)
    labels = np.where(chosen, ids, IGNORED).astype(np.int32)
    ids = np.where(chosen & (dice < 0.8), tokenizer.mask_token_id, ids)
    ids = np.where(chosen & (dice >= 0.9), rng.integers(5, len(tokenizer), ids.shape), ids).astype(np.int32)
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": types, "labels": labels}


def continued(tokenizer: RoFormerTokenizer, arrays: Arrays) -> Arrays:
    """Texts whose every token but the padding is to be guessed from those before it; the model shifts the labels."""
    unknown = np.isin(arrays["input_ids"], (tokenizer.pad_token_id, tokenizer.unk_token_id))
    return {**arrays, "labels": np.where(unknown, IGNORED, arrays["input_ids"])}
