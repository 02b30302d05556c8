"""Tokens that are cut out of a text before it is segmented: the special ones and those that were added later.

The slow and the fast tokenizer of transformers find them in different ways, both of which are reproduced here:
``SlowMatcher`` follows the behaviour of its ``Trie``, ``FastMatcher`` that of the crate tokenizers.
"""

from __future__ import annotations

from roformer_edge.tokenizer.unicode_tables import WHITE_SPACE, WORD

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Sequence
    from typing import Any

    from roformer_edge.tokenizer.unicode_tables import UnicodeData

_END = ""
NO_TOKEN = -1

# the fields of an added token in Hugging Face files
FIELDS = ("content", "lstrip", "normalized", "rstrip", "single_word", "special")

_Node = dict[str, "_Node"]


class AddedToken:
    """A token with the manner in which it is found.

    Args:
        content: The text it stands for.
        single_word: Only found between characters that are not part of a word.
        lstrip: Takes the white space to its left with it.
        rstrip: Takes the white space to its right with it.
        normalized: Found in the normalised text and not in the raw one; ``not special`` when left out.
        special: Left out by ``skip_special_tokens`` and never lower-cased.
    """

    __slots__ = ("_normalized", "content", "lstrip", "rstrip", "single_word", "special")

    def __init__(
        self,
        content: str,
        *,
        single_word: bool = False,
        lstrip: bool = False,
        rstrip: bool = False,
        normalized: bool | None = None,
        special: bool = False,
    ) -> None:
        self.content = content
        self.single_word = single_word
        self.lstrip = lstrip
        self.rstrip = rstrip
        self.special = special
        self._normalized = normalized

    @property
    def normalized(self) -> bool:
        """Whether it is found in the normalised text and not in the raw one."""
        return not self.special if self._normalized is None else self._normalized

    def to_dict(self) -> dict[str, Any]:
        """Describe the token as Hugging Face files hold it."""
        return {name: getattr(self, name) for name in FIELDS}

    def as_special(self) -> AddedToken:
        """Copy the token as a special one; what was left open about ``normalized`` stays open."""
        return AddedToken(**{**self.to_dict(), "normalized": self._normalized, "special": True})

    def __str__(self) -> str:
        return self.content

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={value}" for name, value in self.to_dict().items() if name != "content")
        return f"AddedToken({self.content!r}, {options})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AddedToken) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash(self.content)


def _holds_any(text: str, characters: Iterable[str]) -> bool:
    # a loop costs less than any() with a generator, and most texts hold none
    for character in characters:  # noqa: SIM110
        if character in text:
            return True
    return False


def _plant(contents: Iterable[str]) -> _Node:
    root: _Node = {}
    for content in contents:
        node = root
        for character in content:
            node = node.setdefault(character, {})
        node[_END] = {}
    return root


class _Starts:
    """The places in a text where any token may begin, asked for from left to right."""

    __slots__ = ("_length", "_next", "_places")

    def __init__(self, text: str, heads: Container[str]) -> None:
        self._places = [place for place, character in enumerate(text) if character in heads]
        self._next = 0
        self._length = len(text)

    def after(self, position: int) -> int:
        """Find the first such place at or after ``position``, or the end of the text; positions must not fall."""
        places, count = self._places, len(self._places)
        while self._next < count and places[self._next] < position:
            self._next += 1
        return places[self._next] if self._next < count else self._length


class SlowMatcher:
    """Cuts a text at tokens the way the slow tokenizer does.

    Args:
        contents: The texts of the tokens.
    """

    def __init__(self, contents: Iterable[str]) -> None:
        self._root = _plant(content for content in contents if content)

    def may_match(self, text: str) -> bool:
        """Tell whether any token could begin in ``text``; cheap, and false for nearly all texts."""
        return _holds_any(text, self._root)

    def cut(self, text: str) -> list[tuple[int, int]]:
        """Cut ``text`` into pieces, of which some are tokens.

        Partial matches are followed side by side. The first to be complete ends the search, and of those that began
        no later the leftmost that can be completed is taken, as long as possible. One that failed on the very
        character that completed another is still tried, with that character passed over: the slow tokenizer does so.

        Returns:
            ``(start, end)`` of every piece; together they cover the text.
        """
        starts = _Starts(text, self._root)
        cuts = [0]
        active: dict[int, _Node] = {}
        position = resume = 0
        while (position := position if active else starts.after(max(position, resume))) < len(text):
            character = text[position]
            failed = []
            for start, node in active.items():
                if _END in node:
                    match = self._complete(text, position, active, start)
                    cuts += match
                    resume = match[1]
                    active = {}
                    break
                if character in node:
                    active[start] = node[character]
                else:
                    failed.append(start)
            for start in failed:
                active.pop(start, None)
            if position >= resume and character in self._root:
                active[position] = self._root[character]
            position += 1
        for start, node in active.items():
            if _END in node:
                cuts += (start, len(text))
                break
        return _spans(cuts, len(text))

    @staticmethod
    def _complete(text: str, position: int, active: dict[int, _Node], found: int) -> tuple[int, int]:
        """Find the leftmost, longest match among those that began no later than ``found``, which is complete."""
        for start, first in active.items():
            node, end, ahead = first, -1, position + (start < found)
            if _END in node:
                end = ahead
            while ahead < len(text) and text[ahead] in node:
                node = node[text[ahead]]
                ahead += 1
                if _END in node:
                    end = ahead
            if end >= 0:
                return start, end
        raise AssertionError("the match that was found has gone")


def _spans(cuts: list[int], length: int) -> list[tuple[int, int]]:
    spans, start = [], 0
    for end in (*cuts, length):
        if end > start:
            spans.append((start, end))
            start = end
    return spans


class Alternatives:
    """Finds the leftmost of several texts, of two at one place the one named earlier: an alternation of literals.

    Args:
        texts: What to look for; empty ones are left out.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self._by_head: dict[str, list[str]] = {}
        for text in texts:
            if text:
                self._by_head.setdefault(text[0], []).append(text)

    def find(self, text: str) -> list[tuple[int, int]]:
        """Find ``(start, end)`` of every occurrence, from left to right, none inside another."""
        found: list[tuple[int, int]] = []
        if not _holds_any(text, self._by_head):
            return found
        starts = _Starts(text, self._by_head)
        position = starts.after(0)
        while position < len(text):
            each = next((each for each in self._by_head[text[position]] if text.startswith(each, position)), "")
            end = position + len(each)
            if each:
                found.append((position, end))
            position = starts.after(max(end, position + 1))
        return found


class Piece:
    """A stretch of a text: an added token with the white space that it takes with it, or what lies between tokens.

    Args:
        text: The text.
        begin: Its first character.
        end: The place behind its last character.
        core: The stretch of the token's content alone.
        index: The id of the token, or ``NO_TOKEN``.
    """

    __slots__ = ("_core", "_text", "begin", "end", "index")

    def __init__(self, text: str, begin: int, end: int, core: tuple[int, int], index: int = NO_TOKEN) -> None:
        self._text = text
        self.begin = begin
        self.end = end
        self._core = core
        self.index = index

    @property
    def text(self) -> str:
        """The characters of the stretch."""
        return self._text[self.begin : self.end]

    def span(self, places: Sequence[int]) -> tuple[int, int]:
        """Find ``(start, end)`` in the original text, for which ``places`` holds the place of every character."""
        # only inside its content may places be out of order; the white space around may be long, and be run over often
        core = places[max(self.begin, self._core[0]) : min(self.end, self._core[1])]
        return min(places[self.begin], *core), max(places[self.end - 1], *core) + 1


class FastMatcher:
    """Finds tokens in a text the way the fast tokenizer does: the leftmost, longest, one behind the other.

    Args:
        tokens: The text to look for, with the id and the token.
        special: The contents that count as special tokens.
        unicode: Says which characters are part of a word.
    """

    def __init__(
        self, tokens: dict[str, tuple[int, AddedToken]], special: frozenset[str], unicode: UnicodeData
    ) -> None:
        self._tokens = tokens
        self._special = special
        self._unicode = unicode
        self._root = _plant(tokens)

    def may_match(self, text: str) -> bool:
        """Tell whether any token could begin in ``text``; cheap, and false for nearly all texts."""
        return _holds_any(text, self._root)

    def split(self, text: str, skip_special: bool) -> Iterator[Piece]:
        """Split ``text`` into tokens and what lies between them.

        Args:
            text: The text, not empty.
            skip_special: Take special tokens for ordinary text.

        Yields:
            Every piece that is not empty, in order.
        """
        done = white = 0
        for start, end in self._matches(text):
            core = start, end
            index, token = self._tokens[text[start:end]]
            if skip_special and token.content in self._special:
                continue
            if token.single_word and not self._stands_alone(text, start, end):
                continue
            if token.lstrip:
                # up to what the token before took away already
                while start > done and text[start - 1] in WHITE_SPACE:
                    start -= 1  # noqa: PLW2901
                start = max(start, done)  # noqa: PLW2901
            if token.rstrip:
                # white space that was run over once is not run over again for every token in it
                end = max(end, done, white)  # noqa: PLW2901
                while end < len(text) and text[end] in WHITE_SPACE:
                    end += 1  # noqa: PLW2901
                white = end
            if done < start:
                yield Piece(text, done, start, core)
            if start < end:
                yield Piece(text, start, end, core, index)
            done = end
        if done < len(text):
            yield Piece(text, done, len(text), (done, done))

    def _matches(self, text: str) -> Iterator[tuple[int, int]]:
        starts = _Starts(text, self._root)
        position = starts.after(0)
        while position < len(text):
            node, ahead, end = self._root, position, -1
            while ahead < len(text) and text[ahead] in node:
                node = node[text[ahead]]
                ahead += 1
                if _END in node:
                    end = ahead
            if end >= 0:
                yield position, end
            position = starts.after(max(end, position + 1))

    def _stands_alone(self, text: str, start: int, end: int) -> bool:
        kind = self._unicode.fast.kind
        return not (start and kind(text[start - 1]) & WORD) and not (end < len(text) and kind(text[end]) & WORD)
