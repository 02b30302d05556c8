"""RoFormer's tokenizers in pure Python: the ids of both tokenizers of transformers, and offsets in both."""

from __future__ import annotations

from roformer_edge.tokenizer.added import AddedToken
from roformer_edge.tokenizer.base import Tokenizer
from roformer_edge.tokenizer.encoding import BatchEncoding, Encoding
from roformer_edge.tokenizer.fast import RoFormerTokenizerFast
from roformer_edge.tokenizer.loading import from_settings, load_tokenizer
from roformer_edge.tokenizer.segment import WORDS_PATH
from roformer_edge.tokenizer.slow import RoFormerTokenizer
from roformer_edge.tokenizer.vocab import Vocabulary

__all__ = [
    "WORDS_PATH",
    "AddedToken",
    "BatchEncoding",
    "Encoding",
    "RoFormerTokenizer",
    "RoFormerTokenizerFast",
    "Tokenizer",
    "Vocabulary",
    "from_settings",
    "load_tokenizer",
]
