"""One vector of a text in PyTorch: every pooling by hand, and padding in none of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from roformer_edge.models.torch.encoder import RoFormerModel
from roformer_edge.models.torch.sentence import RoFormerSentenceModel
from roformer_edge.sentence import POOLINGS, SentenceHead, Step

IDS = torch.tensor([[5, 6, 7, 8], [9, 10, 0, 0]])
MASK = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])
BY_HAND = {
    "cls": lambda states: states[0],
    "max": lambda states: states.max(0),
    "mean": lambda states: states.mean(0),
    "mean_sqrt_len_tokens": lambda states: states.sum(0) / np.sqrt(len(states)),
    "weightedmean": lambda states: np.average(states, axis=0, weights=np.arange(1, len(states) + 1)),
    "lasttoken": lambda states: states[-1],
}


@pytest.fixture
def encoder(tiny_config) -> RoFormerModel:
    torch.manual_seed(0)
    return RoFormerModel(tiny_config.replace(initializer_range=0.5)).eval()


def pooling(*names: str) -> Step:
    return Step(kind="pooling", inputs=16, width=16 * len(names), poolings=names)


def vectors(encoder: RoFormerModel, *steps: Step, **arrays: np.ndarray) -> np.ndarray:
    named = {name.replace("_", "."): array for name, array in arrays.items()}
    model = RoFormerSentenceModel(encoder, SentenceHead(asked=None, steps=steps), named).eval()
    with torch.inference_mode():
        return model(IDS, MASK).sentence_embedding.numpy()


def states(encoder: RoFormerModel) -> list[np.ndarray]:
    """Of each text alone, without padding."""
    with torch.inference_mode():
        return [
            encoder(row[mask.bool()][None]).last_hidden_state[0].numpy() for row, mask in zip(IDS, MASK, strict=True)
        ]


def test_every_pooling_is_tried() -> None:
    assert BY_HAND.keys() == POOLINGS.keys()


@pytest.mark.parametrize("name", POOLINGS)
def test_a_pooling_is_what_it_says_and_padding_is_not_in_it(encoder, name) -> None:
    wanted = [BY_HAND[name](one) for one in states(encoder)]
    np.testing.assert_allclose(vectors(encoder, pooling(name)), wanted, atol=1e-5)


def test_several_poolings_stand_beside_each_other(encoder) -> None:
    both = vectors(encoder, pooling("cls", "mean"))
    np.testing.assert_array_equal(both[:, :16], vectors(encoder, pooling("cls")))
    np.testing.assert_array_equal(both[:, 16:], vectors(encoder, pooling("mean")))


def test_layers_before_and_after_the_pooling(encoder) -> None:
    random = np.random.default_rng(0)
    arrays = {
        "a_weight": random.normal(size=(16, 16)).astype(np.float32),
        "a_bias": random.normal(size=16).astype(np.float32),
        "b_weight": random.normal(size=(3, 16)).astype(np.float32),
        "n_weight": random.normal(size=3).astype(np.float32),
        "n_bias": random.normal(size=3).astype(np.float32),
    }
    steps = (
        Step(kind="dense", inputs=16, width=16, module="a", activation="relu"),
        pooling("mean"),
        Step(kind="dense", inputs=16, width=3, module="b"),
        Step(kind="layer_norm", inputs=3, width=3, module="n"),
        Step(kind="normalize", inputs=3, width=3),
    )
    wanted = []
    for one in states(encoder):
        x = np.maximum(one @ arrays["a_weight"].T + arrays["a_bias"], 0).mean(0) @ arrays["b_weight"].T
        x = (x - x.mean()) / np.sqrt(x.var() + 1e-5) * arrays["n_weight"] + arrays["n_bias"]
        wanted.append(x / np.linalg.norm(x))
    np.testing.assert_allclose(vectors(encoder, *steps, **arrays), wanted, atol=1e-4)
