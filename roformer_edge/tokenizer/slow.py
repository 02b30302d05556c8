"""The ids of the slow tokenizer of transformers, ``RoFormerTokenizer``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from roformer_edge.errors import TextError
from roformer_edge.tokenizer.added import AddedToken, SlowMatcher, first_of
from roformer_edge.tokenizer.base import Tokenizer
from roformer_edge.tokenizer.batching import Lengths, drop
from roformer_edge.tokenizer.encoding import Analysis, Encoding, Pieces, Run, Segment
from roformer_edge.tokenizer.normalise import IDEOGRAPH, MARK, PUNCTUATION, REMOVE, SPACE, slow_tables
from roformer_edge.tokenizer.wordpiece import WordPiece

# a piece of text with the place of each of its characters in the original text
_Piece = tuple[str, Sequence[int]]


class _Lower(dict[str, str]):
    """Lower case by character, frozen."""

    def __missing__(self, character: str) -> str:
        text = self[character] = slow_tables().lower(character)
        return text


class RoFormerTokenizer(Tokenizer):
    """Text to ids as the slow tokenizer of transformers does it.

    Lower-case, cut out special and added tokens, cut the rest into words; a word that the vocabulary holds is a
    token, every other one is cleaned, stripped of accents, split at punctuation and ideographs and handed to
    WordPiece. Arguments are those of :class:`~roformer_edge.tokenizer.base.Tokenizer`.
    """

    is_fast = False
    _lower = _Lower()

    def _start_added(self, added: Mapping[int, AddedToken]) -> None:
        self._added.update(added)
        self._added_ids.update({token.content: index for index, token in added.items()})
        self._add([token for token in self._all_special() if token not in self._added_ids], True)

    def _add(self, tokens: Sequence[str | AddedToken], special: bool) -> int:
        known = self.get_vocab()
        size, new = len(known), 0
        specials = set(self.all_special_tokens)
        for item in tokens:
            content = str(item)
            if not content or (isinstance(item, str) and item in self._added_ids):
                continue
            if isinstance(item, str):
                token = AddedToken(item, special=special or item in specials)
            else:
                token = AddedToken(**{**item.to_dict(), "special": item.special or special})
            if not token.special and token.normalized and self._lowers:
                token.content = content = self._lower_text(content)
            if content not in known:
                known[content] = size + new
                new += 1
            if token.special and content not in specials:
                self._more_special.append(token)
                specials.add(content)
            self._added[known[content]] = token
            self._added_ids[content] = known[content]
        self._refresh()
        return new

    @property
    def _lowers(self) -> bool:
        # transformers looks for the option on the step that do_basic_tokenize switches off
        return self.do_lower_case and self.do_basic_tokenize

    def _refresh(self) -> None:
        self._forget()
        index = self._vocabulary.index
        moved = {token: at for token, at in self._added_ids.items() if index.get(token, at) != at}
        self._lookup = {**index, **moved} if moved else index
        self._wordpiece = WordPiece(index)
        self._matcher = SlowMatcher(self._added_ids)
        specials = self.all_special_tokens
        self._never_split = frozenset((*specials, *(self.never_split or ())))
        self._kept = frozenset(self.never_split or ())
        self._cased = [
            *specials,
            *(token.content for token in self._added.values() if not token.special and token.normalized),
        ]
        self._heads = {token[0] for token in self._cased if token}

    @staticmethod
    def _lower_text(text: str) -> str:
        lower = RoFormerTokenizer._lower
        # only the final sigma depends on what is around it
        return text.lower() if "\u03a3" in text else "".join(lower[character] for character in text)

    def _runs(self, text: str, split_special: bool) -> list[Run]:
        lowered: _Piece = self._lower_case(text) if self._lowers else (text, range(len(text)))
        if split_special or not self._matcher.may_match(lowered[0]):
            return [(self._cut(lowered[0]), lowered[1], None)] if lowered[0] else []
        runs: list[Run] = []
        for piece, positions in self._separate(*lowered):
            index = self._added_ids.get(piece)
            runs.append(([piece], positions, index) if index is not None else (self._cut(piece), positions, None))
        return runs

    def _lower_case(self, text: str) -> _Piece:
        """The text in lower case, special and added tokens as they are."""
        cased = [token for token in self._cased if token in text] if any(map(text.__contains__, self._heads)) else []
        if not cased and text.isascii():
            return text.lower(), range(len(text))
        parts: list[str] = []
        positions: list[int] = []
        start = 0
        lower = self._lower
        while start < len(text):
            found = first_of(cased, text, start) if cased else None
            end = found[0] if found else len(text)
            parts += [lower[character] for character in text[start:end]]
            if found:
                parts += found[1]
                end += len(found[1])
            start = end
        lowered = "".join(parts)
        if len(lowered) == len(text):
            # a character may become two, none becomes nothing
            return lowered, range(len(text))
        for place, part in enumerate(parts):
            positions += [place] * len(part)
        return lowered, positions

    def _separate(self, text: str, positions: Sequence[int]) -> list[_Piece]:
        """Cut at added tokens; their options move white space and words over the cuts, in the order of the pieces."""
        spans = self._matcher.cut(text)
        pieces = [text[start:end] for start, end in spans]
        places: list[Sequence[int]] = [positions[start:end] for start, end in spans]
        for at in range(len(pieces)):
            token = self._added.get(self._added_ids.get(pieces[at], -1))
            if token is None:
                continue
            left = pieces[at - 1] if at else ""
            right = pieces[at + 1] if at + 1 < len(pieces) else ""
            if token.rstrip and right:
                pieces[at + 1] = right.lstrip()
                places[at + 1] = places[at + 1][len(right) - len(pieces[at + 1]) :]
            if token.lstrip and left:
                pieces[at - 1] = left.rstrip()
                places[at - 1] = places[at - 1][: len(pieces[at - 1])]
            if token.single_word and left and left[-1] != " ":
                pieces[at - 1], places[at - 1] = pieces[at - 1] + pieces[at], [*places[at - 1], *places[at]]
                pieces[at], places[at] = "", ()
            elif token.single_word and right and right[0] != " ":
                pieces[at + 1], places[at + 1] = pieces[at] + pieces[at + 1], [*places[at], *places[at + 1]]
                pieces[at], places[at] = "", ()
        return [(piece, place) for piece, place in zip(pieces, places, strict=True) if piece]

    def _pieces(self, word: str) -> Pieces:
        if word in self._vocabulary.index:
            return (self._lookup[word],), (word,), ((0, len(word)),)
        ids: list[int] = []
        tokens: list[str] = []
        spans: list[tuple[int, int]] = []
        unknown = str(self._special["unk_token"])
        for text, places in self._basic(word) if self.do_basic_tokenize else _fields(list(word), range(len(word))):
            parts = [(text, 0, len(text))] if text in self._kept else self._wordpiece.split(text)
            for token, start, end in parts or [(unknown, 0, len(text))]:
                ids.append(self._token_to_id(token))
                tokens.append(token)
                spans.append((places[start], places[end - 1] + 1))
        return tuple(ids), tuple(tokens), tuple(spans)

    def _basic(self, word: str) -> list[tuple[str, list[int]]]:
        """Clean, put spaces around ideographs, lower-case, strip accents, split at punctuation."""
        tables = slow_tables()
        characters: list[str] = []
        places: list[int] = []
        for place, character in enumerate(word):
            kind = tables.kind(character)
            if kind & REMOVE:
                continue
            text = " " if kind & SPACE else tables.compose(character)
            if kind & IDEOGRAPH and self.tokenize_chinese_chars:
                text = f" {text} "
            characters += text
            places += [place] * len(text)
        found: list[tuple[str, list[int]]] = []
        for text, spots in _fields(characters, places):
            if text in self._never_split:
                found.append((text, spots))
                continue
            folded, spots = self._fold(text, spots)  # noqa: PLW2901
            if "".join(folded) in self._never_split:
                found += _fields(folded, spots)
                continue
            spaced: list[str] = []
            around: list[int] = []
            for character, spot in zip(folded, spots, strict=True):
                split = f" {character} " if tables.kind(character) & PUNCTUATION else character
                spaced += split
                around += [spot] * len(split)
            found += _fields(spaced, around)
        return found

    def _fold(self, text: str, places: list[int]) -> tuple[list[str], list[int]]:
        """Lower case, and accents dropped, as the options say."""
        strip = self.strip_accents if not self.do_lower_case else self.strip_accents is not False
        tables = slow_tables()
        characters: list[str] = []
        spots: list[int] = []
        for character, place in zip(text, places, strict=True):
            changed = self._lower[character] if self.do_lower_case else character
            if strip:
                parts = "".join(map(tables.decompose, changed))
                changed = "".join(part for part in parts if not tables.kind(part) & MARK)
            characters += changed
            spots += [place] * len(changed)
        return characters, spots

    def _check_overflow(self, lengths: Lengths) -> None:
        if lengths.truncation == "longest_first":
            raise TextError(
                "the slow mode cannot return what 'longest_first' takes from a pair; "
                "use truncation='only_first' or 'only_second', or the fast mode"
            )

    def _fit(self, first: Analysis, second: Analysis | None, lengths: Lengths, special: bool) -> Encoding:
        counts = len(first.ids), None if second is None else len(second.ids)
        around = self.num_special_tokens_to_add(second is not None) if special else 0
        surplus = counts[0] + (counts[1] or 0) + around - (lengths.max_length or 0)
        cuts = (0, 0)
        if lengths.truncation and lengths.max_length and surplus > 0:
            cuts = drop(*counts, surplus, lengths)
        dropped: list[int] = []
        segments: list[Segment] = []
        for text, analysis in enumerate((first, second)):
            if analysis is None:
                continue
            ids, cut, start = analysis.ids, cuts[text], 0
            if cut:
                window = min(len(ids), lengths.stride + cut)
                if lengths.truncation_side == "right":
                    dropped, ids = ids[len(ids) - window :], ids[: max(0, len(ids) - cut)]
                else:
                    dropped, ids, start = ids[:window], ids[cut:], cut
            segments.append(Segment(ids, text if special else 0, analysis=analysis, start=start, text=text))
        row = self._row(segments[0], None if second is None else segments[1], special)
        row.dropped = dropped
        row.surplus = surplus if lengths.max_length is not None else 0
        return row

    def _join(self, ids: list[int], skip_special: bool) -> str:
        specials = set(self.all_special_tokens)
        apart = set(self._added_ids) - specials
        apart |= {token for token in self.additional_special_tokens if self._token_to_id(token) >= self.vocab_size}
        texts: list[str] = []
        words: list[str] = []
        for token in self.convert_ids_to_tokens(ids, skip_special):
            if token is None or (skip_special and token in specials):
                continue
            if token not in apart:
                words.append(token)
                continue
            texts += [text for text in (self.convert_tokens_to_string(words),) if text]
            words = []
            texts.append(token)
        if words:
            texts.append(self.convert_tokens_to_string(words))
        return " ".join(texts)


def _fields(characters: list[str], places: Sequence[int]) -> list[tuple[str, list[int]]]:
    """Split at white space; every field with the places of its characters."""
    fields: list[tuple[str, list[int]]] = []
    text, spots = "", []
    for character, place in zip((*characters, " "), (*places, 0), strict=True):
        if not character.isspace():
            text += character
            spots.append(place)
        elif text:
            fields.append((text, spots))
            text, spots = "", []
    return fields
