"""Writing on with a cache gives what computing everything anew gives, whatever the rows beside."""

from __future__ import annotations

import numpy as np
import pytest

from roformer_edge.errors import BackendError
from roformer_edge.runtime.decoding import CachedRows, WholeRows
from tests.runtime.tiny_tasks import TOKENIZER, Real, real

TEXTS = ("今天天气好", "灯", "把客厅的灯打开")


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Real:
    return real("text-generation", tmp_path_factory.mktemp("writer"))


class Row:
    def __init__(self, ids: list[int]) -> None:
        self.ids, self.type_ids = ids, [0] * len(ids)


def rows() -> list[Row]:
    return [Row(list(TOKENIZER.encode_text(text).ids[:-1])) for text in TEXTS]


def wanted(writer: Real, ids: list[int]) -> np.ndarray:
    """What the torch model says of the token after these, with nothing kept and no row beside."""
    return writer.torch(ids).logits[0, -1].numpy()


@pytest.mark.parametrize("kind", [CachedRows, WholeRows])
def test_each_step_is_what_the_whole_text_gives(writer: Real, kind: type) -> None:
    texts = rows()
    cached = kind(writer.pipeline.model, texts)
    written = [list(row.ids) for row in texts]
    for step in range(4):
        assert cached.logits.shape[0] == len(texts)
        for logits, ids in zip(cached.logits, written, strict=True):
            np.testing.assert_allclose(logits, wanted(writer, ids), atol=1e-4)
        tokens = [7 + step, 9, 11 + 2 * step]
        cached.add(tokens)
        written = [[*ids, token] for ids, token in zip(written, tokens, strict=True)]


@pytest.mark.parametrize("kind", [CachedRows, WholeRows])
def test_rows_that_are_kept_go_on_as_if_they_had_been_alone(writer: Real, kind: type) -> None:
    texts = rows()
    cached = kind(writer.pipeline.model, texts)
    cached.add([7, 8, 9])
    cached.keep([2, 0])
    np.testing.assert_allclose(cached.logits[0], wanted(writer, [*texts[2].ids, 9]), atol=1e-4)
    cached.add([10, 11])
    np.testing.assert_allclose(cached.logits[0], wanted(writer, [*texts[2].ids, 9, 10]), atol=1e-4)
    np.testing.assert_allclose(cached.logits[1], wanted(writer, [*texts[0].ids, 7, 11]), atol=1e-4)


@pytest.mark.parametrize("kind", [CachedRows, WholeRows])
@pytest.mark.parametrize("most", [None, 1, 2])
def test_a_row_that_is_named_twice_goes_on_as_two(
    writer: Real, monkeypatch: pytest.MonkeyPatch, kind: type, most: int | None
) -> None:
    model = writer.pipeline.model
    monkeypatch.setattr(model, "most_rows", most)
    heights, run = [], model.session.run

    def counting(feeds: dict[str, np.ndarray], *more: object) -> dict[str, np.ndarray]:
        heights.append(len(feeds["input_ids"]))
        return run(feeds, *more)

    monkeypatch.setattr(model.session, "run", counting)
    texts = rows()
    growing = kind(model, texts)
    growing.keep([1, 1, 0, 2, 2])
    growing.add([7, 8, 9, 10, 11])
    written = [[*texts[1].ids, 7], [*texts[1].ids, 8], [*texts[0].ids, 9], [*texts[2].ids, 10], [*texts[2].ids, 11]]
    for logits, ids in zip(growing.logits, written, strict=True):
        np.testing.assert_allclose(logits, wanted(writer, ids), atol=1e-4)
    growing.keep([4, 0])
    growing.add([12, 13])
    np.testing.assert_allclose(growing.logits[0], wanted(writer, [*written[4], 12]), atol=1e-4)
    np.testing.assert_allclose(growing.logits[1], wanted(writer, [*written[0], 13]), atol=1e-4)
    assert max(heights) == (most or 5)


def test_only_new_tokens_are_computed(writer: Real, monkeypatch: pytest.MonkeyPatch) -> None:
    session, widths = writer.pipeline.model.session, []
    run = session.run

    def counting(feeds: dict[str, np.ndarray], *more: object) -> dict[str, np.ndarray]:
        widths.append(feeds["input_ids"].shape[1])
        return run(feeds, *more)

    monkeypatch.setattr(session, "run", counting)
    texts = rows()
    cached = CachedRows(writer.pipeline.model, texts)
    cached.add([7, 8, 9])
    cached.add([7, 8, 9])
    assert widths == [max(len(row.ids) for row in texts), 1, 1]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda logits: logits * np.nan, "not finite numbers"),
        (lambda logits: logits[:, :0], r"logits of shape \(3, 0, \d+\) for 3 rows"),
        (lambda logits: logits[:1], r"logits of shape \(1, 1, \d+\) for 3 rows"),
    ],
)
def test_a_broken_engine_is_said(writer: Real, monkeypatch: pytest.MonkeyPatch, spoil, message: str) -> None:
    session = writer.pipeline.model.session
    run = session.run

    def broken(*asked: object) -> dict[str, np.ndarray]:
        found = run(*asked)
        return {**found, "logits": spoil(found["logits"])}

    monkeypatch.setattr(session, "run", broken)
    with pytest.raises(BackendError, match=message):
        CachedRows(writer.pipeline.model, rows())
