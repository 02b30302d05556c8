"""A model with the tokens that a corpus needs, and rows of the tables for these alone."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from roformer_edge.checkpoint.names import DECODER_WEIGHT, WORD_EMBEDDINGS
from roformer_edge.config import RoFormerConfig
from roformer_edge.deploy.source import SourceModel
from roformer_edge.errors import DatasetError
from roformer_edge.tokenizer.pruning import prune
from roformer_edge.validate.data.fields import FieldNames
from roformer_edge.validate.data.inputs import read_rows

# what has a row for every token
_TABLES = (WORD_EMBEDDINGS, DECODER_WEIGHT, "cls.predictions.bias")
# keys of a config that hold lists of ids, and that nothing follows: their ids would be those of other tokens
_FORGOTTEN = ("bad_words_ids", "begin_suppress_tokens", "suppress_tokens")


def prune_vocabulary(model: SourceModel, corpus: Path, fields: FieldNames) -> SourceModel:
    """Leave out the tokens that a corpus does not need; answers to its texts stay the same.

    Args:
        model: It stays as it is, and open as long as it is.
        corpus: A file of the task's inputs; see :func:`~roformer_edge.validate.data.inputs.read_rows`.
        fields: Which key of it is which field.

    Raises:
        DatasetError: The corpus cannot be read, or holds nothing.
    """
    # how long a text is does not matter here
    rows = read_rows(corpus, model.task, fields, lambda _: None)
    if not rows:
        raise DatasetError(f"{corpus} holds no texts to keep the tokens of")
    config = model.config
    pruned = prune(model.tokenizer, rows, _ids_of(config))
    ids = np.asarray(pruned.ids)
    return dataclasses.replace(
        model,
        tokenizer=pruned.tokenizer,
        checkpoint=dataclasses.replace(
            model.checkpoint,
            config=_renumbered(config, pruned.ids),
            arrays=_SomeRows(model.checkpoint.arrays, ids),
        ),
        notes=(
            *model.notes,
            f"the vocabulary was pruned to {len(ids)} of {config.vocab_size} tokens: those that {corpus.name} needs "
            f"({len(rows)} texts or pairs, SHA-256 {_digest(rows)}), all single characters, special and added tokens",
        ),
    )


def _digest(rows: Sequence[tuple[str, str | None]]) -> str:
    digest = hashlib.sha256()
    for row in rows:
        digest.update(json.dumps(row).encode("ascii") + b"\n")
    return digest.hexdigest()


def _token_ids(config: RoFormerConfig) -> Iterator[tuple[str, Any]]:
    """List the keys of a config that hold the id of a token, or several."""
    return ((key, value) for key, value in config.extra.items() if key.endswith("_token_id"))


def _ids_of(config: RoFormerConfig) -> Iterable[int]:
    values = [config.pad_token_id, *(value for _, value in _token_ids(config))]
    listed = [one for value in values for one in (value if isinstance(value, list) else [value])]
    return [at for at in listed if type(at) is int and 0 <= at < config.vocab_size]


def _renumbered(config: RoFormerConfig, ids: Sequence[int]) -> RoFormerConfig:
    """Give the ids in a config their new numbers; what is no id of a row stays as it is."""
    new = {old: at for at, old in enumerate(ids)}

    def renumbered(value: Any) -> Any:
        return [renumbered(one) for one in value] if isinstance(value, list) else new.get(value, value)

    extra = {key: value for key, value in config.extra.items() if key not in _FORGOTTEN}
    extra |= {key: renumbered(value) for key, value in _token_ids(config)}
    return config.replace(vocab_size=len(ids), pad_token_id=renumbered(config.pad_token_id), extra=extra)


class _SomeRows(Mapping[str, np.ndarray]):
    """Arrays of which the tables have some of their rows, still read one at a time."""

    def __init__(self, arrays: Mapping[str, np.ndarray], rows: np.ndarray) -> None:
        self._arrays = arrays
        self._rows = rows

    def __getitem__(self, name: str) -> np.ndarray:
        array = self._arrays[name]
        return array[self._rows] if name in _TABLES else array

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)
