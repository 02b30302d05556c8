"""What both tokenizers are made of: their arguments, and their files.

The surface is that of the tokenizers of transformers 4.57 and behaves as theirs does; what is more is said where it is.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence

from roformer_edge.tokenizer.added import AddedToken
from roformer_edge.tokenizer.batching import check_side
from roformer_edge.tokenizer.files import OPTIONS, read_directory, write_directory
from roformer_edge.tokenizer.rows import Rows
from roformer_edge.tokenizer.segment import make_segmenter
from roformer_edge.tokenizer.tokens import MORE_SPECIAL
from roformer_edge.tokenizer.vocab import VOCABULARY_NAME, Vocabulary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from typing_extensions import Self

    from roformer_edge.tokenizer.segment import Words

# model_max_length of a tokenizer that knows no limit
NO_LIMIT = int(1e30)


class Tokenizer(Rows):
    """The tokenizer without the part that differs: how a text is cut into words and what a word becomes.

    Args:
        vocab_file: The path of a ``vocab.txt``, or a vocabulary that was read before.
        do_lower_case: Lower-case the text.
        do_basic_tokenize: Split words that the vocabulary does not hold at punctuation and ideographs first; false
            hands them to WordPiece as they are. Has no effect in the fast mode, as in transformers.
        never_split: Words that are left whole by that step; slow mode only.
        unk_token: Stands for what the vocabulary does not hold.
        sep_token: Put behind every text.
        pad_token: Fills rows.
        cls_token: Put in front.
        mask_token: Stands for a word to be guessed.
        bos_token: Not used by RoFormer.
        eos_token: Not used by RoFormer.
        additional_special_tokens: More tokens that are never split; added to the vocabulary where they are new.
        tokenize_chinese_chars: Take every ideograph for a word of its own in that step; slow mode only.
        strip_accents: Drop accents; when left out, as ``do_lower_case``.
        model_max_length: The length that ``truncation`` and ``padding="max_length"`` mean without ``max_length``.
        padding_side: ``"right"`` or ``"left"``.
        truncation_side: The side that tokens are taken away from.
        clean_up_tokenization_spaces: Remove spaces before punctuation when decoding.
        split_special_tokens: Take special tokens in a text for ordinary text.
        model_input_names: What a call returns unless told otherwise.
        added_tokens_decoder: Added tokens by id, as ``tokenizer_config.json`` lists them.
        segmenter: ``"words"``, or ``"rjieba"`` for the Rust package with equal words.
        words: The packed dictionary: a path or its bytes; the one of this package when left out.

    Raises:
        VocabularyError: The vocabulary is broken, or a special token is neither in it nor among the added tokens.
        UnknownNameError: A side or a segmenter that does not exist.
    """

    # what a copy makes anew
    _derived = frozenset(("_cut", "_memo", "_frame", "_lookup", "_wordpiece"))

    def __init__(
        self,
        vocab_file: str | os.PathLike[str] | Vocabulary,
        *,
        do_lower_case: bool = True,
        do_basic_tokenize: bool = True,
        never_split: Iterable[str] | None = None,
        tokenize_chinese_chars: bool = True,
        strip_accents: bool | None = None,
        unk_token: str | AddedToken = "[UNK]",
        sep_token: str | AddedToken = "[SEP]",
        pad_token: str | AddedToken = "[PAD]",
        cls_token: str | AddedToken = "[CLS]",
        mask_token: str | AddedToken | None = "[MASK]",
        bos_token: str | AddedToken | None = None,
        eos_token: str | AddedToken | None = None,
        additional_special_tokens: Sequence[str | AddedToken] = (),
        model_max_length: int = NO_LIMIT,
        padding_side: str = "right",
        truncation_side: str = "right",
        clean_up_tokenization_spaces: bool = False,
        split_special_tokens: bool = False,
        model_input_names: Sequence[str] = ("input_ids", "token_type_ids", "attention_mask"),
        added_tokens_decoder: Mapping[int, AddedToken] | None = None,
        segmenter: str = "words",
        words: Words | None = None,
    ) -> None:
        vocabulary = vocab_file if isinstance(vocab_file, Vocabulary) else Vocabulary.from_file(vocab_file)
        self._do_lower_case = do_lower_case
        self._do_basic_tokenize = do_basic_tokenize
        self._never_split = None if never_split is None else list(never_split)
        self._tokenize_chinese_chars = tokenize_chinese_chars
        self._strip_accents = strip_accents
        self.model_max_length = model_max_length
        self.padding_side = check_side("padding_side", padding_side)
        self.truncation_side = check_side("truncation_side", truncation_side)
        self.split_special_tokens = split_special_tokens
        self.model_input_names = list(model_input_names)
        self.segmenter = segmenter
        self._words = bytes(words) if isinstance(words, bytearray | memoryview) else words
        self._cut = make_segmenter(segmenter, self._words).cut
        self._memo = {}
        self._lookup = vocabulary.index
        special: dict[str, str | AddedToken | None] = {
            "bos_token": bos_token,
            "eos_token": eos_token,
            "unk_token": unk_token,
            "sep_token": sep_token,
            "pad_token": pad_token,
            "cls_token": cls_token,
            "mask_token": mask_token,
        }
        added = added_tokens_decoder or {}
        super().__init__(vocabulary, special, additional_special_tokens, added, clean_up_tokenization_spaces)

    # options that words remembered with what they became depend on: fixed

    @property
    def do_lower_case(self) -> bool:
        """Whether text is lower-cased."""
        return self._do_lower_case

    @property
    def do_basic_tokenize(self) -> bool:
        """Whether unknown words are split at punctuation and ideographs first."""
        return self._do_basic_tokenize

    @property
    def never_split(self) -> list[str] | None:
        """The words that this step leaves whole."""
        return self._never_split

    @property
    def tokenize_chinese_chars(self) -> bool:
        """Whether every ideograph is a word of its own in this step."""
        return self._tokenize_chinese_chars

    @property
    def strip_accents(self) -> bool | None:
        """Whether accents are dropped; None: as ``do_lower_case`` says."""
        return self._strip_accents

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in self._derived}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._cut = make_segmenter(self.segmenter, self._words).cut
        self._memo = {}
        self._refresh()

    # files and bundles

    @classmethod
    def from_pretrained(cls, directory: str | os.PathLike[str], **options: Any) -> Self:
        """Read a directory that transformers or :meth:`save_pretrained` wrote.

        Args:
            directory: Holds ``vocab.txt`` and what else ``save_pretrained`` writes, as far as it is there.
            options: Arguments of the class that win over what the directory says.

        Raises:
            VocabularyError: A file is missing or malformed.
        """
        vocabulary, found = read_directory(directory)
        return cls(vocabulary, **{**found, **options})

    def save_pretrained(self, directory: str | os.PathLike[str]) -> tuple[str, ...]:
        """Write a directory that :meth:`from_pretrained` and transformers read; return the paths of its files."""
        index = self._vocabulary.index
        config = {
            **self._options(),
            **self.special_tokens_map,
            "added_tokens_decoder": {str(at): token.to_dict() for at, token in sorted(self._added.items())},
            "tokenizer_class": type(self).__name__,
        }
        added = {content: at for content, at in self.added_tokens_encoder.items() if content not in index}
        return write_directory(directory, config, added, self._vocabulary)

    def save_vocabulary(self, directory: str | os.PathLike[str]) -> tuple[str]:
        """Write ``vocab.txt`` into a directory, byte by byte as it was read; return its path."""
        path = os.path.join(directory, VOCABULARY_NAME)  # noqa: PTH118
        self._vocabulary.save(path)
        return (path,)

    @classmethod
    def from_settings(
        cls,
        settings: Mapping[str, Any],
        vocabulary: bytes | Vocabulary,
        words: Words | None = None,
        segmenter: str = "words",
    ) -> Tokenizer:
        """Restore the tokenizer, of either mode, that gave these :meth:`to_settings`: equal ids, whatever the Python.

        Args:
            settings: What ``to_settings`` gave.
            vocabulary: The content of ``vocab.txt``.
            words: The packed dictionary: a path or its bytes; the one of this package when left out.
            segmenter: ``"words"``, or ``"rjieba"`` for the Rust package with equal words.

        Raises:
            VocabularyError: The settings or the vocabulary are malformed.
        """
        from roformer_edge.tokenizer.loading import from_settings

        return from_settings(settings, vocabulary, words=words, segmenter=segmenter)

    @property
    def vocabulary_bytes(self) -> bytes:
        """The content of ``vocab.txt``."""
        return self._vocabulary.data

    def _options(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in OPTIONS}

    def to_settings(self) -> dict[str, Any]:
        """Everything but the vocabulary and the words, as JSON holds it, for ``from_settings``."""
        return {
            "mode": "fast" if self.is_fast else "slow",
            **self._options(),
            **{name: None if token is None else str(token) for name, token in self._special.items()},
            MORE_SPECIAL: self.additional_special_tokens,
            "added_tokens_decoder": {str(at): token.to_dict() for at, token in sorted(self._added.items())},
        }
