"""RoFormer's tokenizers in pure Python: the ids of those of transformers, and offsets in all of them.

A class is loaded when it is first used: a process that answers with one tokenizer does not pay for the others.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from roformer_edge.tokenizer.added_tokens import AddedToken
    from roformer_edge.tokenizer.base import Tokenizer
    from roformer_edge.tokenizer.batch_encoding import BatchEncoding
    from roformer_edge.tokenizer.encoding import Encoding
    from roformer_edge.tokenizer.fast import BertTokenizer, PreTrainedTokenizerFast, RoFormerTokenizerFast
    from roformer_edge.tokenizer.loading import from_settings, load_tokenizer
    from roformer_edge.tokenizer.segment import WORDS_PATH
    from roformer_edge.tokenizer.slow import RoFormerTokenizer
    from roformer_edge.tokenizer.unicode_tables import UNICODE_PATH
    from roformer_edge.tokenizer.vocab import Vocabulary

# name -> the module that it is loaded from
_HOMES = {
    "AddedToken": "added_tokens",
    "BatchEncoding": "batch_encoding",
    "BertTokenizer": "fast",
    "Encoding": "encoding",
    "PreTrainedTokenizerFast": "fast",
    "RoFormerTokenizer": "slow",
    "RoFormerTokenizerFast": "fast",
    "Tokenizer": "base",
    "UNICODE_PATH": "unicode_tables",
    "Vocabulary": "vocab",
    "WORDS_PATH": "segment",
    "from_settings": "loading",
    "load_tokenizer": "loading",
}

__all__ = [
    "UNICODE_PATH",
    "WORDS_PATH",
    "AddedToken",
    "BatchEncoding",
    "BertTokenizer",
    "Encoding",
    "PreTrainedTokenizerFast",
    "RoFormerTokenizer",
    "RoFormerTokenizerFast",
    "Tokenizer",
    "Vocabulary",
    "from_settings",
    "load_tokenizer",
]

if not TYPE_CHECKING:  # to a type checker only the names above exist

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        value = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
