"""Checkpoints that a stranger made: one clear line, limits before work, and no code."""

from __future__ import annotations

import json
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from roformer_edge.checkpoint.loading import load_checkpoint
from roformer_edge.checkpoint.paddle_pickle import open_paddle
from roformer_edge.config import RoFormerConfig
from roformer_edge.errors import BundleFormatError, CheckpointError, ConfigError
from roformer_edge.records import parse_object
from roformer_edge.tasks import get_task
from tests.fuzz.targets import weight_files
from tests.fuzz.weights import CONFIG, arrays
from tests.tiny_bundle import manifest

LONG = "9" * 400


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    CONFIG.save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(weight_files()["model.safetensors"])
    return tmp_path


def refused(folder: Path, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match) as caught:
        load_checkpoint(folder, get_task("text-classification")).close()
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("name", ["hidden_size", "layer_norm_eps", "num_labels", "pad_token_id", "unknown"])
@pytest.mark.parametrize("digits", [LONG, "-" + LONG, "9" * 5000, "1e400", "9" * 20])
def test_numbers_of_hundreds_of_digits(folder, name, digits):
    text = json.dumps(json.loads((folder / "config.json").read_text("utf-8")) | {name: "HERE"})
    (folder / "config.json").write_text(text.replace('"HERE"', digits), encoding="utf-8")
    refused(folder, ConfigError, r"config\.json")


@pytest.mark.parametrize(
    "changes",
    [
        {"num_labels": 10**7},
        {"num_hidden_layers": 10**12},
        {"max_position_embeddings": 10**12},
        {"vocab_size": 10**15},
        {"hidden_size": 10**12},
        {"layer_norm_eps": 10**400},
        {"initializer_range": 10**400},
        {"label2id": {"a": [1]}},
        {"label2id": {"a": None}},
        {"id2label": {"0": ["x"]}},
        {"id2label": {"0": None}},
        {"id2label": {str(index): "x" for index in range(100_001)}},
        {"pruned_heads": {"9" * 400: [1]}},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_config_is_refused_before_anything_is_made_of_it(changes):
    with pytest.raises(ConfigError) as caught:
        RoFormerConfig(**changes)
    assert len(str(caught.value)) < 1000


def test_a_late_duplicate_key_is_found_at_once():
    text = json.dumps({f"key {index}": 0 for index in range(30_000)})[:-1] + ', "key 0": 1}'
    with pytest.raises(ConfigError, match="the key 'key 0' comes twice"):
        parse_object(text, "x", ConfigError)
    with pytest.raises(ConfigError, match="comes twice"):
        RoFormerConfig.from_json(text)


@pytest.mark.parametrize("version", ["1" * 5000, "1" + ".1" * 3000, "1." * 9 + "1"])
def test_versions_of_thousands_of_digits(version):
    values = manifest().to_dict() | {"minimum_runtime": {"onnxruntime": version}}
    with pytest.raises(BundleFormatError, match="must be at most 8 numbers of at most 9 digits") as caught:
        type(manifest()).from_dict(values)
    assert len(str(caught.value)) < 300


def header(shapes: dict[str, list[int]]) -> bytes:
    entries = {name: {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]} for name, shape in shapes.items()}
    text = json.dumps(entries).encode()
    return struct.pack("<Q", len(text)) + text


@pytest.mark.parametrize("shape", [[0, 10**18], [0] * 200_000, [10**6] * 50, [0, -1], [1 << 63, 0]], ids=len)
def test_huge_shapes_in_a_header(folder, shape):
    name = next(iter(arrays()))
    (folder / "model.safetensors").write_bytes(header({one: [0] for one in arrays()} | {name: shape}))
    refused(folder, CheckpointError, r"model\.safetensors|of another shape")


@pytest.mark.parametrize(
    "content", ['{"weight_map": {}}', '{"weight_map": []}', '{"weight_map": {"a": null}}', "{}", "[]"]
)
@pytest.mark.parametrize("beside", ["model.safetensors", "pytorch_model.bin", "nothing"])
def test_an_index_that_names_no_file(folder, content, beside):
    (folder / "model.safetensors").rename(folder / beside)
    (folder / "model.safetensors.index.json").write_text(content, encoding="utf-8")
    if beside == "model.safetensors":  # which is read, as without an index
        load_checkpoint(folder, get_task("text-classification")).close()
    else:
        refused(folder, CheckpointError, r"model\.safetensors\.index\.json")


def test_many_tensors_in_a_header(folder):
    (folder / "model.safetensors").write_bytes(header({f"roformer.x{index}": [0] for index in range(20_000)}))
    refused(folder, CheckpointError, "unexpected|missing")


def test_tensors_without_numbers(folder):
    (folder / "model.safetensors").unlink()
    state = {name: torch.from_numpy(array) for name, array in arrays().items()}
    name = next(iter(state))
    for odd in (torch.empty_like(state[name], device="meta"), state[name].to_sparse()):
        torch.save(state | {name: odd}, folder / "pytorch_model.bin")
        with pytest.raises(CheckpointError, match=r"pytorch_model\.bin") as caught:
            load_checkpoint(folder, get_task("text-classification")).arrays[name]
        assert "\n" not in str(caught.value)


def test_a_place_in_the_memo_of_a_pickle_takes_no_memory(tmp_path):
    # LONG_BINPUT: the reader would make room for two thousand million objects
    content = b"\x80\x02}r" + struct.pack("<I", 0x7FFFFFF0) + b"."
    (tmp_path / "model_state.pdparams").write_bytes(content)
    with pytest.raises(CheckpointError, match="truncated or not what its name says"):
        open_paddle(tmp_path / "model_state.pdparams")


class Evil:
    """Runs code where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model_state.pdparams"])
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_no_code_is_run(folder, name, protocol):
    (folder / "model.safetensors").unlink()
    content = {"a": np.zeros(3), "b": Evil(folder / "ran")}
    (folder / name).write_bytes(pickle.dumps(content, protocol))
    refused(folder, CheckpointError, "was not opened")
    assert not (folder / "ran").exists()
