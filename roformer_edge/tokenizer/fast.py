"""The ids of the fast tokenizer of transformers, ``RoFormerTokenizerFast``."""

from __future__ import annotations

from roformer_edge.tokenizer.added import AddedToken, FastMatcher
from roformer_edge.tokenizer.base import Tokenizer
from roformer_edge.tokenizer.batching import Lengths, keep, windows
from roformer_edge.tokenizer.encoding import Analysis, Encoding, Pieces, Run, Segment
from roformer_edge.tokenizer.normalise import FastNormaliser, fast_fields
from roformer_edge.tokenizer.tokens import tidy
from roformer_edge.tokenizer.wordpiece import PREFIX, WordPiece

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# what the decoder of the crate tidies besides
_TIDY_MORE = ((" do not", " don't"),)


class RoFormerTokenizerFast(Tokenizer):
    """Text to ids as the fast tokenizer of transformers does it, which is what its ``AutoTokenizer`` gives.

    Cut out special and added tokens, normalise what lies between, cut it into words; a word that the vocabulary holds
    is a token, every other one is split at ideographs and handed to WordPiece. Arguments are those of
    :class:`~roformer_edge.tokenizer.base.Tokenizer`.
    """

    is_fast = True
    _derived = Tokenizer._derived.union(("_normaliser", "_raw", "_normal"))

    def _start_added(self, added: Mapping[int, AddedToken]) -> None:
        self._specials: list[AddedToken] = []
        self._others: list[AddedToken] = []
        tokens: list[str | AddedToken] = [token for _, token in sorted(added.items())]
        present = {str(token) for token in tokens}
        tokens += [token for token in self._all_special() if str(token) not in present]
        specials = set(self.all_special_tokens)
        self._add([self._to_added(token, str(token) in specials) for token in tokens], False)
        # words that are kept whole; tokens that are added later are not among them
        self._whole = frozenset(self._added_ids)

    def _add(self, tokens: Sequence[str | AddedToken], special: bool) -> int:
        items = [self._to_added(token, special) for token in tokens]
        special_contents = {token.content for token in self._specials}
        for token in items:
            if token.special and token.content and token.content not in special_contents:
                self._specials.append(token)
                special_contents.add(token.content)
        ignored = 0
        size = len(self._vocabulary)
        for token in items:
            content = token.content
            if not content or token in self._added.values():
                ignored += 1
                continue
            index = self._added_ids.get(content, self._vocabulary.index.get(content))
            if index is None:
                index = max(size, max(self._added_ids.values(), default=0) + 1)
            self._added_ids[content] = index
            self._added[index] = token
            if content not in special_contents:
                self._others.append(token)
        self._refresh()
        return len(items) - ignored

    @staticmethod
    def _to_added(token: str | AddedToken, special: bool) -> AddedToken:
        if isinstance(token, str):
            return AddedToken(token, special=special)
        return token.as_special() if special else token

    def _refresh(self) -> None:
        self._forget()
        self._lookup = self._vocabulary.index
        self._wordpiece = WordPiece(self._lookup)
        strip = self.do_lower_case if self.strip_accents is None else self.strip_accents
        self._normaliser = FastNormaliser(strip=strip, lower=self.do_lower_case)
        raw: dict[str, tuple[int, AddedToken]] = {}
        normal: dict[str, tuple[int, AddedToken]] = {}
        for token in (*self._specials, *self._others):
            index = self._added_ids[token.content]
            entry = index, self._added[index]
            if token.normalized:
                normal.setdefault(self._normaliser.normalise(token.content)[0], entry)
            else:
                raw.setdefault(token.content, entry)
        # a token that normalises to nothing is never found
        normal.pop("", None)
        special = frozenset(token.content for token in self._specials)
        self._raw = FastMatcher(raw, special)
        self._normal = FastMatcher(normal, special)

    def _runs(self, text: str, split_special: bool) -> list[Run]:
        runs: list[Run] = []
        for index, start, end in self._raw.split(text, split_special):
            places = range(start, end)
            if index is not None:
                runs.append(([text[start:end]], places, index))
                continue
            normal, inner = self._normaliser.normalise(text[start:end])
            positions = places if isinstance(inner, range) else [start + place for place in inner]
            for found, begin, stop in self._normal.split(normal, split_special):
                piece = normal[begin:stop]
                words = self._cut(piece) if found is None else [piece]
                runs.append((words, positions[begin:stop], found))
        return runs

    def _pieces(self, word: str) -> Pieces:
        index = self._vocabulary.index
        if word in index:
            return (index[word],), (word,), ((0, len(word)),)
        unknown = str(self._special["unk_token"])
        ids: list[int] = []
        tokens: list[str] = []
        spans: list[tuple[int, int]] = []
        for begin, stop in [(0, len(word))] if word in self._whole else fast_fields(word):
            for token, start, end in self._wordpiece.split(word[begin:stop]) or [(unknown, 0, stop - begin)]:
                ids.append(self._token_to_id(token))
                tokens.append(token)
                spans.append((begin + start, begin + end))
        return tuple(ids), tuple(tokens), tuple(spans)

    def _fit(self, first: Analysis, second: Analysis | None, lengths: Lengths, special: bool) -> Encoding:
        analyses = [first] if second is None else [first, second]
        room = (lengths.max_length or 0) - (self.num_special_tokens_to_add(second is not None) if special else 0)
        counts = [len(analysis.ids) for analysis in analyses]
        sizes = counts
        # as in transformers, a max_length below the special tokens' number leaves the texts whole
        if lengths.truncation and sum(counts) > room >= 0:
            sizes = list(keep(counts[0], counts[1] if second is not None else None, room, lengths))
        parts: list[list[Segment]] = []
        for text, (analysis, size) in enumerate(zip(analyses, sizes, strict=False)):
            cuts = windows(len(analysis.ids), size, lengths.stride, lengths.truncation_side)
            parts.append([Segment(analysis.ids[a:b], text, analysis=analysis, start=a, text=text) for a, b in cuts])
        seconds: list[Segment | None] = [None] if second is None else [*parts[1]]
        # the windows of the first text, each with all of the second; the kept one comes first and leads with its own
        pairs = [(one, two) for one in parts[0][1:] for two in seconds]
        pairs += [(parts[0][0], two) for two in seconds[1:]]
        row = self._row(parts[0][0], seconds[0], special)
        row.overflowing = [self._row(one, two, special) for one, two in pairs]
        return row

    def convert_tokens_to_string(self, tokens: Sequence[str]) -> str:
        """Join tokens: pieces of a word without, words with a space between, none before English punctuation."""
        text = ""
        for place, token in enumerate(tokens):
            if place:
                token = token.removeprefix(PREFIX) if token.startswith(PREFIX) else f" {token}"  # noqa: PLW2901
            text += tidy(token, _TIDY_MORE)
        return text

    def _join(self, ids: list[int], skip_special: bool) -> str:
        special = {token.content for token in self._specials} if skip_special else set()
        tokens = (self._id_to_token(index) for index in ids)
        return self.convert_tokens_to_string([token for token in tokens if token is not None and token not in special])
