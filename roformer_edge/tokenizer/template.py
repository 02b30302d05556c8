"""The post-processor: which special tokens are put around one text and around a pair, and the types of all."""

from __future__ import annotations

from roformer_edge.tokenizer.encoding import Encoding, Segment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    # a special token with its id and type, or the number (0 or 1) of a text with its type
    Slot = tuple[str, int, int] | tuple[int, int]


class Template:
    """What rows are made of.

    Args:
        single: The slots of a row of one text.
        pair: The slots of a row of a pair; the first text stands before the second.

    Attributes:
        single_types: The type of the text of a row of one.
        pair_types: The types of both texts of a row of a pair.
    """

    __slots__ = ("_around_pair", "_around_single", "pair_types", "single_types")

    def __init__(self, single: Sequence[Slot], pair: Sequence[Slot]) -> None:
        self._around_single, self.single_types = _arrange(single)
        self._around_pair, self.pair_types = _arrange(pair)

    @classmethod
    def of_bert(cls, cls_token: tuple[str, int], sep_token: tuple[str, int]) -> Template:
        """Make ``[CLS] A [SEP]`` and ``[CLS] A [SEP] B [SEP]``, with type 1 from the first token of B on.

        Args:
            cls_token: The first token and its id.
            sep_token: The token behind every text and its id.
        """
        single: list[Slot] = [(*cls_token, 0), (0, 0), (*sep_token, 0)]
        return cls(single, [*single, (1, 1), (*sep_token, 1)])

    @classmethod
    def of_nothing(cls) -> Template:
        """Make a template that leaves the texts alone."""
        return cls([(0, 0)], [(0, 0), (1, 1)])

    def count(self, pair: bool) -> int:
        """Count the special tokens that are put around one text or a pair."""
        return sum(map(len, self._around_pair if pair else self._around_single))

    def types(self, pair: bool) -> tuple[int, ...]:
        """Return the type of each text of a row."""
        return self.pair_types if pair else self.single_types

    def row(self, first: Segment, second: Segment | None, special: bool, typed: bool) -> Encoding:
        """Put special tokens around the texts.

        Args:
            first: The first text.
            second: The second, or None.
            special: False leaves the texts alone.
            typed: Whether the model is fed the types.
        """
        if not special:
            return Encoding((first,) if second is None else (first, second), typed)
        if second is None:
            before, after = self._around_single
            return Encoding((*before, first, *after), typed)
        before, between, after = self._around_pair
        return Encoding((*before, first, *between, second, *after), typed)


def _arrange(slots: Sequence[Slot]) -> tuple[list[list[Segment]], tuple[int, ...]]:
    """Arrange the special tokens before, between and after the texts, and the types of the texts."""
    around: list[list[Segment]] = [[]]
    types: list[int] = []
    for slot in slots:
        if len(slot) == 2:
            types.append(slot[1])
            around.append([])
        else:
            token, index, type_id = slot
            around[-1].append(Segment([index], type_id, token=token))
    return around, tuple(types)
