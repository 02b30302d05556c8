"""Padding rows that were encoded before, as the collators of transformers ask for it."""

from __future__ import annotations

from roformer_edge.errors import TextError
from roformer_edge.tokenizer.batch_encoding import BatchEncoding
from roformer_edge.tokenizer.tensors import framework_of, to_lists

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from roformer_edge.tokenizer.base import Tokenizer
    from roformer_edge.tokenizer.lengths import Lengths


def pad_rows(
    tokenizer: Tokenizer,
    rows: Any,
    lengths: Lengths,
    masked: bool | None,
    tensors: str | None,
) -> BatchEncoding:
    """Pad one row, rows by the names of the model's inputs, or a list of rows.

    Args:
        tokenizer: Says what rows are filled with, and what the first input of the model is called.
        rows: A mapping, or a list of them; lists or tensors.
        lengths: The lengths and the side.
        masked: Whether an attention mask is returned; None for what ``model_input_names`` says.
        tensors: The name of the tensors to return; that of the inputs when left out.

    Raises:
        TextError: The first input is missing, or the values are not equally many.
    """
    name = tokenizer.model_input_names[0]
    if isinstance(rows, list | tuple):
        if not rows:
            raise TextError("there are no rows to pad")
        rows = {key: [row[key] for row in rows] for key in rows[0]}
    if name not in rows:
        raise TextError(f"rows to be padded must hold {name}, found {', '.join(map(repr, rows))}")
    columns = dict(rows)
    if columns[name] is None or not len(columns[name]):
        return BatchEncoding({**columns, **({"attention_mask": []} if masked else {})})
    if tensors is None:
        tensors = framework_of(columns[name]) or framework_of(columns[name][0])
    columns = {key: to_lists(value) for key, value in columns.items()}
    single = not isinstance(columns[name][0], list)
    if single:
        columns = {key: [value] for key, value in columns.items()}
    if masked is None:
        masked = "attention_mask" in tokenizer.model_input_names
    counts = {key: len(value) for key, value in columns.items()}
    if len(set(counts.values())) > 1:
        raise TextError(
            f"rows to be padded must be equally many, found {', '.join(f'{key}: {n}' for key, n in counts.items())}"
        )
    target = lengths.target([len(ids) for ids in columns[name]])
    padded = _pad_columns(tokenizer, columns, target, lengths.padding_side == "right", masked)
    data = {key: column[0] for key, column in padded.items()} if single else padded
    return BatchEncoding(data).convert_to_tensors(tensors)


def _pad_columns(
    tokenizer: Tokenizer, columns: dict[str, list[Any]], target: int, right: bool, masked: bool
) -> dict[str, list[Any]]:
    name = tokenizer.model_input_names[0]
    if masked and "attention_mask" not in columns:
        columns["attention_mask"] = [[1] * len(ids) for ids in columns[name]]
    missing = [max(0, target - len(ids)) for ids in columns[name]]
    if any(missing) and tokenizer.pad_token_id is None:
        raise TextError("rows cannot be padded: the tokenizer has no pad_token; name one with pad_token=")
    # what each is filled with; other columns, such as labels, stay as they are
    fillers = {
        "token_type_ids": tokenizer.pad_token_type_id,
        "special_tokens_mask": 1,
        name: tokenizer.pad_token_id,
        **({"attention_mask": 0} if masked else {}),
    }
    return {
        key: [
            [*row, *[fillers[key]] * more] if right else [*[fillers[key]] * more, *row]
            for row, more in zip(column, missing, strict=True)
        ]
        if key in fillers
        else column
        for key, column in columns.items()
    }
