"""A tokenizer whose ``model_input_names`` leave out token types numbers the tokens of a pair 0, in every task."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import roformer_edge
from roformer_edge.deploy.journey import deploy_checkpoint
from roformer_edge.deploy.options import DeployOptions
from roformer_edge.models.torch import heads
from roformer_edge.tasks import get_task
from tests.tiny_checkpoint import TOKENS, tiny_config, write_vocabulary

CONTEXT = "请把客厅的灯打开，今天天气很好。"
# a task whose rows are pairs -> an input; the context of the question is longer than the model
INPUTS: dict[str, object] = {
    "text-classification": ("今天天气", CONTEXT),
    "multiple-choice": ("今天天气", "很好", ["打开", "关闭空调", CONTEXT]),
    "question-answering": ("客厅", CONTEXT * 9),
}


@pytest.fixture(params=INPUTS)
def task(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=[2, 1], ids=["two types", "one type"])
def checkpoint(task: str, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    torch.manual_seed(4)
    config = tiny_config(num_hidden_layers=2, max_position_embeddings=64, type_vocab_size=request.param)
    model = getattr(heads, get_task(task).model_class)(config)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(tmp_path / "checkpoint")
    return write_vocabulary(tmp_path / "checkpoint", model_input_names=["input_ids", "attention_mask"])


def test_answers_are_those_of_the_model_without_token_types(task: str, checkpoint: Path, tmp_path: Path) -> None:
    bundle = deploy_checkpoint(checkpoint, tmp_path / "bundle", DeployOptions(recipe="fp32")).bundle
    model = getattr(heads, get_task(task).model_class).from_pretrained(checkpoint).eval()
    calls = []
    with roformer_edge.load(bundle) as answer:
        run = answer.model.session.run
        answer.model.session.run = lambda *given: calls.append((given[0], run(*given))) or calls[-1][1]
        answer(INPUTS[task])
    assert calls
    for feeds, outputs in calls:
        assert not feeds["token_type_ids"].any()
        assert (feeds["input_ids"] == TOKENS.index("[SEP]")).sum(axis=-1).min() == 2
        ids, mask = (torch.tensor(feeds[name]) for name in ("input_ids", "attention_mask"))
        with torch.no_grad():
            expected = model(ids, attention_mask=mask)
        for name, values in outputs.items():
            kept = mask.numpy().astype(bool) if values.shape[:2] == mask.shape else ...
            np.testing.assert_allclose(values[kept], expected[name].numpy()[kept], atol=1e-5)
