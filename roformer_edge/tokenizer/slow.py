"""The ids of the slow tokenizer of transformers, ``RoFormerTokenizer``."""

from __future__ import annotations

from roformer_edge.errors import TextError, VocabularyError
from roformer_edge.tokenizer.added_tokens import AddedToken, Alternatives, Piece, SlowMatcher
from roformer_edge.tokenizer.base import Tokenizer
from roformer_edge.tokenizer.models import WordPiece
from roformer_edge.tokenizer.normalizers import BasicTokenizer, LowerCase, fields
from roformer_edge.tokenizer.template import Template

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from roformer_edge.tokenizer.backend import BackendOptions
    from roformer_edge.tokenizer.encoding import Encoding, Pieces, Run, Tokenized
    from roformer_edge.tokenizer.lengths import Lengths
    from roformer_edge.tokenizer.token_table import Token, TokenTable


class SlowBackend:
    """Lower-case, cut out added tokens, cut the rest into words, and make word pieces of what is in no vocabulary.

    Args:
        table: The tokens.
        options: What else it is made from.

    Attributes:
        lookup: Ids of words that are tokens.
        template: Puts special tokens around.
    """

    def __init__(self, table: TokenTable, options: BackendOptions) -> None:
        self._table = table
        self._options = options
        # transformers looks for the option on the step that do_basic_tokenize switches off
        self._lowers = options.do_lower_case and options.do_basic_tokenize
        self._lower_case = LowerCase(options.unicode)
        self._cut = options.open_segmenter().cut
        self._wordpiece = WordPiece(table.vocabulary.index)

    def __reduce__(self) -> tuple[type[SlowBackend], tuple[TokenTable, BackendOptions]]:
        # all that it learned about tokens stands in the table
        return type(self), (self._table, self._options)

    # tokens

    def register(self, added: Mapping[int, AddedToken], stored: Sequence[AddedToken]) -> None:
        """Take in the added tokens of a saved tokenizer, and the special tokens."""
        self._table.added.update(added)
        self._table.added_ids.update({token.content: index for index, token in added.items()})
        # as in transformers, a special token with flags of its own is never found among texts, and added again
        self.add([token for token in self._table.all_special() if token not in self._table.added_ids], True)

    def add(self, tokens: Sequence[Token], special: bool) -> int:
        """Add tokens; return how many are new to the vocabulary."""
        table = self._table
        index, size, new = table.vocabulary.index, len(table), 0
        specials = set(table.all_special_tokens())
        for item in tokens:
            content = str(item)
            if not content or (isinstance(item, str) and item in table.added_ids):
                continue
            if isinstance(item, str):
                token = AddedToken(item, special=special or item in specials)
            else:
                token = AddedToken(**{**item.to_dict(), "special": item.special or special})
            if not token.special and token.normalized and self._lowers:
                token.content = content = self._lower_case.of_token(content)
            at = table.added_ids.get(content, index.get(content))
            is_new = at is None
            if at is None:
                at = size + new
                new += 1
            if token.special and content not in specials:
                table.more.append(token)
                specials.add(content)
            table.register(at, token, is_new)
        return new

    def first_versions(self) -> None:
        """Nothing: only the last flags of a token count."""

    def refresh(self) -> None:
        """Derive anew what depends on special and added tokens."""
        table, options = self._table, self._options
        index = table.vocabulary.index
        moved = {token: at for token, at in table.added_ids.items() if index.get(token, at) != at}
        self.lookup = {**index, **moved} if moved else index
        self._matcher = SlowMatcher(table.added_ids)
        specials = table.all_special_tokens()
        self._kept = frozenset(options.never_split or ())
        strip = options.strip_accents if not options.do_lower_case else options.strip_accents is not False
        self._basic = BasicTokenizer(
            lower=options.do_lower_case,
            strip=bool(strip),
            ideographs=options.tokenize_chinese_chars,
            never_split=self._kept.union(specials),
            unicode=options.unicode,
        )
        normalized = (token.content for token in table.added.values() if not token.special and token.normalized)
        self._cased = Alternatives([*specials, *normalized])
        cls, sep = str(table.special["cls_token"]), str(table.special["sep_token"])
        self.template = Template.of_bert((cls, table.id_of(cls)), (sep, table.id_of(sep)))

    # texts

    def runs(self, text: str, split_special: bool) -> list[Run]:
        """Cut a text into added tokens and words."""
        cased = self._cased.find(text) if self._lowers else ()
        lowered = self._lower(text, cased) if cased or not self._lowers else self._lower_case.normalize(text)
        if split_special or not self._matcher.may_match(lowered):
            return [(self._cut(lowered), lambda: self._places(text, lowered, cased))]
        runs: list[Run] = []
        for piece, places in self._separate(lowered, self._places(text, lowered, cased)):
            index = self._table.added_ids.get(piece)
            if index is None:
                runs.append((self._cut(piece), places))
            else:
                runs.append((Piece(piece, 0, len(piece), (0, len(piece)), index), places))
        return runs

    def _lower(self, text: str, cased: Sequence[tuple[int, int]]) -> str:
        """Lower-case the text, special and added tokens left as they are."""
        if not self._lowers:
            return text
        parts: list[str] = []
        start = 0
        for place, end in cased:
            parts += self._lower_case.normalize(text[start:place]), text[place:end]
            start = end
        return "".join(parts) + self._lower_case.normalize(text[start:] if start else text)

    def _places(self, text: str, lowered: str, cased: Sequence[tuple[int, int]]) -> Sequence[int]:
        """Find for every character of ``lowered`` its place in ``text``."""
        if not self._lowers:
            return range(len(text))
        if not cased:
            return self._lower_case.align(text, lowered)
        places: list[int] = []
        start = 0
        for place, end in (*cased, (len(text), len(text))):
            between = text[start:place]
            places += [start + at for at in self._lower_case.align(between, self._lower_case.normalize(between))]
            places += range(place, end)
            start = end
        return places

    def _separate(self, text: str, positions: Sequence[int]) -> list[tuple[str, Sequence[int]]]:
        """Cut at added tokens; their options move white space and words over the cuts, in the order of the pieces."""
        spans = self._matcher.cut(text)
        pieces = [text[start:end] for start, end in spans]
        places: list[Sequence[int]] = [positions[start:end] for start, end in spans]
        table = self._table
        for at in range(len(pieces)):
            token = table.added.get(table.added_ids.get(pieces[at], -1))
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

    def pieces(self, word: str) -> Pieces:
        """Make tokens of a word."""
        if word in self._table.vocabulary.index:
            return (self.lookup[word],), (word,), ((0, len(word)),), (0,)
        ids: list[int] = []
        tokens: list[str] = []
        spans: list[tuple[int, int]] = []
        numbers: list[int] = []
        unknown = str(self._table.special["unk_token"])
        basic = self._basic.split(word) if self._options.do_basic_tokenize else fields(word, range(len(word)))
        for number, (text, places) in enumerate(basic):
            parts = [(text, 0, len(text))] if text in self._kept else self._wordpiece.split(text)
            for token, start, end in parts or [(unknown, 0, len(text))]:
                ids.append(self._table.id_of(token))
                tokens.append(token)
                spans.append((places[start], places[end - 1] + 1))
                numbers.append(number)
        return tuple(ids), tuple(tokens), tuple(spans), tuple(numbers)

    def truncate(
        self, first: Tokenized, second: Tokenized | None, lengths: Lengths, *, special: bool, typed: bool
    ) -> Encoding:
        """Make a row of one text or two."""
        from roformer_edge.tokenizer.lengths import truncate_by_dropping

        return truncate_by_dropping(self.template, first, second, lengths, special=special, typed=typed)

    def check_overflow(self, lengths: Lengths) -> None:
        """Refuse to give back what truncation takes from a pair, where nobody could say from which text it was."""
        if lengths.truncation == "longest_first":
            raise TextError(
                "the slow mode cannot return what 'longest_first' takes from a pair; "
                "use truncation='only_first' or 'only_second', or the fast mode"
            )

    # ids to text

    def token_of(self, index: int) -> str | None:
        """Look up the token of an id; the unknown token where there is none."""
        token = self._table.token_of(index)
        return str(self._table.special["unk_token"]) if token is None else token

    def join_tokens(self, tokens: Sequence[str]) -> str:
        """Join tokens: pieces of a word without, words with a space between."""
        from roformer_edge.tokenizer.detokenize import join_as_slow

        return join_as_slow(tokens)

    def decode(self, ids: Sequence[int], skip_special: bool) -> str:
        """Join the tokens of ids; added tokens stand apart."""
        table = self._table
        specials = set(table.all_special_tokens())
        apart = set(table.added_ids) - specials
        apart |= {str(token) for token in table.more if table.id_of(str(token)) >= len(table.vocabulary)}
        skipped = {table.id_of(token) for token in specials} if skip_special else ()
        texts: list[str] = []
        words: list[str] = []
        for token in [self.token_of(index) for index in ids if index not in skipped]:
            if token is None or (skip_special and token in specials):
                continue
            if token not in apart:
                words.append(token)
                continue
            texts += [text for text in (self.join_tokens(words),) if text]
            words = []
            texts.append(token)
        if words:
            texts.append(self.join_tokens(words))
        return " ".join(texts)


class RoFormerTokenizer(Tokenizer):
    """Text to ids as the slow tokenizer of transformers does it.

    Lower-case, cut out special and added tokens, cut the rest into words; a word that the vocabulary holds is a
    token, every other one is cleaned, stripped of accents, split at punctuation and ideographs and handed to
    WordPiece. Arguments are those of :class:`~roformer_edge.tokenizer.base.Tokenizer`.
    """

    mode = "slow"
    is_fast = False
    _backend_class = SlowBackend

    def _check_options(self) -> Iterable[str]:
        if self._options.pipeline is not None:
            raise VocabularyError(
                "the slow mode cannot follow a pipeline of tokenizer.json; use mode='fast' or 'plain'"
            )
        return ()
