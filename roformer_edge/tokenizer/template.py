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
        pair: The slots of a row of a pair.
    """

    __slots__ = ("_pair", "_single")

    def __init__(self, single: Sequence[Slot], pair: Sequence[Slot]) -> None:
        self._single = _Row(single)
        self._pair = _Row(pair)

    @classmethod
    def of_bert(cls, cls_token: tuple[str, int], sep_token: tuple[str, int]) -> Template:
        """``[CLS] A [SEP]`` and ``[CLS] A [SEP] B [SEP]``, with type 1 from the first token of B on.

        Args:
            cls_token: The first token and its id.
            sep_token: The token behind every text and its id.
        """
        single: list[Slot] = [(*cls_token, 0), (0, 0), (*sep_token, 0)]
        return cls(single, [*single, (1, 1), (*sep_token, 1)])

    @classmethod
    def of_nothing(cls) -> Template:
        """The texts alone."""
        return cls([(0, 0)], [(0, 0), (1, 1)])

    def count(self, pair: bool) -> int:
        """How many special tokens are put around one text or a pair."""
        return (self._pair if pair else self._single).count

    def types(self, pair: bool) -> list[int]:
        """The type of each text of a row."""
        return (self._pair if pair else self._single).types

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
        slots = (self._single if second is None else self._pair).slots
        return Encoding(
            [slot if isinstance(slot, Segment) else first if slot == 0 or second is None else second for slot in slots],
            typed,
        )


class _Row:
    """The slots of one kind of row: special tokens as segments, texts as their numbers."""

    __slots__ = ("count", "slots", "types")

    def __init__(self, slots: Sequence[Slot]) -> None:
        self.slots: list[Segment | int] = []
        types: dict[int, int] = {}
        for slot in slots:
            if len(slot) == 2:
                types[slot[0]] = slot[1]
                self.slots.append(slot[0])
            else:
                token, index, type_id = slot
                self.slots.append(Segment([index], type_id, token=token))
        self.types = [types[text] for text in sorted(types)]
        self.count = len(self.slots) - len(types)
