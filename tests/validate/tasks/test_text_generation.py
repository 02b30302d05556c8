"""Next tokens of a text, against the torch model's own loss."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from roformer_edge.validate.metrics import Metric
from roformer_edge.validate.tasks.text_generation import NextTokenMeasure
from tests.runtime.tiny_tasks import TOKENIZER, Real, real
from tests.validate.tables import text_example
from tests.validate.tasks.oracle import figures_of

TEXTS = ("今天天气好", "把客厅的灯打开，现在几点？", "好")


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Real:
    return real("text-generation", tmp_path_factory.mktemp("model"))


def ask(model, *texts, batch_size=2, truncation=False):
    inputs = [{"text": text} for text in texts]
    return NextTokenMeasure().ask(model.pipeline, inputs, batch_size=batch_size, truncation=truncation)


@pytest.mark.parametrize("batch_size", [1, 3])
def test_perplexity_is_that_of_the_torch_loss(model, batch_size):
    answers = ask(model, *TEXTS, batch_size=batch_size)
    losses, right, total = [], 0, 0
    for text, answer in zip(TEXTS, answers, strict=True):
        ids = TOKENIZER.encode_text(text).ids
        logits, targets = model.torch(ids).logits[0][:-1], torch.tensor(ids[1:])
        losses.append(torch.nn.functional.cross_entropy(logits, targets, reduction="sum").item())
        right += int((logits.argmax(-1) == targets).sum())
        total += len(targets)
        assert answer.expected == tuple(TOKENIZER.convert_ids_to_tokens(ids[1:]))
        assert -sum(answer.log_probabilities) == pytest.approx(losses[-1], abs=1e-3)
    measure = NextTokenMeasure()
    assert all(isinstance(metric, Metric) for metric in measure.metrics)
    figures = figures_of(measure.statistics([], answers, answers), measure.metrics)
    assert figures["perplexity"] == pytest.approx(math.exp(sum(losses) / total), rel=1e-4)
    assert figures["next-token accuracy"] == right / total


def test_unknown_tokens_are_read_and_not_guessed(model):
    (found,) = ask(model, "今天鑫好")
    assert "[UNK]" in TOKENIZER.encode_text("今天鑫好").tokens
    assert found.expected == ("今天", "好", "[SEP]")


def test_what_comes_later_changes_nothing(model):
    (short,), (long,) = ask(model, "今天天气"), ask(model, "今天天气很不好")
    assert short.log_probabilities[:2] == pytest.approx(long.log_probabilities[:2], abs=1e-4)


def test_long_texts_are_cut_when_asked(model):
    (found,) = ask(model, "今" * 100, truncation=True)
    assert len(found.expected) == model.pipeline.max_length - 1


def test_tokens_that_both_sides_expect_alike_are_not_marked(model):
    measure, example = NextTokenMeasure(), text_example("今天天气好", None)
    (found,) = ask(model, "今天天气好")
    other = found._replace(best=(found.best[0], "灯", *found.best[2:]))
    shown = measure.show(0, [example], [found], [other])
    (mark,) = shown.candidate.marks
    assert (shown.candidate.text[mark.start : mark.end], mark.name, mark.right) == (found.expected[1], "灯", False)
    assert shown.reference.marks[0].name == ("" if found.best[1] == found.expected[1] else found.best[1])
    assert shown.gold.marks[0].name == ""
    lower = np.array(found.log_probabilities)
    lower[2] -= 3
    moved = found._replace(log_probabilities=tuple(lower))
    (mark,) = measure.show(0, [example], [found], [moved]).candidate.marks
    assert (mark.start, mark.end) == found.places[2]
