"""Opening a tokenizer without knowing its class: from a directory, or from the settings of a bundle."""

from __future__ import annotations

import os
from collections.abc import Mapping

from roformer_edge.errors import UnknownNameError
from roformer_edge.tokenizer.base import Tokenizer
from roformer_edge.tokenizer.settings import ADDED, MODE, check_settings, read_token
from roformer_edge.tokenizer.token_table import SPECIAL_NAMES
from roformer_edge.tokenizer.vocab import Vocabulary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from roformer_edge.tokenizer.segment import Words
    from roformer_edge.tokenizer.unicode_tables import PackedTables

# mode -> module and class; only the one that is wanted is imported
MODES = {
    "slow": ("roformer_edge.tokenizer.slow", "RoFormerTokenizer"),
    "fast": ("roformer_edge.tokenizer.fast", "RoFormerTokenizerFast"),
    "bert": ("roformer_edge.tokenizer.fast", "BertTokenizer"),
    "plain": ("roformer_edge.tokenizer.fast", "PreTrainedTokenizerFast"),
}


def load_tokenizer(directory: str | os.PathLike[str], mode: str = "auto", segmenter: str = "words") -> Tokenizer:
    """Open the tokenizer of a directory.

    What its files say and is not followed, or is odd, stands in ``notes`` of what is returned.

    Args:
        directory: What transformers or ``save_pretrained`` wrote; ``vocab.txt`` or ``tokenizer.json`` at least.
        mode: ``"slow"``, ``"fast"``, ``"bert"``, ``"plain"``, or ``"auto"`` for what the files say:
            ``tokenizer_class`` of ``tokenizer_config.json`` or else of ``config.json``, and ``tokenizer.json``.
        segmenter: ``"words"``, or ``"rjieba"`` for the Rust package with equal words.

    Raises:
        UnknownNameError: No such mode or segmenter.
        VocabularyError: A file is missing or malformed, says what cannot be followed, or is another model's.
    """
    if mode == "auto":
        from roformer_edge.tokenizer.files import choose_mode

        mode = choose_mode(directory)
    return _class_of(mode, ("auto", *MODES)).from_pretrained(directory, segmenter=segmenter)


def from_settings(
    settings: Mapping[str, Any],
    vocabulary: bytes | Vocabulary,
    words: Words | None = None,
    segmenter: str = "words",
    unicode: PackedTables | None = None,
) -> Tokenizer:
    """Restore a tokenizer from ``to_settings()``: equal ids, whatever the interpreter.

    Args:
        settings: What ``to_settings`` gave.
        vocabulary: The content of ``vocab.txt``.
        words: The packed dictionary: a path or its bytes; the one of this package when left out.
        segmenter: ``"words"``, or ``"rjieba"`` for the Rust package with equal words.
        unicode: The Unicode tables: a path or their bytes; those of this package when left out.

    Raises:
        VocabularyError: The settings or a file are malformed.
    """
    check_settings(settings)
    options = {name: value for name, value in settings.items() if name not in (MODE, ADDED)}
    added = {int(index): read_token(token, ADDED) for index, token in settings[ADDED].items()}
    by_content = {token.content: token for token in added.values()}
    for name in SPECIAL_NAMES:
        options[name] = by_content.get(options[name], options[name])
    if not isinstance(vocabulary, Vocabulary):
        vocabulary = Vocabulary(vocabulary)
    kind = _class_of(str(settings[MODE]), MODES)
    return kind(vocabulary, added_tokens_decoder=added, words=words, segmenter=segmenter, unicode=unicode, **options)


def _class_of(mode: str, allowed: tuple[str, ...] | Mapping[str, object]) -> type[Tokenizer]:
    if mode not in MODES:
        raise UnknownNameError("tokenizer mode", mode, allowed)
    from importlib import import_module

    module, name = MODES[mode]
    kind: type[Tokenizer] = getattr(import_module(module), name)
    return kind
