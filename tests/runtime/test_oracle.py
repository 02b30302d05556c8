"""The answers are those of the pipelines of transformers 4.57.6."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import roformer_edge
from roformer_edge.deploy.journey import deploy_checkpoint
from roformer_edge.deploy.options import DeployOptions
from roformer_edge.formats import FORMATS
from roformer_edge.models.torch import heads
from roformer_edge.tasks import TASKS
from tests.runtime.tiny_tasks import TOKENIZER, Real, config, real

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


PROMPTS = ("今天天气", "把灯", "我关灯，他开灯。", "")
BEAMS: list[dict[str, Any]] = [
    {"num_beams": 1},
    {"num_beams": 1, "no_repeat_ngram_size": 2},
    {"num_beams": 2},
    {"num_beams": 4, "num_return_sequences": 4},
    {"num_beams": 3, "length_penalty": -1.0, "num_return_sequences": 2},
    {"num_beams": 3, "length_penalty": 2.0, "early_stopping": "never", "num_return_sequences": 3},
    {"num_beams": 3, "early_stopping": True, "num_return_sequences": 3},
    {"num_beams": 5, "no_repeat_ngram_size": 2, "repetition_penalty": 1.3, "num_return_sequences": 5},
]


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save a causal model that likes to end."""
    folder = tmp_path_factory.mktemp("beams") / "checkpoint"
    torch.manual_seed(7)
    model = heads.RoFormerForCausalLM(config(is_decoder=True))
    for name, parameter in model.named_parameters():
        torch.nn.init.normal_(parameter, mean=float("LayerNorm.weight" in name), std=0.3)
    with torch.no_grad():
        model.get_parameter("cls.predictions.bias")[TOKENIZER.sep_token_id] += 3.5
    model.save_pretrained(folder)
    TOKENIZER.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("stops", [["[SEP]"], ["[SEP]", "，", "好"], []], ids=["one", "several", "none"])
def test_generation(writer: Path, tmp_path: Path, oracle_python: Path, stops: list[str]) -> None:
    """Sequences, their order and their scores are those of ``generate``, in both formats."""
    ends = [int(index) for index in TOKENIZER.convert_tokens_to_ids(stops)]
    asked = [
        ([*TOKENIZER.encode_text(prompt).ids][:-1], {"max_new_tokens": 12, **options, "eos_token_id": ends or None})
        for options in BEAMS
        for prompt in PROMPTS
    ]
    script = Path(__file__).with_name("oracle_generation.py")
    command = [oracle_python, script, writer]
    done = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    expected = iter(json.loads(done.stdout))
    answers = [[next(expected) for _ in PROMPTS] for _ in BEAMS]
    lengths = {len(cut(ids, ends)) for found in answers for one in found for ids in one["ids"]}
    assert len(lengths) > (4 if stops else 0)
    for name in FORMATS:
        made = deploy_checkpoint(writer, tmp_path / name, DeployOptions(recipe="fp32", format=name)).bundle
        with roformer_edge.load(made) as write:
            for options, wanted in zip(BEAMS, answers, strict=True):
                count = options.get("num_return_sequences", 1)
                call = {"max_new_tokens": 12, **options, "num_return_sequences": count, "stop_token_ids": ends}
                for found, one in zip(write(list(PROMPTS), **call), wanted, strict=True):
                    assert [list(answer.ids) for answer in found] == [cut(ids, ends) for ids in one["ids"]]
                    if one["scores"] is not None:
                        assert [answer.score for answer in found] == pytest.approx(one["scores"], abs=1e-4)


def cut(ids: list[int], ends: list[int]) -> list[int]:
    """Leave out what ends a sequence, and what fills it up after that."""
    return ids[: next((place for place, index in enumerate(ids) if index in ends), 12)]
