"""200 tokens, with a cache and without one, in both formats and in torch: the same ones in float32."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import roformer_edge
from roformer_edge.config import RoFormerConfig
from roformer_edge.deploy.journey import deploy_checkpoint
from roformer_edge.deploy.options import DeployOptions
from roformer_edge.formats import FORMATS
from roformer_edge.models.torch.heads import RoFormerForCausalLM
from roformer_edge.runtime.decoding import WholeRows
from tests.runtime.tiny_tasks import TOKENIZER

COUNT = 200
PROMPTS = ["今天天气好", "把客厅的灯打开，现在几点", "我"]


class Prompt:
    def __init__(self, ids: list[int]) -> None:
        self.ids, self.type_ids = ids, [0] * len(ids)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(21)
    config = RoFormerConfig(
        vocab_size=len(TOKENIZER),
        hidden_size=96,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=128,
        max_position_embeddings=256,
        is_decoder=True,
    )
    model = RoFormerForCausalLM(config)
    for name, parameter in model.named_parameters():
        torch.nn.init.normal_(parameter, mean=float("LayerNorm.weight" in name), std=0.35)
    folder = tmp_path_factory.mktemp("writer") / "checkpoint"
    model.save_pretrained(folder)
    TOKENIZER.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def expected(checkpoint: Path) -> list[list[int]]:
    """What the torch model writes when it computes all tokens anew each time."""
    model = RoFormerForCausalLM.from_pretrained(checkpoint)
    written = []
    for prompt in PROMPTS:
        ids = torch.tensor([TOKENIZER.encode_text(prompt).ids[:-1]])
        anew, cached = (
            model.generate(ids, max_new_tokens=COUNT, eos_token_id=(), use_cache=use_cache)[0, ids.shape[1] :].tolist()
            for use_cache in (False, True)
        )
        assert anew == cached
        written.append(anew)
    assert max(len(set(ids)) for ids in written) > 5
    return written


@pytest.mark.parametrize("name", FORMATS)
def test_a_bundle_with_a_cache(checkpoint: Path, expected: list[list[int]], tmp_path: Path, name: str) -> None:
    options = DeployOptions(task="text-generation", recipe="fp32", format=name)
    with roformer_edge.load(deploy_checkpoint(checkpoint, tmp_path / "bundle", options).bundle) as write:
        assert write.model.cached
        answers = write(PROMPTS, max_new_tokens=COUNT, stop_token_ids=())
        assert [list(answer.ids) for answer in answers] == expected
        # the same graph, with nothing kept
        whole = WholeRows(write.model, [Prompt(list(TOKENIZER.encode_text(prompt).ids[:-1])) for prompt in PROMPTS])
        written: list[list[int]] = [[] for _ in PROMPTS]
        for _ in range(COUNT):
            tokens = [int(row[: len(TOKENIZER)].argmax()) for row in whole.logits]
            for ids, token in zip(written, tokens, strict=True):
                ids.append(token)
            whole.add(tokens)
        assert written == expected


def test_a_graph_that_keeps_nothing(checkpoint: Path, expected: list[list[int]], tmp_path: Path) -> None:
    options = DeployOptions(task="text-generation", recipe="fp32", format="tflite", lengths=(32, 128, 256))
    with roformer_edge.load(deploy_checkpoint(checkpoint, tmp_path / "bundle", options).bundle) as write:
        assert not write.model.cached
        assert list(write(PROMPTS[0], max_new_tokens=COUNT, stop_token_ids=()).ids) == expected[0]
