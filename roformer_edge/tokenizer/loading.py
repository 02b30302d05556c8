"""Opening a tokenizer without knowing its class: from a directory, or from the settings of a bundle."""

from __future__ import annotations

import os
from collections.abc import Mapping

from roformer_edge.errors import UnknownNameError
from roformer_edge.tokenizer.base import Tokenizer
from roformer_edge.tokenizer.fast import RoFormerTokenizerFast
from roformer_edge.tokenizer.files import is_fast_directory, read_token
from roformer_edge.tokenizer.settings import ADDED, MODE, check_settings
from roformer_edge.tokenizer.slow import RoFormerTokenizer
from roformer_edge.tokenizer.tokens import SPECIAL_NAMES
from roformer_edge.tokenizer.vocab import Vocabulary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from roformer_edge.tokenizer.segment import Words

MODES: dict[str, type[Tokenizer]] = {"slow": RoFormerTokenizer, "fast": RoFormerTokenizerFast}


def load_tokenizer(directory: str | os.PathLike[str], mode: str = "auto", segmenter: str = "words") -> Tokenizer:
    """Open the tokenizer of a directory.

    Args:
        directory: What transformers or ``save_pretrained`` wrote; ``vocab.txt`` at least.
        mode: ``"slow"``, ``"fast"``, or ``"auto"``: fast where the directory holds a ``tokenizer.json`` or its
            ``tokenizer_config.json`` names the fast class, else slow.
        segmenter: ``"words"``, or ``"rjieba"`` for the Rust package with equal words.

    Raises:
        UnknownNameError: No such mode or segmenter.
        VocabularyError: A file is missing or malformed, or the directory is another model's.
    """
    if mode == "auto":
        mode = "fast" if is_fast_directory(directory) else "slow"
    return _class_of(mode, ("auto", *MODES)).from_pretrained(directory, segmenter=segmenter)


def from_settings(
    settings: Mapping[str, Any],
    vocabulary: bytes | Vocabulary,
    words: Words | None = None,
    segmenter: str = "words",
) -> Tokenizer:
    """Restore a tokenizer from ``to_settings()``: equal ids, whatever the interpreter.

    Args:
        settings: What ``to_settings`` gave.
        vocabulary: The content of ``vocab.txt``.
        words: The packed dictionary: a path or its bytes; the one of this package when left out.
        segmenter: ``"words"``, or ``"rjieba"`` for the Rust package with equal words.

    Raises:
        VocabularyError: The settings or the vocabulary are malformed.
    """
    check_settings(settings)
    options = {name: value for name, value in settings.items() if name not in (MODE, ADDED)}
    added = {int(index): read_token(token) for index, token in settings[ADDED].items()}
    for name in SPECIAL_NAMES:
        options[name] = next(
            (token for token in added.values() if token.content == options.get(name)), options.get(name)
        )
    if not isinstance(vocabulary, Vocabulary):
        vocabulary = Vocabulary(vocabulary)
    kind = _class_of(str(settings[MODE]), MODES)
    return kind(vocabulary, added_tokens_decoder=added, words=words, segmenter=segmenter, **options)


def _class_of(mode: str, allowed: tuple[str, ...] | Mapping[str, object]) -> type[Tokenizer]:
    if mode not in MODES:
        raise UnknownNameError("tokenizer mode", mode, allowed)
    return MODES[mode]
