"""Truncation and padding: how rows are brought to a length.

The two families truncate differently, as their originals do: the slow one drops tokens and may give back a text that is
still too long, the fast one cuts the text into overlapping windows and refuses what cannot be done.
"""

from __future__ import annotations

from functools import partial

from roformer_edge.errors import TextError, UnknownNameError
from roformer_edge.tokenizer.encoding import Encoding, Segment
from roformer_edge.tokenizer.settings import SIDES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from roformer_edge.tokenizer.encoding import Tokenized
    from roformer_edge.tokenizer.template import Template

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
# a model_max_length beyond this means that there is none
UNLIMITED = int(1e20)


class Lengths:
    """How long rows may and must be: padding and truncation options, checked and resolved.

    Attributes:
        padding: ``"longest"``, ``"max_length"`` or None.
        truncation: ``"longest_first"``, ``"only_first"``, ``"only_second"`` or None.
        max_length: The most tokens of a row, those put around the texts included.
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
        """Find the length that rows of these lengths are padded to; 0 where they are left as they are."""
        if self.padding is None:
            return 0
        length = max(lengths, default=0) if self.padding == "longest" else self.max_length or 0
        return length if not self.multiple else -(-length // self.multiple) * self.multiple


def _choose(option: str, value: bool | str, table: dict[bool | str, str | None]) -> str | None:
    if value not in table:
        raise UnknownNameError(option, value, [str(name) for name in table])
    return table[value]


def check_side(option: str, side: str) -> str:
    """Return ``side``, if it is one.

    Raises:
        UnknownNameError: It is neither ``"right"`` nor ``"left"``.
    """
    if side not in SIDES:
        raise UnknownNameError(option, side, SIDES)
    return side


def drop(first: int, second: int | None, surplus: int, lengths: Lengths) -> tuple[int, int]:
    """Share out ``surplus`` among both texts: how many tokens the slow mode takes from the first and from the second.

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
    """Share out ``room`` among both texts: how many tokens the fast mode keeps of the first and of the second.

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
    """Lay windows of ``size`` tokens over ``length`` tokens, as ``(start, stop)``; neighbours share ``stride`` tokens.

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


def truncate_by_dropping(
    template: Template,
    first: Tokenized,
    second: Tokenized | None,
    lengths: Lengths,
    *,
    special: bool,
    typed: bool,
) -> Encoding:
    """Make a row as the slow tokenizer of transformers does, without the tokens that are too many.

    Args:
        template: Puts special tokens around.
        first: The first text.
        second: The second, or None.
        lengths: How long the row may be.
        special: Whether they are wanted.
        typed: Whether the model is fed the token types.
    """
    counts = len(first.ids), None if second is None else len(second.ids)
    around = template.count(second is not None) if special else 0
    surplus = counts[0] + (counts[1] or 0) + around - (lengths.max_length or 0)
    cuts = (0, 0)
    if lengths.truncation and lengths.max_length and surplus > 0:
        cuts = drop(*counts, surplus, lengths)
    types = template.types(second is not None)
    dropped: list[int] = []
    segments: list[Segment] = []
    for text, source in enumerate((first, second)):
        if source is None:
            continue
        ids, cut, start = source.ids, cuts[text], 0
        if cut:
            window = min(len(ids), lengths.stride + cut)
            if lengths.truncation_side == "right":
                dropped, ids = ids[len(ids) - window :], ids[: max(0, len(ids) - cut)]
            else:
                dropped, ids, start = ids[:window], ids[cut:], cut
        segments.append(Segment(ids, types[text] if special else 0, source=source, start=start, text=text))
    row = template.row(segments[0], None if second is None else segments[1], special, typed)
    row.dropped = dropped
    row.surplus = surplus if lengths.max_length is not None else 0
    return row


def truncate_to_windows(
    template: Template,
    first: Tokenized,
    second: Tokenized | None,
    lengths: Lengths,
    *,
    special: bool,
    typed: bool,
) -> Encoding:
    """Make a row as the fast tokenizers of transformers do; what does not fit follows in overlapping windows.

    Args:
        template: Puts special tokens around.
        first: The first text.
        second: The second, or None.
        lengths: How long the row may be.
        special: Whether they are wanted.
        typed: Whether the model is fed the token types.
    """
    sources = [first] if second is None else [first, second]
    room = (lengths.max_length or 0) - (template.count(second is not None) if special else 0)
    counts = [len(source.ids) for source in sources]
    sizes = counts
    # as in transformers, a max_length below the special tokens' number leaves the texts whole
    if lengths.truncation and sum(counts) > room >= 0:
        sizes = list(keep(counts[0], counts[1] if second is not None else None, room, lengths))
    types = template.types(second is not None)
    parts: list[list[Segment]] = []
    for text, (source, size) in enumerate(zip(sources, sizes, strict=False)):
        cuts = windows(len(source.ids), size, lengths.stride, lengths.truncation_side)
        parts.append([Segment(source.ids[a:b], types[text], source=source, start=a, text=text) for a, b in cuts])
    seconds: list[Segment | None] = [None] if second is None else [*parts[1]]
    row = template.row(parts[0][0], seconds[0], special, typed)
    row.overflow_by(partial(_others, template, parts[0], seconds, special, typed))
    return row


def _others(
    template: Template, firsts: list[Segment], seconds: list[Segment | None], special: bool, typed: bool
) -> list[Encoding]:
    """Make the rows behind the kept one: windows of the first text, each with all of the second, the kept one first."""
    pairs = [(one, two) for one in firsts[1:] for two in seconds]
    pairs += [(firsts[0], two) for two in seconds[1:]]
    return [template.row(one, two, special, typed) for one, two in pairs]
