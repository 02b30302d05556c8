"""Pipelines of every task: on a function in place of a graph, and on the real graph of a tiny torch model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from roformer_edge.checkpoint.loading import load_checkpoint
from roformer_edge.config import RoFormerConfig
from roformer_edge.deploy.journey import deploy_checkpoint
from roformer_edge.deploy.options import DeployOptions
from roformer_edge.formats import resolve
from roformer_edge.models.torch import heads
from roformer_edge.runtime.backends.onnxruntime import OnnxRuntimeSession
from roformer_edge.runtime.fake import FakeSession
from roformer_edge.runtime.inference import Limits
from roformer_edge.runtime.loading import PIPELINES
from roformer_edge.runtime.pipelines.base import Pipeline
from roformer_edge.runtime.session import SessionOptions
from roformer_edge.tasks import get_task
from roformer_edge.tokenizer import RoFormerTokenizer, Vocabulary
from tests.onnx_export import float_graph
from tests.tiny_runtime import fixed_signatures, vocabulary

TOKENIZER = RoFormerTokenizer(Vocabulary(vocabulary()))
TEXTS = ("今天天气好", "把客厅的灯打开", "好", "", "现在几点？现在几点？", "abc 12", "今天，我关灯。")

Feeds = dict[str, np.ndarray]


def config(**changes: object) -> RoFormerConfig:
    """A small architecture."""
    values: dict = {
        "vocab_size": len(TOKENIZER),
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 48,
        "max_position_embeddings": 40,
    }
    return RoFormerConfig(**{**values, **changes})


def pipeline_of(task: str) -> Any:
    """The class that answers a task."""
    return resolve(PIPELINES[task])


def fake(
    task: str,
    answer: Callable[[Feeds], Feeds],
    *,
    limits: Limits | None = None,
    lengths: tuple[int, ...] = (),
    **changes: object,
) -> tuple[Any, FakeSession]:
    """A pipeline whose graph is a function, and the session that remembers what it was given."""
    signature = get_task(task).signature
    session = FakeSession(answer, fixed_signatures(signature, *lengths) if lengths else {"default": signature})
    return pipeline_of(task)(session, TOKENIZER, config(**changes), limits=limits), session


@dataclass(frozen=True)
class Real:
    """A pipeline on a real graph, and the torch model that the graph was made of."""

    pipeline: Any
    model: Any

    def torch(self, ids: list[int], types: list[int] | None = None) -> Any:
        """The model's answer to one row, without any padding."""
        rows = torch.tensor([ids]), torch.ones(1, len(ids)).long(), torch.tensor([types or [0] * len(ids)])
        if self.pipeline.task == "multiple-choice":
            rows = tuple(row[None] for row in rows)
        with torch.inference_mode():
            return self.model(rows[0], attention_mask=rows[1], token_type_ids=rows[2])


def real(task: str, folder: Path, *, limits: Limits | None = None, **changes: object) -> Real:
    """Save a random model and open it as the runtime does."""
    row = get_task(task)
    torch.manual_seed(11)
    settings = config(is_decoder=row.causal, **changes)
    model = getattr(heads, row.model_class)(settings).eval()
    for name, parameter in model.named_parameters():  # so that answers differ from token to token
        torch.nn.init.normal_(parameter, mean=float("LayerNorm.weight" in name), std=0.3)
    model.save_pretrained(folder)
    checkpoint = load_checkpoint(folder, row)
    session = OnnxRuntimeSession(float_graph(checkpoint, row).to_bytes(), SessionOptions(threads=1))
    pipeline: Pipeline = pipeline_of(task)(session, TOKENIZER, checkpoint.config, limits=limits)
    return Real(pipeline, model)


def write_task(task: str, folder: Path, **changes: object) -> None:
    """Save a random model of a task, with config and vocabulary."""
    row = get_task(task)
    torch.manual_seed(5)
    model = getattr(heads, row.model_class)(config(is_decoder=row.causal, hidden_size=64, **changes))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    model.save_pretrained(folder)
    TOKENIZER.save_pretrained(folder)


def bundle_of(
    task: str, folder: Path, recipe: str, deployed: Mapping[str, Any] | None = None, **changes: object
) -> Path:
    """A bundle of a random model, made as a user makes one, with other options of deploying if any."""
    write_task(task, folder / "checkpoint", **changes)
    options = DeployOptions(task=task, recipe=recipe, **deployed or {})
    return deploy_checkpoint(folder / "checkpoint", folder / "bundle", options).bundle
