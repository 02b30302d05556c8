"""Poolings and layers are those of numpy over the states of the tokens, and padding is in none of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from roformer_edge.config import RoFormerConfig
from roformer_edge.models.torch.encoder import RoFormerModel
from roformer_edge.models.torch.sentence import RoFormerSentenceModel
from roformer_edge.sentence import POOLINGS, SentenceHead, Step

WIDTH = 16
CONFIG = RoFormerConfig(
    vocab_size=30,
    embedding_size=WIDTH,
    hidden_size=WIDTH,
    num_hidden_layers=1,
    num_attention_heads=2,
    intermediate_size=24,
    max_position_embeddings=32,
)
IDS = torch.tensor([[2, 7, 9, 11, 3], [2, 5, 3, 0, 0]])
MASK = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])
RANDOM = np.random.default_rng(6)


@pytest.fixture(scope="module")
def encoder() -> RoFormerModel:
    torch.manual_seed(4)
    return RoFormerModel(CONFIG).eval()


@pytest.fixture(scope="module")
def states(encoder: RoFormerModel) -> list[np.ndarray]:
    """The states of each text's tokens, without padding."""
    with torch.no_grad():
        found = encoder(IDS, MASK, return_dict=True).last_hidden_state.numpy()
    return [row[: int(mask.sum())] for row, mask in zip(found, MASK, strict=True)]


def vectors(encoder: RoFormerModel, *steps: Step, arrays: dict[str, np.ndarray] | None = None) -> np.ndarray:
    model = RoFormerSentenceModel(encoder, SentenceHead(asked=None, steps=steps), arrays or {}).eval()
    with torch.no_grad():
        return model(IDS, MASK).sentence_embedding.numpy()


def pooling(*names: str) -> Step:
    return Step(kind="pooling", inputs=WIDTH, width=WIDTH * len(names), poolings=names)


OF_STATES = {
    "cls": lambda x: x[0],
    "max": lambda x: x.max(0),
    "mean": lambda x: x.mean(0),
    "mean_sqrt_len_tokens": lambda x: x.sum(0) / np.sqrt(len(x)),
    "weightedmean": lambda x: np.average(x, axis=0, weights=np.arange(1, len(x) + 1)),
    "lasttoken": lambda x: x[-1],
}


@pytest.mark.parametrize("name", POOLINGS)
def test_every_pooling(encoder: RoFormerModel, states: list[np.ndarray], name: str) -> None:
    wanted = [OF_STATES[name](text) for text in states]
    np.testing.assert_allclose(vectors(encoder, pooling(name)), wanted, atol=1e-5)


def test_poolings_lie_beside_each_other(encoder: RoFormerModel, states: list[np.ndarray]) -> None:
    wanted = [np.concatenate([text.mean(0), text[0]]) for text in states]
    np.testing.assert_allclose(vectors(encoder, pooling("mean", "cls")), wanted, atol=1e-5)


def test_layers_before_and_after(encoder: RoFormerModel, states: list[np.ndarray]) -> None:
    arrays = {
        "sentence.0.weight": RANDOM.normal(1, 0.1, WIDTH).astype(np.float32),
        "sentence.0.bias": RANDOM.normal(0, 0.1, WIDTH).astype(np.float32),
        "sentence.2.weight": RANDOM.normal(0, 0.3, (5, WIDTH)).astype(np.float32),
    }
    steps = (
        Step(kind="layer_norm", inputs=WIDTH, width=WIDTH, module="sentence.0"),
        pooling("mean"),
        Step(kind="dense", inputs=WIDTH, width=5, module="sentence.2", activation="tanh"),
        Step(kind="normalize", inputs=5, width=5),
    )
    wanted = []
    for text in states:
        centred = text - text.mean(-1, keepdims=True)
        normed = centred / np.sqrt(np.square(centred).mean(-1, keepdims=True) + 1e-5)
        pooled = (normed * arrays["sentence.0.weight"] + arrays["sentence.0.bias"]).mean(0)
        made = np.tanh(arrays["sentence.2.weight"] @ pooled)
        wanted.append(made / np.linalg.norm(made))
    np.testing.assert_allclose(vectors(encoder, *steps, arrays=arrays), wanted, atol=1e-5)
