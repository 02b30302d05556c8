"""Truncation, padding and tensors: how rows are brought to a length, once for both tokenizers.

The two modes truncate differently, as their originals do: the slow one drops tokens and may give back a text that is
still too long, the fast one cuts the text into overlapping windows and refuses what cannot be done.
"""

from __future__ import annotations

from roformer_edge.errors import TextError, UnknownNameError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

PADDING: dict[bool | str, str | None] = {
    True: "longest",
    "longest": "longest",
    "max_length": "max_length",
    False: None,
    "do_not_pad": None,
}
TRUNCATION: dict[bool | str, str | None] = {
    True: "longest_first",
    "longest_first": "longest_first",
    "only_first": "only_first",
    "only_second": "only_second",
    False: None,
    "do_not_truncate": None,
}
SIDES = ("right", "left")
# a model_max_length beyond this means that there is none
UNLIMITED = int(1e20)


class Lengths:
    """How long rows may and must be: padding and truncation options, checked and resolved.

    Attributes:
        padding: ``"longest"``, ``"max_length"`` or None.
        truncation: ``"longest_first"``, ``"only_first"``, ``"only_second"`` or None.
        max_length: In tokens, those put around the texts included.
        stride: How many tokens of a row its overflow repeats.
        multiple: Padded lengths are rounded up to a multiple of it.
        padding_side: ``"right"`` or ``"left"``.
        truncation_side: The side that tokens are taken away from.
    """

    __slots__ = ("max_length", "multiple", "padding", "padding_side", "stride", "truncation", "truncation_side")

    def __init__(
        self,
        *,
        padding: bool | str,
        truncation: bool | str | None,
        max_length: int | None,
        model_max_length: int,
        stride: int,
        multiple: int | None,
        padding_side: str,
        truncation_side: str,
    ) -> None:
        if max_length is not None and padding is False and truncation is None:
            truncation = True
        self.padding = _choose("padding", padding, PADDING)
        self.truncation = _choose("truncation", truncation or False, TRUNCATION)
        if max_length is None and (self.padding == "max_length" or self.truncation):
            if model_max_length <= UNLIMITED:
                max_length = model_max_length
            else:
                # as in transformers: without any limit there is nothing to pad or to cut to
                self.padding = None if self.padding == "max_length" else self.padding
                self.truncation = None
        if self.truncation and self.padding and multiple is not None and (max_length or 0) % multiple:
            raise TextError(
                "Truncation and padding are both activated but "
                f"truncation length ({max_length}) is not a multiple of pad_to_multiple_of ({multiple})."
            )
        self.max_length = max_length
        self.stride = stride
        self.multiple = multiple
        self.padding_side = check_side("padding_side", padding_side)
        self.truncation_side = check_side("truncation_side", truncation_side)

    def target(self, lengths: Sequence[int]) -> int:
        """The length that rows of these lengths are padded to; 0 where they are left as they are."""
        if self.padding is None:
            return 0
        length = max(lengths, default=0) if self.padding == "longest" else self.max_length or 0
        return length if not self.multiple else -(-length // self.multiple) * self.multiple


def _choose(option: str, value: bool | str, table: dict[bool | str, str | None]) -> str | None:
    if value not in table:
        raise UnknownNameError(option, value, [str(name) for name in table])
    return table[value]


def check_side(option: str, side: str) -> str:
    """``side``, if it is one.

    Raises:
        UnknownNameError: It is neither ``"right"`` nor ``"left"``.
    """
    if side not in SIDES:
        raise UnknownNameError(option, side, SIDES)
    return side


def drop(first: int, second: int | None, surplus: int, lengths: Lengths) -> tuple[int, int]:
    """How many tokens the slow mode takes from the first and from the second text to get rid of ``surplus`` tokens.

    Nothing is taken where the strategy cannot reach the length: as in transformers, the texts stay whole, and the log
    says so.
    """
    if lengths.truncation == "longest_first" and second is not None:
        longer = min(abs(second - first), surplus)
        both = surplus - longer
        if first > second:
            return longer + both // 2, both - both // 2
        return both // 2, longer + both - both // 2
    only_second = lengths.truncation == "only_second"
    if (second or 0 if only_second else first) > surplus:
        return (0, surplus) if only_second else (surplus, 0)
    import logging

    logging.getLogger(__name__).warning(
        "%d tokens are too many, but truncation %r cannot take them away: the text stays whole",
        surplus,
        lengths.truncation,
    )
    return 0, 0


def keep(first: int, second: int | None, room: int, lengths: Lengths) -> tuple[int, int]:
    """How many tokens the fast mode keeps of the first and of the second text to fit into ``room`` tokens.

    Raises:
        TextError: The strategy cannot reach that length.
    """
    surplus = first + (second or 0) - room
    if room == 0:
        return 0, 0
    if lengths.truncation == "longest_first":
        if second is None:
            return room, 0
        short, long = sorted((first, second))
        long = short if short > room else max(short, room - short)
        if short + long > room:
            short, long = room // 2, room // 2 + room % 2
        return (long, short) if first > second else (short, long)
    if lengths.truncation == "only_second" and second is None:
        raise TextError("truncation 'only_second' needs a second text; none was given")
    target, name = (first, "first") if lengths.truncation == "only_first" else (second or 0, "second")
    if target <= surplus:
        raise TextError(
            f"truncation {lengths.truncation!r} must take {surplus} tokens from the {name} text, which has {target}; "
            "allow a greater max_length or use truncation='longest_first'"
        )
    return (target - surplus, second or 0) if name == "first" else (first, target - surplus)


def windows(length: int, size: int, stride: int, side: str) -> list[tuple[int, int]]:
    """``(start, stop)`` of the windows of ``size`` tokens over ``length`` tokens, neighbours sharing ``stride`` tokens.

    Raises:
        TextError: The stride leaves no progress from window to window.
    """
    if size >= length:
        return [(0, length)]
    if size == 0:
        return [(0, 0), (0, length)]
    if stride >= size:
        raise TextError(f"stride {stride} must be less than the {size} tokens that max_length leaves for the text")
    step = size - stride
    starts = range(0, length - size + step, step)
    if side == "right":
        return [(start, min(start + size, length)) for start in starts]
    return [(max(0, length - start - size), length - start) for start in starts]


def to_tensors(name: str, rows: list[list[int]] | list[int]) -> Any:
    """Rows of equal length as a tensor of int64.

    Args:
        name: ``"np"``, ``"pt"`` or ``"tf"``.
        rows: The numbers.

    Raises:
        TextError: The rows differ in length.
        UnknownNameError: No such kind of tensor.
        MissingDependencyError: The package is not installed.
    """
    if name not in TENSORS:
        raise UnknownNameError("return_tensors", name, TENSORS)
    if len({len(row) if isinstance(row, list) else 0 for row in rows}) > 1:
        raise TextError("rows of different lengths do not make a tensor; ask for padding=True, or truncation too")
    return TENSORS[name](rows)


def _numpy(rows: Any) -> Any:
    from roformer_edge._extras import require

    numpy = require("numpy", "for return_tensors='np'")
    return numpy.asarray(rows, dtype=numpy.int64)


def _torch(rows: Any) -> Any:
    from roformer_edge._extras import require

    torch = require("torch", "for return_tensors='pt'")
    return torch.tensor(rows, dtype=torch.int64)


def _tensorflow(rows: Any) -> Any:
    from roformer_edge._extras import require

    tensorflow = require("tensorflow", "for return_tensors='tf'")
    return tensorflow.constant(rows)


TENSORS = {"np": _numpy, "pt": _torch, "tf": _tensorflow}
