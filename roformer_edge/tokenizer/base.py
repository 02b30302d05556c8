"""The surface of all tokenizers: from texts to rows and tensors, from ids to texts; tokens, files and settings.

It is that of the tokenizers of transformers 4.57 and behaves as theirs does; what is more is said where it is.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence

from roformer_edge.errors import TextError, UnknownNameError
from roformer_edge.tokenizer.added_tokens import AddedToken
from roformer_edge.tokenizer.backend import BackendOptions
from roformer_edge.tokenizer.encoding import Encoding, Segment, TokenizedText, TokenizedWords
from roformer_edge.tokenizer.settings import (
    ADDED,
    MODE,
    NO_LIMIT,
    OPTIONS,
    PIPELINE,
    SIDES,
    STORED,
    as_list,
    read_token,
)
from roformer_edge.tokenizer.token_table import EXTRA_SPECIAL, MORE_SPECIAL, SPECIAL_NAMES, TokenTable
from roformer_edge.tokenizer.unicode_tables import UNICODE, UnicodeData
from roformer_edge.tokenizer.vocab import VOCABULARY_NAME, Vocabulary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from typing_extensions import Self

    from roformer_edge.tokenizer.backend import Backend
    from roformer_edge.tokenizer.batch_encoding import BatchEncoding
    from roformer_edge.tokenizer.encoding import Pieces
    from roformer_edge.tokenizer.segment import Words
    from roformer_edge.tokenizer.token_table import Token
    from roformer_edge.tokenizer.unicode_tables import PackedTables

# words remembered with what they became, about 5 MB at most; longer ones are rare and not worth it
MEMO_LIMIT = 1 << 14
MEMO_WORD = 32


class _Memo(dict[str, "Pieces"]):
    """Words remembered with what they became."""

    __slots__ = ("_backend",)

    def __init__(self, backend: Backend) -> None:
        super().__init__()
        self._backend = backend

    def __missing__(self, word: str) -> Pieces:
        pieces = self._backend.pieces(word)
        if len(word) <= MEMO_WORD:
            if len(self) >= MEMO_LIMIT:
                self.clear()
            self[word] = pieces
        return pieces


class _TokenAttribute:
    """``tokenizer.cls_token``: the text of a special token, or None; can be set."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, tokenizer: Tokenizer, owner: type) -> str | None:
        token = tokenizer._table.special[self._name]
        return None if token is None else str(token)

    def __set__(self, tokenizer: Tokenizer, value: Token | None) -> None:
        tokenizer._table.special[self._name] = value
        tokenizer._refresh()


class _IdAttribute:
    """``tokenizer.cls_token_id``: the id of a special token, or None; can be set to the id of another token."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name.removesuffix("_id")

    def __get__(self, tokenizer: Tokenizer, owner: type) -> int | None:
        token = tokenizer._table.special[self._name]
        return None if token is None else tokenizer._table.id_of(str(token))

    def __set__(self, tokenizer: Tokenizer, value: int | None) -> None:
        setattr(tokenizer, self._name, None if value is None else tokenizer.convert_ids_to_tokens(value))


class Tokenizer:
    """What all tokenizers have in common; how texts become tokens is the matter of their backends.

    Args:
        vocab_file: The path of a ``vocab.txt``, or a vocabulary that was read before.
        do_lower_case: Lower-case the text.
        do_basic_tokenize: Split words that the vocabulary does not hold at punctuation and ideographs first; false
            hands them to WordPiece as they are. Slow mode only.
        never_split: Words that are left whole by that step; slow mode only.
        unk_token: Stands for what the vocabulary does not hold.
        sep_token: Put behind every text.
        pad_token: Fills rows.
        cls_token: Put in front.
        mask_token: Stands for a word to be guessed.
        bos_token: Not used by RoFormer.
        eos_token: Not used by RoFormer.
        additional_special_tokens: More tokens that are never split; added to the vocabulary where they are new.
        extra_special_tokens: The same with names, which become attributes of the tokenizer; or without, in a list.
        tokenize_chinese_chars: Take every ideograph for a word: in that step (slow mode), always (bert mode).
        strip_accents: Drop accents; when left out, as ``do_lower_case``.
        model_max_length: The length that ``truncation`` and ``padding="max_length"`` mean without ``max_length``.
        padding_side: ``"right"`` or ``"left"``.
        truncation_side: The side that tokens are taken away from.
        clean_up_tokenization_spaces: Remove spaces before punctuation when decoding; when left out, as the class does.
        split_special_tokens: Take special tokens in a text for ordinary text.
        model_input_names: What a call returns unless told otherwise.
        added_tokens_decoder: Added tokens by id, as ``tokenizer_config.json`` lists them.
        pipeline: The steps as ``tokenizer.json`` describes them, in place of those of the class; fast family only.
        segmenter: ``"words"``, or ``"rjieba"`` for the Rust package with equal words.
        words: The packed dictionary: a path or its bytes; the one of this package when left out.
        unicode: The Unicode tables: a path or their bytes; those of this package when left out.

    Attributes:
        notes: What the files of the tokenizer say and is not followed, or is odd, a sentence each.

    Raises:
        VocabularyError: The vocabulary is broken, or a special token is neither in it nor among the added tokens.
        UnknownNameError: A side or a segmenter that does not exist.
    """

    mode = ""
    # whether texts are cut into the words of a dictionary
    uses_words = True
    is_fast = True
    # special tokens that cannot be left out: rows cannot be framed, filled or completed without them
    _needed: tuple[str, ...] = ("unk_token", "sep_token", "pad_token", "cls_token")
    # those that a class has by itself
    _defaults: tuple[str, ...] = (*_needed, "mask_token")
    _cleans_up = False
    _backend_class: type[Any]

    bos_token = _TokenAttribute()
    eos_token = _TokenAttribute()
    unk_token = _TokenAttribute()
    sep_token = _TokenAttribute()
    pad_token = _TokenAttribute()
    cls_token = _TokenAttribute()
    mask_token = _TokenAttribute()
    bos_token_id = _IdAttribute()
    eos_token_id = _IdAttribute()
    unk_token_id = _IdAttribute()
    sep_token_id = _IdAttribute()
    pad_token_id = _IdAttribute()
    cls_token_id = _IdAttribute()
    mask_token_id = _IdAttribute()
    pad_token_type_id = 0

    def __init__(
        self,
        vocab_file: str | os.PathLike[str] | Vocabulary,
        *,
        do_lower_case: bool = True,
        do_basic_tokenize: bool = True,
        never_split: Iterable[str] | None = None,
        tokenize_chinese_chars: bool = True,
        strip_accents: bool | None = None,
        unk_token: Token | None = "[UNK]",
        sep_token: Token | None = "[SEP]",
        pad_token: Token | None = "[PAD]",
        cls_token: Token | None = "[CLS]",
        mask_token: Token | None = "[MASK]",
        bos_token: Token | None = None,
        eos_token: Token | None = None,
        additional_special_tokens: Sequence[Token] = (),
        extra_special_tokens: Mapping[str, Token] | Sequence[Token] = (),
        model_max_length: int = NO_LIMIT,
        padding_side: str = "right",
        truncation_side: str = "right",
        clean_up_tokenization_spaces: bool | None = None,
        split_special_tokens: bool = False,
        model_input_names: Sequence[str] = ("input_ids", "token_type_ids", "attention_mask"),
        added_tokens_decoder: Mapping[int, AddedToken] | None = None,
        pipeline: Mapping[str, Any] | None = None,
        segmenter: str = "words",
        words: Words | None = None,
        unicode: PackedTables | None = None,
    ) -> None:
        vocabulary = vocab_file if isinstance(vocab_file, Vocabulary) else Vocabulary.from_file(vocab_file)
        self.model_max_length = model_max_length
        for name, side in (("padding_side", padding_side), ("truncation_side", truncation_side)):
            if side not in SIDES:
                raise UnknownNameError(name, side, SIDES)
        self.padding_side = padding_side
        self.truncation_side = truncation_side
        if clean_up_tokenization_spaces is None:
            clean_up_tokenization_spaces = self._cleans_up and pipeline is None
        self.clean_up_tokenization_spaces = clean_up_tokenization_spaces
        self.split_special_tokens = split_special_tokens
        self.model_input_names = list(model_input_names)
        self._options = BackendOptions(
            mode=self.mode,
            do_lower_case=do_lower_case,
            do_basic_tokenize=do_basic_tokenize,
            never_split=None if never_split is None else list(never_split),
            tokenize_chinese_chars=tokenize_chinese_chars,
            strip_accents=strip_accents,
            segmenter=segmenter,
            words=_unchanging(words),
            unicode=UNICODE if unicode is None else UnicodeData(unicode).checked(),
            pipeline=pipeline,
        )
        self.notes: tuple[str, ...] = (*vocabulary.notes, *self._check_options())
        named = isinstance(extra_special_tokens, Mapping)
        added = added_tokens_decoder or {}
        stored = _read_stored(pipeline) if pipeline else []
        self._table = TokenTable(
            vocabulary,
            {
                "bos_token": bos_token,
                "eos_token": eos_token,
                "unk_token": unk_token,
                "sep_token": sep_token,
                "pad_token": pad_token,
                "cls_token": cls_token,
                "mask_token": mask_token,
            },
            more=additional_special_tokens if named else (*additional_special_tokens, *extra_special_tokens),
            extra=extra_special_tokens if isinstance(extra_special_tokens, Mapping) else {},
            needed=self._needed,
            known=[token.content for token in (*added.values(), *stored)],
        )
        self._backend: Backend = self._backend_class(self._table, self._options)
        self._backend.register(added, stored)
        self._refresh()

    def _check_options(self) -> Iterable[str]:
        """Refuse options that the class cannot follow; give a sentence for each that has no effect in it."""
        return ()

    def _refresh(self) -> None:
        """Derive anew what depends on special and added tokens, and forget the words that were remembered."""
        self._backend.refresh()
        self._memo = _Memo(self._backend)

    @property
    def __class__(self) -> Any:
        from roformer_edge.resemblance import resembling

        return resembling(type(self), "transformers.tokenization_utils_base", "PreTrainedTokenizerBase")

    @__class__.setter
    def __class__(self, kind: type) -> None:
        object.__setattr__(self, "__class__", kind)

    def __reduce__(self) -> tuple[Any, ...]:
        from roformer_edge.resemblance import blank  # pickle's own way compares classes by __class__

        return blank, (type(self),), self.__getstate__()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_memo"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._refresh()

    # options that words remembered with what they became depend on: fixed

    @property
    def do_lower_case(self) -> bool:
        """Whether text is lower-cased."""
        return self._options.do_lower_case

    @property
    def do_basic_tokenize(self) -> bool:
        """Whether unknown words are split at punctuation and ideographs first."""
        return self._options.do_basic_tokenize

    @property
    def never_split(self) -> list[str] | None:
        """The words that this step leaves whole."""
        return self._options.never_split

    @property
    def tokenize_chinese_chars(self) -> bool:
        """Whether every ideograph is a word of its own."""
        return self._options.tokenize_chinese_chars

    @property
    def strip_accents(self) -> bool | None:
        """Whether accents are dropped; None: as ``do_lower_case`` says."""
        return self._options.strip_accents

    @property
    def segmenter(self) -> str:
        """The name of the word segmenter."""
        return self._options.segmenter

    @property
    def uses_token_types(self) -> bool:
        """Whether the model is fed token types; if not, they are 0 for both texts of a pair."""
        return "token_type_ids" in self.model_input_names

    # special tokens

    @property
    def additional_special_tokens(self) -> list[str]:
        """The special tokens without a name of their own."""
        return [str(token) for token in self._table.more]

    @additional_special_tokens.setter
    def additional_special_tokens(self, tokens: Sequence[Token]) -> None:
        self._table.more = list(tokens)
        self._refresh()

    @property
    def additional_special_tokens_ids(self) -> list[int]:
        """Their ids."""
        return [self._table.id_of(str(token)) for token in self._table.more]

    @property
    def extra_special_tokens(self) -> dict[str, str]:
        """The special tokens whose names the tokenizer brought."""
        return {name: str(token) for name, token in self._table.extra.items()}

    def __getattr__(self, name: str) -> Any:
        table = self.__dict__.get("_table")
        if table is None or name.removesuffix("_id") not in table.extra:
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        token = str(table.extra[name.removesuffix("_id")])
        return table.id_of(token) if name.endswith("_id") else token

    @property
    def special_tokens_map(self) -> dict[str, str | list[str]]:
        """The special tokens that are set, by name."""
        named: dict[str, str | list[str]] = {name: str(token) for name, token in self._table.special.items() if token}
        more: dict[str, str | list[str]] = {MORE_SPECIAL: self.additional_special_tokens} if self._table.more else {}
        return {**named, **more, **self.extra_special_tokens}

    @property
    def all_special_tokens(self) -> list[str]:
        """All special tokens, each once."""
        return self._table.all_special_tokens()

    @property
    def all_special_ids(self) -> list[int]:
        """The ids of all special tokens."""
        return [self._table.id_of(token) for token in self.all_special_tokens]

    # added tokens

    @property
    def added_tokens_decoder(self) -> dict[int, AddedToken]:
        """The added tokens by id; special tokens are among them."""
        return dict(sorted(self._table.added.items()))

    @property
    def added_tokens_encoder(self) -> dict[str, int]:
        """The ids of the added tokens."""
        return {token.content: index for index, token in sorted(self._table.added.items())}

    def get_added_vocab(self) -> dict[str, int]:
        """Look up the ids of the added tokens."""
        return self.added_tokens_encoder

    def add_tokens(self, new_tokens: Token | Sequence[Token], special_tokens: bool = False) -> int:
        """Add tokens that are cut out of a text before it is segmented.

        The embedding of the model must grow with the vocabulary.

        Returns:
            How many of them are new to the vocabulary.
        """
        tokens = [new_tokens] if isinstance(new_tokens, str | AddedToken) else list(new_tokens)
        return self._add(tokens, special_tokens) if tokens else 0

    def _add(self, tokens: Sequence[Token], special: bool) -> int:
        count = self._backend.add(tokens, special)
        self._refresh()
        return count

    def add_special_tokens(
        self,
        special_tokens_dict: Mapping[str, Token | Sequence[Token]],
        replace_additional_special_tokens: bool = True,
    ) -> int:
        """Set special tokens by name and add those that are new.

        Args:
            special_tokens_dict: ``{"cls_token": "<s>", "additional_special_tokens": ["<a>", "<b>"]}`` and so on.
            replace_additional_special_tokens: Whether a list takes the place of the one before or is put behind it.

        Returns:
            How many of them are new to the vocabulary.

        Raises:
            UnknownNameError: No special token has such a name.
        """
        table = self._table
        added: list[AddedToken] = []
        for name, value in special_tokens_dict.items():
            if name == MORE_SPECIAL and not isinstance(value, str | AddedToken):
                tokens = [_special(token) for token in value]
                if replace_additional_special_tokens and tokens:
                    table.more = list(tokens)
                else:
                    present = set(self.additional_special_tokens)
                    tokens = [token for token in tokens if token.content not in present]
                    table.more += tokens
                added += tokens
            elif name in (*SPECIAL_NAMES, *table.extra) and isinstance(value, str | AddedToken):
                token = _special(value)
                (table.special if name in SPECIAL_NAMES else table.extra)[name] = token
                if token not in added:
                    added.append(token)
            else:
                raise UnknownNameError("special token", name, (*SPECIAL_NAMES, MORE_SPECIAL, *table.extra))
        return self._add(added, True)

    # sizes and ids

    @property
    def vocab_size(self) -> int:
        """Number of tokens in the vocabulary file."""
        return len(self._table.vocabulary)

    def __len__(self) -> int:
        """Count the tokens, added ones included."""
        return len(self._table)

    def __bool__(self) -> bool:
        return True

    @property
    def embedding_rows(self) -> int:
        """The least number of rows of an embedding with one for every id that a text may have; ids may have gaps."""
        return self._table.rows

    def get_vocab(self) -> dict[str, int]:
        """Return all tokens with their ids, added ones included."""
        return {**self._table.vocabulary.index, **self._table.added_ids}

    def convert_tokens_to_ids(self, tokens: str | Iterable[str]) -> int | list[int]:
        """Look up the ids of tokens; that of the unknown token for those that do not exist."""
        if isinstance(tokens, str):
            return self._table.id_of(tokens)
        return [self._table.id_of(token) for token in tokens]

    def convert_ids_to_tokens(
        self, ids: int | Iterable[int], skip_special_tokens: bool = False
    ) -> str | list[str | None] | None:
        """Look up the tokens of ids; one that does not exist gives the unknown token (slow mode) or None (fast)."""
        if isinstance(ids, int):
            return self._backend.token_of(ids)
        skipped = set(self.all_special_ids) if skip_special_tokens else ()
        return [self._backend.token_of(index) for index in map(int, ids) if index not in skipped]

    # rows around tokens

    def num_special_tokens_to_add(self, pair: bool = False) -> int:
        """Count the tokens that are put around one text or a pair."""
        return self._backend.template.count(pair)

    def build_inputs_with_special_tokens(
        self, token_ids_0: Sequence[int], token_ids_1: Sequence[int] | None = None
    ) -> list[int]:
        """Make ``[CLS] A [SEP]`` or ``[CLS] A [SEP] B [SEP]``, or what else the tokenizer puts around texts."""
        return self._around(token_ids_0, token_ids_1).ids

    def create_token_type_ids_from_sequences(
        self, token_ids_0: Sequence[int], token_ids_1: Sequence[int] | None = None
    ) -> list[int]:
        """Give 0 for ``[CLS] A [SEP]``, 1 for ``B [SEP]``."""
        return self._around(token_ids_0, token_ids_1).type_ids

    def get_special_tokens_mask(
        self,
        token_ids_0: Sequence[int],
        token_ids_1: Sequence[int] | None = None,
        already_has_special_tokens: bool = False,
    ) -> list[int]:
        """Give 1 for the special tokens that are put around, 0 for those of the texts.

        Args:
            token_ids_0: The ids of the first text.
            token_ids_1: The ids of the second text.
            already_has_special_tokens: ``token_ids_0`` is a whole row; every special token in it counts then.
        """
        if already_has_special_tokens:
            special = set(self.all_special_ids)
            return [int(index in special) for index in token_ids_0]
        return self._around(token_ids_0, token_ids_1).special_tokens_mask

    def _around(self, first: Sequence[int], second: Sequence[int] | None) -> Encoding:
        template = self._backend.template
        sources = [
            TokenizedWords([TokenizedText(list(ids), [], self._memo.__getitem__)]) for ids in (first, second or ())
        ]
        segments = [
            Segment(source.ids, type_id, source=source, text=text)
            for text, (source, type_id) in enumerate(zip(sources, template.types(second is not None), strict=False))
        ]
        return template.row(segments[0], None if second is None else segments[1], True, True)

    # texts to rows

    def _tokenize(self, text: str, split_special: bool) -> TokenizedText:
        if not isinstance(text, str):
            raise TextError(f"a text must be a string, found {type(text).__name__}")
        if not text.isascii():
            try:
                text.encode()
            except UnicodeEncodeError as error:
                raise TextError(
                    f"the text holds a lone surrogate, U+{ord(text[error.start]):04X}, at character {error.start}; "
                    "it is not valid Unicode and has no tokens"
                ) from None
        runs = self._backend.runs(text, split_special)
        ids: list[int] = []
        lookup, remember = self._backend.lookup.get, self._memo.__getitem__
        for words, _ in runs:
            if not isinstance(words, list):
                ids.append(words.index)
                continue
            for word in words:
                known = lookup(word)
                if known is None:
                    ids += remember(word)[0]
                else:
                    ids.append(known)
        return TokenizedText(ids, runs, remember)

    def encode_text(self, text: str, pair: str | None = None, max_length: int | None = None) -> Encoding:
        """Encode one text or one pair, with the special tokens around; the quickest way there is.

        Args:
            text: The text.
            pair: The second text of a pair.
            max_length: Truncate to so many tokens, the longest text first; whole when left out.

        Raises:
            TextError: The text holds a lone surrogate.
        """
        split_special, template = self.split_special_tokens, self._backend.template
        types = template.single_types if pair is None else template.pair_types
        source = self._tokenize(text, split_special)
        first = Segment(source.ids, types[0], source=source)
        second = None
        if pair is not None:
            source = self._tokenize(pair, split_special)
            second = Segment(source.ids, types[1], source=source, text=1)
        row = template.row(first, second, True, self.uses_token_types)
        if max_length is not None and len(row.ids) > max_length:
            return self(text, pair, truncation=True, max_length=max_length).encodings[0]
        return row

    def __call__(
        self,
        text: str | Sequence[str] | Sequence[Sequence[str]] | None = None,
        text_pair: str | Sequence[str] | Sequence[Sequence[str]] | None = None,
        text_target: str | Sequence[str] | Sequence[Sequence[str]] | None = None,
        text_pair_target: str | Sequence[str] | Sequence[Sequence[str]] | None = None,
        *,
        add_special_tokens: bool = True,
        padding: bool | str = False,
        truncation: bool | str | None = None,
        max_length: int | None = None,
        stride: int = 0,
        is_split_into_words: bool = False,
        pad_to_multiple_of: int | None = None,
        padding_side: str | None = None,
        return_tensors: str | None = None,
        return_token_type_ids: bool | None = None,
        return_attention_mask: bool | None = None,
        return_overflowing_tokens: bool = False,
        return_special_tokens_mask: bool = False,
        return_offsets_mapping: bool = False,
        return_length: bool = False,
        verbose: bool = True,
        split_special_tokens: bool | None = None,
    ) -> BatchEncoding:
        """Encode a text, a pair, or a list of either.

        Args:
            text: A text, a list of texts, or a list of pairs; with ``is_split_into_words`` a text is a list of words.
            text_pair: The second text of the pair, or a list as long as ``text``.
            text_target: Texts whose ids become ``labels``; alone it is encoded as ``text`` would be.
            text_pair_target: The second text of pairs among the targets.
            add_special_tokens: Put ``[CLS]`` and ``[SEP]`` around.
            padding: True or ``"longest"``, ``"max_length"``, or False.
            truncation: True or ``"longest_first"``, ``"only_first"``, ``"only_second"``, or False. When left out with
                a ``max_length`` and no padding, as True.
            max_length: The most tokens of a row; ``model_max_length`` when left out.
            stride: How many tokens what overflows shares with what was kept.
            is_split_into_words: Every text is a list of words; each is encoded by itself, and its offsets are places
                in it.
            pad_to_multiple_of: Round padded lengths up.
            padding_side: The side of this call.
            return_tensors: ``"np"``, ``"pt"``, ``"tf"`` or ``"jax"``: tensors of whole numbers (64 bits in np and pt,
                32 in tf and jax) of shape [texts, length].
            return_token_type_ids: Also give the types of the tokens; as ``model_input_names`` says when left out.
            return_attention_mask: Also give 0 for padding and 1 else; as ``model_input_names`` says when left out.
            return_overflowing_tokens: Also give what was cut off: ids in the slow mode, rows in the fast family.
            return_special_tokens_mask: Also give 1 for special tokens and padding.
            return_offsets_mapping: Also give the place of every token in its text; in all modes.
            return_length: Also give the length of every row.
            verbose: Without effect; transformers logs less where it is false.
            split_special_tokens: Take special tokens in the texts for ordinary text.

        Raises:
            TextError: A text that cannot be encoded, or lengths that cannot be reached.
            UnknownNameError: An option's value that does not exist.
        """
        from roformer_edge.tokenizer.calling import Call
        from roformer_edge.tokenizer.lengths import Lengths

        wanted = {
            "input_ids": True,
            "token_type_ids": return_token_type_ids,
            "attention_mask": return_attention_mask,
            "special_tokens_mask": return_special_tokens_mask,
            "offset_mapping": return_offsets_mapping,
        }
        call = Call(
            lengths=Lengths(
                padding=padding,
                truncation=truncation,
                max_length=max_length,
                model_max_length=self.model_max_length,
                stride=stride,
                multiple=pad_to_multiple_of,
                padding_side=self.padding_side if padding_side is None else padding_side,
                truncation_side=self.truncation_side,
            ),
            columns=[name for name, ask in wanted.items() if (name in self.model_input_names if ask is None else ask)],
            special=add_special_tokens,
            typed=self.uses_token_types if return_token_type_ids is None else return_token_type_ids,
            in_words=is_split_into_words,
            overflowing=return_overflowing_tokens,
            with_length=return_length,
            split_special=self.split_special_tokens if split_special_tokens is None else split_special_tokens,
            tensors=return_tensors,
        )
        if text is None and text_target is not None:
            return call.encode(self, text_target, text_pair_target)
        batch = call.encode(self, text, text_pair)
        if text_target is not None:
            batch["labels"] = call.encode(self, text_target, text_pair_target)["input_ids"]
        return batch

    def pad(
        self,
        encoded_inputs: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        padding: bool | str = True,
        max_length: int | None = None,
        *,
        pad_to_multiple_of: int | None = None,
        padding_side: str | None = None,
        return_attention_mask: bool | None = None,
        return_tensors: str | None = None,
        verbose: bool = True,
    ) -> BatchEncoding:
        """Pad rows that were encoded before, as a collator does.

        Args:
            encoded_inputs: One row, rows by the names of the model's inputs, or a list of rows; lists or tensors.
            padding: True or ``"longest"``, ``"max_length"``, or False.
            max_length: The most tokens of a row; ``model_max_length`` when left out.
            pad_to_multiple_of: Round padded lengths up.
            padding_side: The side of this call.
            return_attention_mask: Also give 0 for padding and 1 else; as ``model_input_names`` says when left out.
            return_tensors: ``"np"``, ``"pt"``, ``"tf"`` or ``"jax"``; that of the inputs when left out.
            verbose: Without effect; transformers logs less where it is false.

        Raises:
            TextError: The rows lack ``input_ids``, or their values are not equally many.
            UnknownNameError: An option's value that does not exist.
        """
        from roformer_edge.tokenizer.lengths import Lengths
        from roformer_edge.tokenizer.padding import pad_rows

        lengths = Lengths(
            padding=padding,
            truncation=False,
            max_length=max_length,
            model_max_length=self.model_max_length,
            stride=0,
            multiple=pad_to_multiple_of,
            padding_side=self.padding_side if padding_side is None else padding_side,
            truncation_side=self.truncation_side,
        )
        return pad_rows(self, encoded_inputs, lengths, return_attention_mask, return_tensors)

    def tokenize(
        self, text: str, pair: str | None = None, add_special_tokens: bool = False, **options: Any
    ) -> list[str]:
        """Split a text or a pair into tokens, as strings; options are those of calling the tokenizer."""
        return self(text, pair, add_special_tokens=add_special_tokens, **options).tokens()

    def encode(self, text: str, text_pair: str | None = None, **options: Any) -> Any:
        """Encode a text or a pair as ids, a list or a tensor; options are those of calling the tokenizer."""
        return self(text, text_pair, **options)["input_ids"]

    def encode_plus(self, text: str, text_pair: str | None = None, **options: Any) -> BatchEncoding:
        """Do the same as calling the tokenizer."""
        return self(text, text_pair, **options)

    def batch_encode_plus(
        self, batch_text_or_text_pairs: Sequence[str] | Sequence[Sequence[str]], **options: Any
    ) -> BatchEncoding:
        """Do the same as calling the tokenizer."""
        return self(batch_text_or_text_pairs, **options)

    # ids to text

    def convert_tokens_to_string(self, tokens: Sequence[str]) -> str:
        """Join tokens: pieces of a word without, words with a space between."""
        return self._backend.join_tokens(tokens)

    def decode(
        self,
        token_ids: Any,
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool | None = None,
    ) -> str:
        """Turn ids into text.

        Args:
            token_ids: One id, or a list or one-dimensional tensor of them.
            skip_special_tokens: Leave special tokens out.
            clean_up_tokenization_spaces: Remove spaces before punctuation; as the tokenizer says when left out.
        """
        ids = token_ids.tolist() if hasattr(token_ids, "tolist") else token_ids
        ids = [ids] if isinstance(ids, int) else [int(index) for index in ids]
        text = self._backend.decode(ids, skip_special_tokens)
        clean_up = (
            self.clean_up_tokenization_spaces if clean_up_tokenization_spaces is None else clean_up_tokenization_spaces
        )
        if not clean_up:
            return text
        from roformer_edge.tokenizer.detokenize import tidy

        return tidy(text)

    def batch_decode(
        self,
        sequences: Any,
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool | None = None,
    ) -> list[str]:
        """Do :meth:`decode` for every row."""
        return [self.decode(row, skip_special_tokens, clean_up_tokenization_spaces) for row in sequences]

    # files and bundles

    @classmethod
    def from_pretrained(cls, directory: str | os.PathLike[str], *, revision: str | None = None, **options: Any) -> Self:
        """Read a directory that transformers or :meth:`save_pretrained` wrote.

        Args:
            directory: Holds ``vocab.txt`` or ``tokenizer.json``, and what else ``save_pretrained`` writes, as far as
                it is there; or the name of a model on a hub.
            revision: A branch, tag or commit of a name.
            options: Arguments of the class that win over what the directory says; and of the options of transformers
                ``cache_dir``, ``force_download``, ``local_files_only``, ``token``, ``subfolder``, and those that change
                nothing here, such as ``use_fast``.

        Raises:
            VocabularyError: A file is missing or malformed, or says what cannot be followed.
        """
        from roformer_edge.tokenizer.files import here, read_directory

        return read_directory(here(directory, revision, options), cls, options)

    def save_pretrained(self, directory: str | os.PathLike[str]) -> tuple[str, ...]:
        """Write a directory that :meth:`from_pretrained` and transformers read; return the paths of its files."""
        from roformer_edge.tokenizer.files import write_directory

        return write_directory(directory, self)

    def save_vocabulary(self, directory: str | os.PathLike[str]) -> tuple[str]:
        """Write ``vocab.txt`` into a directory, byte by byte as it was read; return its path."""
        path = os.path.join(directory, VOCABULARY_NAME)  # noqa: PTH118
        self._table.vocabulary.save(path)
        return (path,)

    @property
    def vocabulary_bytes(self) -> bytes:
        """The content of ``vocab.txt``."""
        return self._table.vocabulary.data

    def to_settings(self) -> dict[str, Any]:
        """Everything but the vocabulary, the words and the Unicode tables, as JSON holds it, for ``from_settings``."""
        table = self._table
        return {
            MODE: self.mode,
            **{name: getattr(self, name) for name in OPTIONS},
            **{name: None if token is None else str(token) for name, token in table.special.items()},
            MORE_SPECIAL: self.additional_special_tokens,
            EXTRA_SPECIAL: self.extra_special_tokens,
            ADDED: {str(at): token.to_dict() for at, token in sorted(table.added.items())},
            PIPELINE: self._described(),
        }

    def _described(self) -> dict[str, Any] | None:
        """Describe the steps as ``tokenizer.json`` does, where they are not those of the class."""
        pipeline, first = self._options.pipeline or {}, self._backend.first_versions()
        steps = {key: pipeline[key] for key in sorted(pipeline) if key != STORED}
        if first is not None:
            steps[STORED] = [token.to_dict() for token in first]
        return steps or None


def _unchanging(words: Words | None) -> Words | None:
    if isinstance(words, bytearray) or (isinstance(words, memoryview) and not words.readonly):
        return bytes(words)
    return words


def _read_stored(pipeline: Mapping[str, Any]) -> list[AddedToken]:
    return [read_token(token, STORED) for token in as_list(pipeline.get(STORED, []), STORED)]


def _special(token: Token) -> AddedToken:
    return AddedToken(token, special=True) if isinstance(token, str) else token
