"""The ids of the slow tokenizer of transformers, ``RoFormerTokenizer``."""

from __future__ import annotations

from roformer_edge.errors import TextError
from roformer_edge.tokenizer.added import AddedToken, SlowMatcher, first_of
from roformer_edge.tokenizer.base import Tokenizer
from roformer_edge.tokenizer.batching import Lengths, drop
from roformer_edge.tokenizer.encoding import Analysis, Encoding, Pieces, Run, Segment
from roformer_edge.tokenizer.normalise import BasicSplitter, fields, lower_case, lower_token
from roformer_edge.tokenizer.wordpiece import WordPiece

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from roformer_edge.tokenizer.normalise import Piece


class RoFormerTokenizer(Tokenizer):
    """Text to ids as the slow tokenizer of transformers does it.

    Lower-case, cut out special and added tokens, cut the rest into words; a word that the vocabulary holds is a
    token, every other one is cleaned, stripped of accents, split at punctuation and ideographs and handed to
    WordPiece. Arguments are those of :class:`~roformer_edge.tokenizer.base.Tokenizer`.
    """

    _derived = Tokenizer._derived.union(("_matcher", "_basic", "_cased", "_heads", "_kept"))

    def _start_added(self, added: Mapping[int, AddedToken]) -> None:
        self._added.update(added)
        self._added_ids.update({token.content: index for index, token in added.items()})
        self._add([token for token in self._all_special() if token not in self._added_ids], True)

    def _add(self, tokens: Sequence[str | AddedToken], special: bool) -> int:
        index, size, new = self._vocabulary.index, len(self), 0
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
                token.content = content = lower_token(content)
            at = self._added_ids.get(content, index.get(content))
            if at is None:
                at = size + new
                new += 1
            if token.special and content not in specials:
                self._more_special.append(token)
                specials.add(content)
            self._added[at] = token
            self._added_ids[content] = at
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
        self._kept = frozenset(self.never_split or ())
        strip = self.strip_accents if not self.do_lower_case else self.strip_accents is not False
        self._basic = BasicSplitter(
            lower=self.do_lower_case,
            strip=bool(strip),
            ideographs=self.tokenize_chinese_chars,
            never_split=self._kept.union(specials),
        )
        self._cased = [
            *specials,
            *(token.content for token in self._added.values() if not token.special and token.normalized),
        ]
        self._heads = {token[0] for token in self._cased if token}

    def _runs(self, text: str, split_special: bool) -> list[Run]:
        lowered, positions = self._lower_case(text) if self._lowers else (text, range(len(text)))
        if split_special or not self._matcher.may_match(lowered):
            return [(self._cut(lowered), positions, None)]
        runs: list[Run] = []
        for piece, places in self._separate(lowered, positions):
            index = self._added_ids.get(piece)
            runs.append(([piece] if index is not None else self._cut(piece), places, index))
        return runs

    def _lower_case(self, text: str) -> Piece:
        """The text in lower case, special and added tokens as they are."""
        found = any(head in text for head in self._heads)
        cased = [token for token in self._cased if token in text] if found else []
        if not cased:
            return lower_case(text)
        lowered, positions, start = "", [], 0
        while start < len(text):
            place, token = first_of(cased, text, start) or (len(text), "")
            part, places = lower_case(text[start:place])
            end = place + len(token)
            lowered += part + token
            positions += [start + at for at in places]
            positions += range(place, end)
            start = end
        return lowered, positions

    def _separate(self, text: str, positions: Sequence[int]) -> list[Piece]:
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
        basic = self._basic.split(word) if self.do_basic_tokenize else fields(word, range(len(word)))
        for text, places in basic:
            parts = [(text, 0, len(text))] if text in self._kept else self._wordpiece.split(text)
            for token, start, end in parts or [(unknown, 0, len(text))]:
                ids.append(self._token_to_id(token))
                tokens.append(token)
                spans.append((places[start], places[end - 1] + 1))
        return tuple(ids), tuple(tokens), tuple(spans)

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
        for token in self._ids_to_tokens(ids, skip_special):
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
