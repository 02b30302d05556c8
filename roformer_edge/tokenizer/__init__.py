"""RoFormer's tokenizers in pure Python: the ids of those of transformers, and offsets in all of them."""

from __future__ import annotations

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
