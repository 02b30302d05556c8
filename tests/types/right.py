"""A user's program, without a mistake; checked, never run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from typing_extensions import assert_type

import roformer_edge
from roformer_edge import (
    Answer,
    BackendReport,
    Choice,
    Classification,
    Deployment,
    DeployOptions,
    Entity,
    Filled,
    Generated,
    Hit,
    Manifest,
    Pipeline,
    deploy_checkpoint,
    search,
    similarity,
)

Array = NDArray[np.float32]


def classify(texts: Iterator[str | tuple[str, str]]) -> None:
    with roformer_edge.load("dist/intent", task="text-classification", threads=1, optimization="all") as pipeline:
        assert_type(pipeline("好"), Classification)
        assert_type(pipeline("好", 3), list[Classification])
        assert_type(pipeline(["好"]), list[Classification])
        assert_type(pipeline(["好"], top_k=2), list[list[Classification]])
        assert_type(pipeline(["好"], threshold=0.5), list[list[Classification]])
        assert_type(pipeline(texts), Iterator[Classification])
        assert_type(pipeline.logits(["好"]), Array)
        assert_type(pipeline.bundle, Path)
        assert_type(pipeline.manifest, Manifest)
        assert_type(pipeline.recipe.name, str)
        assert_type(pipeline.backend_report(), BackendReport)
        print(pipeline("好").to_dict()["label"], pipeline.labels)


def others() -> None:
    find = roformer_edge.load(Path("dist/names"), task="token-classification", delegate=("gpu", "cpu"))
    assert_type(find("我在北京", aggregation="mean"), list[Entity])
    assert_type(find(["我", "在"], is_split_into_words=True), list[Entity])
    assert_type(find(["我", "在"]), list[list[Entity]])
    ask = roformer_edge.load("dist/reader", task="question-answering")
    assert_type(ask(question="谁？", context="妈妈回家了。"), Answer)
    assert_type(ask(("谁？", "妈妈回家了。"), top_k=2), list[Answer])
    choose = roformer_edge.load("dist/choice", task="multiple-choice")
    assert_type(choose(("今天", None, ["好", "不好"])), Choice)
    fill = roformer_edge.load("dist/mask", task="fill-mask")
    assert_type(fill("[MASK]"), list[Filled] | list[list[Filled]])
    write = roformer_edge.load("dist/writer", task="text-generation")
    assert_type(write("今天", max_new_tokens=5), Generated)
    assert_type(write("今天", num_beams=2, num_return_sequences=2), list[Generated])
    embed = roformer_edge.load("dist/encoder", task="feature-extraction")
    assert_type(embed("今天", pooling="mean", normalize=True), Array)
    corpus = embed.vectors(["今天", "好"], normalize=True)
    assert_type(similarity(corpus, corpus), Array)
    assert_type(search(corpus, corpus, top_k=1), list[list[Hit]])


def deploy() -> Deployment:
    options = DeployOptions(recipe="int8-static", format="tflite", calibration=Path("train.jsonl"))
    return deploy_checkpoint("checkpoint", "dist/bundle", options)


def unknown(bundle: str) -> Pipeline:
    try:
        return roformer_edge.load(bundle)
    except roformer_edge.RoFormerEdgeError as error:
        print(error.exit_code)
        raise
