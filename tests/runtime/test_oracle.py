"""The answers are those of the pipelines of transformers 4.57.6."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from roformer_edge.tasks import TASKS
from tests.runtime.tiny_tasks import TOKENIZER, Real, real

pytestmark = pytest.mark.oracle

ASKED: dict[str, list] = {
    "feature-extraction": ["今天天气好", "abc 12", "把灯打开。"],
    "fill-mask": ["今天天气[MASK]", "我[MASK]灯，他[MASK]。", "[MASK] abc"],
    "text-classification": ["今天天气好", "abc 12", "把灯打开。"],
    "token-classification": ["今天天气好，我把客厅的灯打开。", "我 你 他 abc good", "把灯打开。"],
    # one window each, and the best alone: over several the original adds up the scores of equal texts
    "question-answering": [
        {"question": "几点", "context": "今天天气好，我把客厅的灯打开。"},
        {"question": "我？", "context": "今天 天气 好 ， 我 把 灯 打开 。"},
        {"question": "几点 我", "context": "现在几点？你的客厅不好，他打开。"},
    ],
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Real], Path]:
    folder = tmp_path_factory.mktemp("oracle")
    labels = {0: "O", 1: "B-PER", 2: "I-PER", 3: "B-LOC", 4: "I-LOC"}
    made = {}
    for task in ASKED:
        made[task] = real(task, folder / task, id2label=labels, initializer_range=0.3)
        TOKENIZER.save_pretrained(folder / task)
    return made, folder


@pytest.fixture(scope="module")
def expected(models: tuple[dict[str, Real], Path], oracle_python: Path) -> dict[str, list]:
    script = Path(__file__).with_name("oracle_pipelines.py")
    done = subprocess.run(
        [oracle_python, script, models[1]], input=json.dumps(ASKED), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def test_features(models, expected) -> None:
    for found, wanted in zip(models[0]["feature-extraction"].pipeline(ASKED["feature-extraction"]),
                             expected["feature-extraction"], strict=True):  # fmt: skip
        np.testing.assert_allclose(found, wanted[0], atol=1e-4)


def test_classes(models, expected) -> None:
    for found, wanted in zip(models[0]["text-classification"].pipeline(ASKED["text-classification"]),
                             expected["text-classification"], strict=True):  # fmt: skip
        assert (found.label, found.score) == (wanted[0]["label"], pytest.approx(wanted[0]["score"], abs=1e-5))


def test_masks(models, expected) -> None:
    def rows(answers: list, *names: str) -> list[list[tuple[Any, ...]]]:
        lists = answers if isinstance(answers[0], list) else [answers]
        read = (lambda item, name: item[name]) if isinstance(lists[0][0], dict) else getattr
        return [[tuple(read(item, name) for name in names) for item in answer] for answer in lists]

    for found, wanted in zip(models[0]["fill-mask"].pipeline(ASKED["fill-mask"], top_k=4), expected["fill-mask"],
                             strict=True):  # fmt: skip
        assert rows(found, "token_id", "token") == [
            [(index, TOKENIZER.convert_ids_to_tokens(index)) for (index,) in row] for row in rows(wanted, "token")
        ]
        np.testing.assert_allclose(rows(found, "score"), rows(wanted, "score"), atol=1e-5)


def test_entities(models, expected) -> None:
    questions = ASKED["token-classification"]
    several = models[0]["token-classification"].pipeline(questions)
    assert any(len(found) > 1 for found in several)
    for text, found, wanted in zip(questions, several, expected["token-classification"], strict=True):
        assert [entity.label for entity in found] == [entity["entity_group"] for entity in wanted]
        assert [entity.score for entity in found] == pytest.approx([entity["score"] for entity in wanted], abs=1e-5)
        for entity, other in zip(found, wanted, strict=True):  # the original has no places with this tokenizer
            tokens = [token.removeprefix("##") for token in other["word"].split()]
            assert "".join(tokens).replace("[UNK]", "") in text[entity.start : entity.end].replace(" ", "")


def test_answers(models, expected) -> None:
    ask = models[0]["question-answering"].pipeline
    for found, wanted in zip(ask(ASKED["question-answering"], max_answer_length=9),
                             expected["question-answering"], strict=True):  # fmt: skip
        assert (found.start, found.end, found.text) == (wanted["start"], wanted["end"], wanted["answer"])
        assert found.score == pytest.approx(wanted["score"], rel=1e-3)


def test_the_tasks_that_are_left_have_no_pipeline_there_or_another_prompt() -> None:
    assert TASKS.keys() - ASKED.keys() == {"multiple-choice", "text-generation"}
