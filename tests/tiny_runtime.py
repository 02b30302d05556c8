"""A real graph of a few kilobytes and a tokenizer of a few lines, for tests of the runtime."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from roformer_edge.bundle.writer import BundleWriter
from roformer_edge.config import RoFormerConfig
from roformer_edge.runtime.feeds import fit_feeds
from roformer_edge.runtime.loading import load
from roformer_edge.runtime.self_test import record_self_test
from roformer_edge.runtime.session import BackendReport, Session
from roformer_edge.signatures import Signature, TensorSpec
from roformer_edge.tokenizer import WORDS_PATH, RoFormerTokenizer, Vocabulary
from roformer_edge.tokenizer.unicode_tables import UNICODE_PATH
from tests.tiny_bundle import manifest

VOCABULARY = 500
WIDTH = 8
LABELS = ("ask", "order", "chat", "other")


def graph(
    *,
    labels: int = len(LABELS),
    dtype: int = TensorProto.INT64,
    inputs: tuple[str, ...] = ("input_ids", "attention_mask", "token_type_ids"),
    vocabulary: int = VOCABULARY,
    weight: float = 1.0,
    rows: int | None = None,
    length: int | None = None,
) -> bytes:
    """Mean of the embeddings of attended tokens, weighted by place and type, times a matrix.

    Padding that leaks, types that are lost or rows that change places all change its answers.
    """
    random = np.random.default_rng(7)
    tensors = {
        "embeddings": random.normal(size=(vocabulary, WIDTH)).astype(np.float32),
        "types": random.normal(size=(2, WIDTH)).astype(np.float32),
        "matrix": (weight * random.normal(size=(WIDTH, labels))).astype(np.float32),
        "last": np.array([2], np.int64),
        "tokens": np.array([1], np.int64),
    }
    nodes = [helper.make_node("Gather", ["embeddings", "input_ids"], ["words"])]
    values = "words"
    if "token_type_ids" in inputs:
        nodes += [
            helper.make_node("Gather", ["types", "token_type_ids"], ["kinds"]),
            helper.make_node("Add", ["words", "kinds"], ["both"]),
        ]
        values = "both"
    nodes += [
        helper.make_node("Cast", ["attention_mask"], ["attended"], to=TensorProto.FLOAT),
        helper.make_node("CumSum", ["attended", "tokens_axis"], ["places"]),
        helper.make_node("Mul", ["attended", "places"], ["weights"]),
        helper.make_node("Unsqueeze", ["weights", "last"], ["column"]),
        helper.make_node("Mul", [values, "column"], ["masked"]),
        helper.make_node("ReduceSum", ["masked", "tokens"], ["sum"], keepdims=0),
        helper.make_node("ReduceSum", ["weights", "tokens"], ["total"], keepdims=1),
        helper.make_node("Div", ["sum", "total"], ["mean"]),
        helper.make_node("MatMul", ["mean", "matrix"], ["logits"]),
    ]
    tensors["tokens_axis"] = np.array(1, np.int64)
    model = helper.make_model(
        helper.make_graph(
            nodes,
            "tiny",
            [helper.make_tensor_value_info(name, dtype, [rows or "batch", length or "sequence"]) for name in inputs],
            [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [rows or "batch", "labels"])],
            [numpy_helper.from_array(array, name) for name, array in tensors.items()],
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=9,
    )
    onnx.checker.check_model(model)
    return model.SerializeToString()


@dataclass(frozen=True)
class Row:
    """Ids of one text."""

    ids: list[int]
    type_ids: list[int]


@dataclass(frozen=True)
class Rows:
    """What calling the tokenizer gives."""

    encodings: list[Row]


@dataclass
class CharacterTokenizer:
    """One id a character, 1 in front and 2 behind every text."""

    calls: list[str] = field(default_factory=list)

    model_max_length = 1 << 20

    def __len__(self) -> int:
        return VOCABULARY

    def encode_text(self, text: str, pair: str | None = None) -> Row:
        self.calls.append(text)
        ids = [1, *(3 + ord(character) % (VOCABULARY - 3) for character in text), 2]
        second = [] if pair is None else [*(3 + ord(character) % (VOCABULARY - 3) for character in pair), 2]
        return Row(ids=ids + second, type_ids=[0] * len(ids) + [1] * len(second))

    def __call__(self, text: str, text_pair: str | None = None, *, truncation: bool, max_length: int) -> Rows:
        assert truncation
        while len(self.encode_text(text, text_pair).ids) > max_length:
            if text_pair is not None and len(text_pair) >= len(text):
                text_pair = text_pair[:-1]
            else:
                text = text[:-1]
        return Rows([self.encode_text(text, text_pair)])


def config(**changes: object) -> RoFormerConfig:
    """A config with the labels of the graph."""
    values: dict = {
        "vocab_size": VOCABULARY,
        "hidden_size": 8,
        "num_attention_heads": 2,
        "num_hidden_layers": 1,
        "intermediate_size": 8,
        "max_position_embeddings": 64,
        "id2label": dict(enumerate(LABELS)),
    }
    return RoFormerConfig(**{**values, **changes})


def fixed_signatures(signature: Signature, *lengths: int, rows: int | None = None) -> dict[str, Signature]:
    """The same signature at several lengths, as a TFLite graph has them; the first one is the default.

    Args:
        signature: Of any length.
        lengths: In tokens.
        rows: How many rows a call takes; ``None`` for any number.
    """

    def fix(spec: TensorSpec, length: int) -> TensorSpec:
        sizes = {"sequence": str(length), "choices": "1", "batch": "batch" if rows is None else str(rows)}
        return TensorSpec(name=spec.name, dtype=spec.dtype, axes=tuple(sizes.get(axis, axis) for axis in spec.axes))

    names = ("default", *(f"length {length}" for length in lengths[1:]))
    return {
        name: Signature(
            inputs=tuple(fix(spec, length) for spec in signature.inputs),
            outputs=tuple(fix(spec, length) for spec in signature.outputs),
        )
        for name, length in zip(names, lengths, strict=True)
    }


class FixedSession:
    """A real session that is only called with arrays of the signatures given."""

    report = BackendReport(engine="fake", version="0", used="FakeExecutionProvider")

    def __init__(self, session: Session, signatures: dict[str, Signature]) -> None:
        self._session = session
        self.signatures = signatures
        self.called: list[str] = []

    def run(self, feeds: dict[str, np.ndarray], signature: str = "default") -> dict[str, np.ndarray]:
        self.called.append(signature)
        return self._session.run(fit_feeds(feeds, self.signatures, signature))

    def close(self) -> None:
        self._session.close()


SELF_TEST_TEXTS = ("今天天气", "把灯打开", "abc")


def vocabulary() -> bytes:
    """Special tokens, letters, digits and some words and ideographs; fewer lines than the graph has embeddings."""
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words += [*"abcdefghijklmnopqrstuvwxyz0123456789，。？！"]
    words += ["##" + letter for letter in "abcdefghijklmnopqrstuvwxyz"]
    words += ["今天", "天气", "打开", "客厅", "现在", "几点", *"今天气把灯打开客厅现在几点好不关的我你他"]
    return ("\n".join(words) + "\n").encode()


def write_runnable(out: Path, *, overwrite: bool = False, model: bytes | None = None, **changes: object) -> Path:
    """Write a bundle with the real tokenizer and self-test vectors.

    Args:
        out: Where.
        overwrite: As for the writer.
        model: Another graph.
        changes: To the manifest.
    """
    tokenizer = RoFormerTokenizer(Vocabulary(vocabulary()))
    settings = {**tokenizer.to_settings(), "model_max_length": 64}
    defaults = {"labels": LABELS, "max_length": 64, "tokenizer": settings}
    described = manifest(**{**defaults, **changes})
    with BundleWriter(out, overwrite=overwrite) as writer:
        writer.add_bytes("model.onnx", "model", model or graph())
        writer.add_bytes("vocab.txt", "vocabulary", vocabulary())
        writer.add_file("words.bin", "words", WORDS_PATH)
        writer.add_file("unicode.bin", "unicode", UNICODE_PATH)
        writer.add_bytes("config.json", "config", config().to_json().encode())
        if model is None and not changes:
            with load(writer.draft(described)) as classify:
                vectors = record_self_test(classify.model, SELF_TEST_TEXTS, quantized=False)
            writer.add_bytes("selftest.json", "selftest", vectors.to_json().encode())
        return writer.finish(described)
