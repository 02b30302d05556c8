"""Which tokens a tokenizer has: vocabulary, special tokens, added tokens; from tokens to ids and back to text."""

from __future__ import annotations

from roformer_edge.errors import UnknownNameError, VocabularyError
from roformer_edge.tokenizer.added import AddedToken
from roformer_edge.tokenizer.vocab import Vocabulary
from roformer_edge.tokenizer.wordpiece import PREFIX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

# in the order in which transformers lists them
SPECIAL_NAMES = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
# rows cannot be framed, filled or completed without these
_NEEDED = ("unk_token", "sep_token", "pad_token", "cls_token")
MORE_SPECIAL = "additional_special_tokens"
# English artefacts of decoding that clean_up_tokenization_spaces removes, in this order
_TIDY = ((" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"))
_TIDY_ENDINGS = ((" 's", "'s"), (" 've", "'ve"), (" 're", "'re"))


class _TokenAttribute:
    """``tokenizer.cls_token``: the text of a special token, or None; can be set."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, tokens: Tokens, owner: type) -> str | None:
        token = tokens._special[self._name]
        return None if token is None else str(token)

    def __set__(self, tokens: Tokens, value: str | AddedToken | None) -> None:
        tokens._special[self._name] = value
        tokens._refresh()


class _IdAttribute:
    """``tokenizer.cls_token_id``: the id of a special token, or None."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name.removesuffix("_id")

    def __get__(self, tokens: Tokens, owner: type) -> int | None:
        token = tokens._special[self._name]
        return None if token is None else tokens._token_to_id(str(token))


class Tokens:
    """The tokens of a tokenizer.

    Args:
        vocabulary: The tokens of the model.
        special: The special tokens by name, and a list of more.
        clean_up: Remove spaces before punctuation when decoding.

    Raises:
        VocabularyError: A special token is neither in the vocabulary nor among the added tokens.
    """

    is_fast = False

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
        vocabulary: Vocabulary,
        special: dict[str, str | AddedToken | None],
        more_special: Iterable[str | AddedToken],
        added: Mapping[int, AddedToken],
        clean_up: bool,
    ) -> None:
        self._vocabulary = vocabulary
        self._special = special
        self._more_special = list(more_special)
        # added tokens by id and ids by added token; special tokens are among them
        self._added: dict[int, AddedToken] = {}
        self._added_ids: dict[str, int] = {}
        self.clean_up_tokenization_spaces = clean_up
        known = {token.content for token in added.values()}
        for name, token in special.items():
            if token is None and name in _NEEDED:
                raise VocabularyError(f"a tokenizer needs a {name}; it was set to null")
            if token is not None and str(token) not in vocabulary.index and str(token) not in known:
                raise VocabularyError(
                    f"{name} {str(token)!r} is not among the {len(vocabulary)} tokens of the vocabulary; "
                    f"add it there, or name another with {name}="
                )
        self._start_added(added)

    # what the two modes do in their own way

    def _start_added(self, added: Mapping[int, AddedToken]) -> None:
        """Register the added tokens of a saved tokenizer and the special tokens."""
        raise NotImplementedError

    def _add(self, tokens: Sequence[str | AddedToken], special: bool) -> int:
        """Register tokens; return how many are new."""
        raise NotImplementedError

    def _refresh(self) -> None:
        """Derive anew what depends on special and added tokens."""
        raise NotImplementedError

    # special tokens

    @property
    def additional_special_tokens(self) -> list[str]:
        """The special tokens without a name of their own."""
        return [str(token) for token in self._more_special]

    @property
    def additional_special_tokens_ids(self) -> list[int]:
        """Their ids."""
        return [self._token_to_id(str(token)) for token in self._more_special]

    @property
    def special_tokens_map(self) -> dict[str, str | list[str]]:
        """The special tokens that are set, by name."""
        named: dict[str, str | list[str]] = {name: str(token) for name, token in self._special.items() if token}
        return {**named, **({MORE_SPECIAL: self.additional_special_tokens} if self._more_special else {})}

    def _all_special(self) -> list[str | AddedToken]:
        named = {str(token): token for token in self._special.values() if token}
        return [*named.values(), *(token for token in self._more_special if str(token) not in named)]

    @property
    def all_special_tokens(self) -> list[str]:
        """All special tokens, each once."""
        return [str(token) for token in self._all_special()]

    @property
    def all_special_ids(self) -> list[int]:
        """The ids of all special tokens."""
        return [self._token_to_id(token) for token in self.all_special_tokens]

    # added tokens

    @property
    def added_tokens_decoder(self) -> dict[int, AddedToken]:
        """The added tokens by id; special tokens are among them."""
        return dict(sorted(self._added.items()))

    @property
    def added_tokens_encoder(self) -> dict[str, int]:
        """The ids of the added tokens."""
        return {token.content: index for index, token in sorted(self._added.items())}

    def get_added_vocab(self) -> dict[str, int]:
        """The ids of the added tokens."""
        return self.added_tokens_encoder

    def add_tokens(
        self, new_tokens: str | AddedToken | Sequence[str | AddedToken], special_tokens: bool = False
    ) -> int:
        """Add tokens that are cut out of a text before it is segmented.

        The embedding of the model must grow with the vocabulary.

        Returns:
            How many of them are new to the vocabulary.
        """
        tokens = [new_tokens] if isinstance(new_tokens, str | AddedToken) else list(new_tokens)
        return self._add(tokens, special_tokens) if tokens else 0

    def add_special_tokens(
        self,
        special_tokens_dict: Mapping[str, str | AddedToken | Sequence[str | AddedToken]],
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
        added: list[AddedToken] = []
        for name, value in special_tokens_dict.items():
            if name == MORE_SPECIAL and not isinstance(value, str | AddedToken):
                tokens = [_special(token) for token in value]
                if replace_additional_special_tokens and tokens:
                    self._more_special = list(tokens)
                else:
                    present = set(self.additional_special_tokens)
                    tokens = [token for token in tokens if token.content not in present]
                    self._more_special += tokens
                added += tokens
            elif name in SPECIAL_NAMES and isinstance(value, str | AddedToken):
                token = _special(value)
                self._special[name] = token
                if token not in added:
                    added.append(token)
            else:
                raise UnknownNameError("special token", name, (*SPECIAL_NAMES, MORE_SPECIAL))
        count = self._add(added, True) if added else 0
        self._refresh()
        return count

    # sizes and ids

    @property
    def vocab_size(self) -> int:
        """Number of tokens in the vocabulary file."""
        return len(self._vocabulary)

    def __len__(self) -> int:
        """Number of tokens, added ones included."""
        return len(self._vocabulary) + sum(token not in self._vocabulary.index for token in self._added_ids)

    def __bool__(self) -> bool:
        return True

    def get_vocab(self) -> dict[str, int]:
        """All tokens with their ids, added ones included."""
        return {**self._vocabulary.index, **self._added_ids}

    def _token_to_id(self, token: str) -> int:
        index = self._added_ids.get(token)
        if index is None:
            index = self._vocabulary.index.get(token)
        if index is not None:
            return index
        unknown = str(self._special["unk_token"])
        return self._added_ids.get(unknown, self._vocabulary.index.get(unknown, 0))

    def _id_to_token(self, index: int) -> str | None:
        token = self._added.get(index)
        if token is not None:
            return token.content
        if 0 <= index < len(self._vocabulary):
            return self._vocabulary.tokens[index]
        return None if self.is_fast else str(self._special["unk_token"])

    def convert_tokens_to_ids(self, tokens: str | Iterable[str]) -> int | list[int]:
        """The ids of tokens; that of the unknown token for those that do not exist."""
        if isinstance(tokens, str):
            return self._token_to_id(tokens)
        return [self._token_to_id(token) for token in tokens]

    def convert_ids_to_tokens(
        self, ids: int | Iterable[int], skip_special_tokens: bool = False
    ) -> str | list[str | None] | None:
        """The tokens of ids; an id that does not exist gives the unknown token (slow mode) or None (fast mode)."""
        if isinstance(ids, int):
            return self._id_to_token(ids)
        return self._ids_to_tokens(ids, skip_special_tokens)

    def _ids_to_tokens(self, ids: Iterable[int], skip_special: bool) -> list[str | None]:
        skipped = set(self.all_special_ids) if skip_special else ()
        return [self._id_to_token(index) for index in map(int, ids) if index not in skipped]

    # rows around tokens

    def num_special_tokens_to_add(self, pair: bool = False) -> int:
        """How many tokens are put around one text or a pair."""
        return 3 if pair else 2

    def build_inputs_with_special_tokens(
        self, token_ids_0: Sequence[int], token_ids_1: Sequence[int] | None = None
    ) -> list[int]:
        """``[CLS] A [SEP]`` or ``[CLS] A [SEP] B [SEP]``."""
        cls, sep = (self._token_to_id(str(self._special[name])) for name in ("cls_token", "sep_token"))
        return [cls, *token_ids_0, sep] if token_ids_1 is None else [cls, *token_ids_0, sep, *token_ids_1, sep]

    def create_token_type_ids_from_sequences(
        self, token_ids_0: Sequence[int], token_ids_1: Sequence[int] | None = None
    ) -> list[int]:
        """0 for ``[CLS] A [SEP]``, 1 for ``B [SEP]``."""
        return [0] * (len(token_ids_0) + 2) + ([] if token_ids_1 is None else [1] * (len(token_ids_1) + 1))

    def get_special_tokens_mask(
        self,
        token_ids_0: Sequence[int],
        token_ids_1: Sequence[int] | None = None,
        already_has_special_tokens: bool = False,
    ) -> list[int]:
        """1 for the special tokens that are put around, 0 for those of the texts.

        Args:
            token_ids_0: The ids of the first text.
            token_ids_1: The ids of the second text.
            already_has_special_tokens: ``token_ids_0`` is a whole row; every special token in it counts then.
        """
        if already_has_special_tokens:
            special = set(self.all_special_ids)
            return [int(index in special) for index in token_ids_0]
        second = [] if token_ids_1 is None else [*[0] * len(token_ids_1), 1]
        return [1, *[0] * len(token_ids_0), 1, *second]

    # ids to text

    def convert_tokens_to_string(self, tokens: Sequence[str]) -> str:
        """Join tokens: pieces of a word without, words with a space between."""
        return " ".join(tokens).replace(f" {PREFIX}", "").strip()

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
        text = self._join(ids, skip_special_tokens)
        clean_up = (
            self.clean_up_tokenization_spaces if clean_up_tokenization_spaces is None else clean_up_tokenization_spaces
        )
        return tidy(text) if clean_up else text

    def batch_decode(
        self,
        sequences: Any,
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool | None = None,
    ) -> list[str]:
        """:meth:`decode` for every row."""
        return [self.decode(row, skip_special_tokens, clean_up_tokenization_spaces) for row in sequences]

    def _join(self, ids: list[int], skip_special: bool) -> str:
        raise NotImplementedError


def tidy(text: str, more: Sequence[tuple[str, str]] = ()) -> str:
    """Remove the spaces that decoding puts before English punctuation and endings."""
    for written, meant in (*_TIDY, *more, *_TIDY_ENDINGS):
        text = text.replace(written, meant)
    return text


def _special(token: str | AddedToken) -> AddedToken:
    return AddedToken(token, special=True) if isinstance(token, str) else token
