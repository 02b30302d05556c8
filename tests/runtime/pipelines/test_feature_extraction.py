from __future__ import annotations

import types

import numpy as np
import pytest

from roformer_edge.errors import OptionError, TextError, TextTooLongError, UnknownNameError
from tests.runtime.tiny_tasks import TEXTS, TOKENIZER, Real, real


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Real:
    return real("feature-extraction", tmp_path_factory.mktemp("features"))


def states(built: Real, text: str) -> np.ndarray:
    return built.torch(TOKENIZER.encode_text(text).ids).last_hidden_state[0].numpy()


def test_a_text_gives_the_states_of_all_its_tokens(built: Real) -> None:
    found = built.pipeline("今天天气好")
    assert found.shape == (len(TOKENIZER.encode_text("今天天气好").ids), 32)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, states(built, "今天天气好"), atol=1e-4)


@pytest.mark.parametrize("batch_size", [1, 3, 8])
def test_padding_is_in_no_answer(built: Real, batch_size: int) -> None:
    for text, found in zip(TEXTS, built.pipeline(list(TEXTS), batch_size=batch_size), strict=True):
        np.testing.assert_allclose(found, states(built, text), atol=1e-4)
        assert found.base is None


def test_pooling(built: Real) -> None:
    for text, mean, first in zip(
        TEXTS, built.pipeline(list(TEXTS), pooling="mean"), built.pipeline(list(TEXTS), pooling="first"), strict=True
    ):
        expected = states(built, text)
        assert mean.dtype == first.dtype == np.float32
        np.testing.assert_allclose(mean, expected.mean(axis=0), atol=1e-4)
        np.testing.assert_allclose(first, expected[0], atol=1e-4)


def test_a_pair_has_types(built: Real) -> None:
    row = TOKENIZER.encode_text("今天", "几点")
    expected = built.torch(row.ids, row.type_ids).last_hidden_state[0].numpy()
    np.testing.assert_allclose(built.pipeline(("今天", "几点")), expected, atol=1e-4)


def test_lists_iterators_and_bad_input(built: Real) -> None:
    answers = built.pipeline(iter(["今天", "好\0"]), pooling="mean")
    assert isinstance(answers, types.GeneratorType)
    assert next(answers).shape == (32,)
    with pytest.raises(TextError, match="text 1 holds NUL"):
        next(answers)
    assert built.pipeline([]) == []
    with pytest.raises(UnknownNameError, match="unknown pooling 'max'; choose one of: None, mean, first"):
        built.pipeline("今天", pooling="max")
    with pytest.raises(TextTooLongError, match="takes 40 at most"):
        built.pipeline("好" * 39)
    assert built.pipeline("好" * 39, truncation=True).shape == (40, 32)
    with pytest.raises(OptionError, match="batch_size"):
        built.pipeline("今天", batch_size=0)


@pytest.mark.parametrize("pooling", [None, "mean", "first"])
def test_vectors_are_the_pooled_states_as_one_array(built: Real, pooling: str | None) -> None:
    found = built.pipeline.vectors(TEXTS, pooling=pooling)
    assert found.shape == (len(TEXTS), 32)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, built.pipeline(list(TEXTS), pooling=pooling or "mean"))
    np.testing.assert_array_equal(built.pipeline.vectors(iter(TEXTS), pooling=pooling), found)
    unit = built.pipeline.vectors(TEXTS, pooling=pooling, normalize=True)
    np.testing.assert_allclose(unit, found / np.linalg.norm(found, axis=1, keepdims=True), rtol=1e-6)
    np.testing.assert_array_equal(built.pipeline(TEXTS[0], pooling=pooling or "mean", normalize=True), unit[0])


def test_vectors_of_no_texts_have_the_width(built: Real) -> None:
    assert built.pipeline.vectors([]).shape == (0, 32)
    with pytest.raises(TextError, match="found str"):
        built.pipeline.vectors("今天")


def test_states_of_all_tokens_are_not_normalised(built: Real) -> None:
    with pytest.raises(OptionError, match="normalize must be left out for the states of all tokens"):
        built.pipeline("今天", normalize=True)
