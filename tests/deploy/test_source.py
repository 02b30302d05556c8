"""What a bundle is made from: a vocabulary must fit the embedding table, gaps among its ids included."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from roformer_edge.deploy.source import open_source
from roformer_edge.errors import VocabularyError
from roformer_edge.validate.openers import open_predictor
from tests.tiny_checkpoint import TOKENS, write_checkpoint


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A checkpoint with an added token far behind the last row of its embeddings, though it has few tokens."""
    folder = write_checkpoint(tmp_path / "checkpoint", vocab_size=len(TOKENS) + 1)
    settings = {"added_tokens_decoder": {"900": {"content": "<far>", "special": True}}}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    return folder


MESSAGE = rf"has ids up to 900 and the model {len(TOKENS) + 1} embeddings"


def test_an_id_behind_a_gap_without_a_row(checkpoint: Path) -> None:
    with pytest.raises(VocabularyError, match=MESSAGE), open_source(checkpoint, "text-classification", "slow"):
        pass


def test_the_reference_refuses_it_too(checkpoint: Path) -> None:
    with pytest.raises(VocabularyError, match=MESSAGE):
        open_predictor(checkpoint, task="text-classification", tokenizer="slow")


def test_the_fast_mode_counts_on_from_the_vocabulary(checkpoint: Path) -> None:
    with open_source(checkpoint, "text-classification", "fast") as model:
        assert model.tokenizer.embedding_rows == len(TOKENS) + 1
