"""The ids of the fast tokenizers of transformers: ``RoFormerTokenizerFast``, ``BertTokenizerFast`` and others."""

from __future__ import annotations

import os

from roformer_edge.errors import TextError, VocabularyError
from roformer_edge.tokenizer.added_tokens import NO_TOKEN, AddedToken, FastMatcher
from roformer_edge.tokenizer.base import Tokenizer
from roformer_edge.tokenizer.steps import STANDARD, WordsPreTokenizer
from roformer_edge.tokenizer.token_table import SPECIAL_NAMES
from roformer_edge.tokenizer.unicode_tables import FIRST_IDEOGRAPH, IDEOGRAPH, LAST_IDEOGRAPH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from roformer_edge.tokenizer.backend import BackendOptions
    from roformer_edge.tokenizer.encoding import Encoding, Pieces, Run, Tokenized
    from roformer_edge.tokenizer.lengths import Lengths
    from roformer_edge.tokenizer.pre_tokenizers import Span
    from roformer_edge.tokenizer.token_table import Token, TokenTable
    from roformer_edge.tokenizer.unicode_tables import UnicodeData
    from roformer_edge.tokenizer.vocab import Vocabulary


def ideographs_apart(word: str, unicode: UnicodeData) -> list[Span]:
    """Cut a word that the vocabulary does not hold into ideographs, and what they and white space leave."""
    if word and min(word) >= FIRST_IDEOGRAPH and max(word) <= LAST_IDEOGRAPH:
        return [(place, place + 1) for place in range(len(word))]
    kind = unicode.fast.kind
    found: list[Span] = []
    start = 0
    for place, character in enumerate(word):
        ideograph = kind(character) & IDEOGRAPH
        if not ideograph and not character.isspace():
            continue
        if start < place:
            found.append((start, place))
        if ideograph:
            found.append((place, place + 1))
        start = place + 1
    if start < len(word):
        found.append((start, len(word)))
    return found


class FastBackend:
    """Cut out added tokens, normalise what lies between, cut it into words, and make tokens of them.

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
        # in the order in which they were added, with the flags that they had then
        self._specials: list[AddedToken] = []
        self._others: list[AddedToken] = []
        # words that are kept whole by the cutter
        self._whole: frozenset[str] = frozenset()
        self._next_id = len(table.vocabulary)

    def __getstate__(self) -> dict[str, Any]:
        return {
            name: getattr(self, name) for name in ("_table", "_options", "_specials", "_others", "_whole", "_next_id")
        }

    # tokens

    def register(self, added: Mapping[int, AddedToken], stored: Sequence[AddedToken]) -> None:
        """Take in the added tokens of a saved tokenizer, and the special tokens."""
        table = self._table
        self.add(stored, False)
        tokens: list[Token] = [token for _, token in sorted(added.items())]
        present = {*table.added_ids, *map(str, tokens)}
        # as in transformers, a special token with flags of its own is added again where they differ
        tokens += [
            token
            for token in table.all_special()
            if (token not in present if isinstance(token, str) else token not in tokens)
        ]
        specials = set(table.all_special_tokens())
        self.add([_to_added(token, str(token) in specials) for token in tokens], False)
        # those that are added later are not among them
        self._whole = frozenset(table.added_ids)

    def add(self, tokens: Sequence[Token], special: bool) -> int:
        """Add tokens; return how many are new to the vocabulary or differ from the token that was there."""
        table = self._table
        items = [_to_added(token, special) for token in tokens]
        special_contents = {token.content for token in self._specials}
        for token in items:
            if token.special and token.content and token.content not in special_contents:
                self._specials.append(token)
                special_contents.add(token.content)
        ignored = 0
        for token in items:
            content = token.content
            index = table.find(content)
            if not content or (index is not None and table.added.get(index) == token):
                ignored += 1
                continue
            is_new = index is None
            if index is None:
                index = self._next_id
            self._next_id = max(self._next_id, index + 1)
            table.register(index, token, is_new)
            if content not in special_contents:
                self._others.append(token)
        return len(items) - ignored

    def first_versions(self) -> list[AddedToken] | None:
        """List the tokens by id with the flags that they had first; None where they have them still.

        A token that was added again with other flags is looked for in both manners.
        """
        first = {token.content: token for token in (*reversed(self._specials), *reversed(self._others))}
        tokens = [first[token.content] for _, token in sorted(self._table.added.items())]
        return None if tokens == [token for _, token in sorted(self._table.added.items())] else tokens

    def refresh(self) -> None:
        """Derive anew what depends on special and added tokens."""
        table, options = self._table, self._options
        if options.pipeline is None:
            self._steps = steps = STANDARD[options.mode](table, options)
        else:
            from roformer_edge.tokenizer.tokenizer_json import build_steps

            self._steps = steps = build_steps(options.pipeline, table, options)
        self.template = steps.template
        self.lookup = table.vocabulary.index
        self._may_be_long = steps.longest is not None
        raw: dict[str, tuple[int, AddedToken]] = {}
        normal: dict[str, tuple[int, AddedToken]] = {}
        for token in (*self._specials, *self._others):
            at = table.added_ids[token.content]
            entry = at, table.added[at]
            if token.normalized and steps.normalizer is not None:
                normal.setdefault(steps.normalizer.normalize(token.content), entry)
            else:
                (normal if token.normalized else raw).setdefault(token.content, entry)
        # a token that normalises to nothing is never found
        normal.pop("", None)
        special = frozenset(token.content for token in self._specials)
        self._special_contents = special
        self._raw = FastMatcher(raw, special, options.unicode)
        self._normal = FastMatcher(normal, special, options.unicode)

    # texts

    def runs(self, text: str, split_special: bool) -> list[Run]:
        """Cut a text into added tokens and words."""
        if not self._raw.may_match(text):
            return self._words(text, 0, split_special) if text else []
        runs: list[Run] = []
        for piece in self._raw.split(text, split_special):
            if piece.index == NO_TOKEN:
                runs += self._words(piece.text, piece.begin, split_special)
            else:
                runs.append((piece, range(len(text))))
        return runs

    def _words(self, text: str, start: int, split_special: bool) -> list[Run]:
        """Normalise a piece that begins at ``start`` of the whole text, and cut it into added tokens and words."""
        normalizer = self._steps.normalizer
        normal = text if normalizer is None else normalizer.normalize(text)
        if not self._normal.may_match(normal):
            return [(self._cut(normal), lambda: self._places(text, start, normal))]
        positions = [start + at for at in (range(len(text)) if normalizer is None else normalizer.align(text, normal))]
        runs: list[Run] = []
        for piece in self._normal.split(normal, split_special):
            if piece.index == NO_TOKEN:
                between = piece.text
                runs.append((self._cut(between), self._kept(between, positions[piece.begin : piece.end])))
            else:
                runs.append((piece, positions))
        return runs

    def _cut(self, normal: str) -> list[str]:
        longest = self._steps.longest
        if self._may_be_long and longest is not None and len(normal) > longest:
            # the vocabulary is not searched for long tokens before there is a long word
            self.lookup = _short(self.lookup, longest)
            self._may_be_long = False
        cutter = self._steps.pre_tokenizer
        if cutter is None:
            return [normal] if normal else []
        return cutter.words(normal)

    def _places(self, text: str, start: int, normal: str) -> Sequence[int]:
        """Find for every character of the words of a piece its place in the whole text."""
        normalizer = self._steps.normalizer
        places: Sequence[int] = range(len(text)) if normalizer is None else normalizer.align(text, normal)
        if isinstance(places, range):
            places = range(start, start + len(text))
        elif start:
            places = [start + at for at in places]
        return self._kept(normal, places)

    def _kept(self, normal: str, places: Sequence[int]) -> Sequence[int]:
        """Find the places of those characters that the pre-tokenizer does not drop."""
        cutter = self._steps.pre_tokenizer
        if cutter is None or isinstance(cutter, WordsPreTokenizer):
            return places
        return [places[at] for begin, stop in cutter.spans(normal) for at in range(begin, stop)]

    def pieces(self, word: str) -> Pieces:
        """Make tokens of a word.

        Raises:
            TextError: The model does not know the word, and there is no token that stands for such words.
        """
        table, steps = self._table, self._steps
        if word in self.lookup:
            return (self.lookup[word],), (word,), ((0, len(word)),), (0,)
        ids: list[int] = []
        tokens: list[str] = []
        spans: list[tuple[int, int]] = []
        numbers: list[int] = []
        cut = isinstance(steps.pre_tokenizer, WordsPreTokenizer)
        whole = not cut or word in self._whole or word in table.vocabulary.index
        parts = [(0, len(word))] if whole else ideographs_apart(word, self._options.unicode)
        for number, (begin, stop) in enumerate(parts):
            for token, start, end in steps.model.split(word[begin:stop]) or [(steps.unknown, 0, stop - begin)]:
                index = table.find(token)
                if index is None:
                    raise TextError(
                        f"the vocabulary does not hold {word!r:.80}, nor {token!r:.80} that stands for such words"
                    )
                ids.append(index)
                tokens.append(token)
                spans.append((begin + start, begin + end))
                numbers.append(number)
        return tuple(ids), tuple(tokens), tuple(spans), tuple(numbers)

    def truncate(
        self, first: Tokenized, second: Tokenized | None, lengths: Lengths, *, special: bool, typed: bool
    ) -> Encoding:
        """Make a row of one text or two."""
        from roformer_edge.tokenizer.lengths import truncate_to_windows

        return truncate_to_windows(self.template, first, second, lengths, special=special, typed=typed)

    def check_overflow(self, lengths: Lengths) -> None:
        """Refuse nothing: any strategy can give back what truncation takes away."""

    # ids to text

    def token_of(self, index: int) -> str | None:
        """Look up the token of an id, or None."""
        return self._table.token_of(index)

    def join_tokens(self, tokens: Sequence[str]) -> str:
        """Join tokens: pieces of a word without, words with a space between, none before English punctuation."""
        from roformer_edge.tokenizer.detokenize import join_as_fast

        return join_as_fast(tokens, self._steps.tidies) if self._steps.joins else " ".join(tokens)

    def decode(self, ids: Sequence[int], skip_special: bool) -> str:
        """Join the tokens of ids; ids that there are not are left out."""
        skipped = self._special_contents if skip_special else ()
        tokens = (self._table.token_of(index) for index in ids)
        return self.join_tokens([token for token in tokens if token is not None and token not in skipped])


def _to_added(token: Token, special: bool) -> AddedToken:
    if isinstance(token, str):
        return AddedToken(token, special=special)
    return token.as_special() if special else token


def _short(index: dict[str, int], longest: int) -> dict[str, int]:
    """Select the tokens that a word can be: WordPiece does not look up longer ones."""
    if max(map(len, index)) <= longest:
        return index
    return {token: at for token, at in index.items() if len(token) <= longest}


class RoFormerTokenizerFast(Tokenizer):
    """Text to ids as the fast tokenizer of transformers does it, which is what its ``AutoTokenizer`` gives.

    Cut out special and added tokens, normalise what lies between, cut it into words; a word that the vocabulary holds
    is a token, every other one is split at ideographs and handed to WordPiece. Arguments are those of
    :class:`~roformer_edge.tokenizer.base.Tokenizer`.
    """

    mode = "fast"
    _backend_class = FastBackend

    def _check_options(self) -> Iterable[str]:
        for name in _slow_options(self._options):
            yield f"{name} has no effect in the fast mode, as in RoFormerTokenizerFast; the slow mode follows it"


class BertTokenizer(Tokenizer):
    """Text to ids as ``BertTokenizerFast`` of transformers does it, which is what its ``AutoTokenizer`` gives for BERT.

    Ideographs and punctuation are words of their own; there is no dictionary of words. ``BertTokenizer`` of
    transformers gives the same ids except for characters that its Python does not know yet, which it drops. Arguments
    are those of :class:`~roformer_edge.tokenizer.base.Tokenizer`.
    """

    mode = "bert"
    uses_words = False
    _cleans_up = True
    _backend_class = FastBackend

    def _check_options(self) -> Iterable[str]:
        for name in _slow_options(self._options):
            raise VocabularyError(
                f"{name} changes the ids of BertTokenizer and not those of BertTokenizerFast, which are the ones given "
                f"here; take it out of tokenizer_config.json, or pass {name}={_SLOW_DEFAULTS[name]}, if the model was "
                "trained with the latter"
            )
        return ()


class PreTrainedTokenizerFast(Tokenizer):
    """Text to ids as a ``tokenizer.json`` describes it, without a dictionary of words.

    Args:
        vocab_file: The path of a ``vocab.txt``, or a vocabulary that was read before.
        pipeline: The steps as ``tokenizer.json`` describes them.
        options: Other arguments of :class:`~roformer_edge.tokenizer.base.Tokenizer`; no special token has a default.
    """

    mode = "plain"
    uses_words = False
    _needed = ()
    _defaults = ()
    _backend_class = FastBackend

    def __init__(
        self, vocab_file: str | os.PathLike[str] | Vocabulary, *, pipeline: Mapping[str, Any], **options: Any
    ) -> None:
        super().__init__(vocab_file, pipeline=pipeline, **{**dict.fromkeys(SPECIAL_NAMES), **options})


# options that only the slow tokenizers of transformers follow -> what changes nothing
_SLOW_DEFAULTS: dict[str, object] = {"do_basic_tokenize": True, "never_split": None}


def _slow_options(options: BackendOptions) -> list[str]:
    changed = {"do_basic_tokenize": not options.do_basic_tokenize, "never_split": bool(options.never_split)}
    return [name for name in _SLOW_DEFAULTS if changed[name]]
