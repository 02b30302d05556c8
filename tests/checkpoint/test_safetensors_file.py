from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from roformer_edge.checkpoint.safetensors_file import SafetensorsFile, write_safetensors
from roformer_edge.errors import CheckpointError


def container(header: object, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def entry(dtype: str = "F32", shape: tuple[int, ...] = (2,), start: int = 0, stop: int = 8) -> dict:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [start, stop]}


def test_the_format_is_pinned_by_its_bytes(tmp_path: Path):
    path = tmp_path / "model.safetensors"
    write_safetensors(path, {"b": np.array([1.0], np.float32), "a": np.array([[2.0, -2.0]], np.float32)})
    text = (
        b'{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},'
        b'"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}'
    )
    text += b" " * (-len(text) % 8)
    data = bytes.fromhex("00000040000000c00000803f")
    assert path.read_bytes() == len(text).to_bytes(8, "little") + text + data
    assert [item.name for item in tmp_path.iterdir()] == ["model.safetensors"]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_reads_what_the_library_writes(tmp_path: Path, dtype: torch.dtype):
    path = tmp_path / "model.safetensors"
    tensors = {
        "odd": torch.randn(3, 5),
        "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0, 4),
        "last": torch.randn(7),
    }
    stored = {name: tensor.to(dtype) for name, tensor in tensors.items()}
    save_file(stored, path)
    file = SafetensorsFile(path)
    assert set(file.entries) == set(stored)
    for name, tensor in stored.items():
        array = file.read(name)
        assert array.dtype == np.float32
        assert array.flags.aligned
        np.testing.assert_array_equal(array, tensor.float().numpy())


def test_an_unaligned_file_is_read_too(tmp_path: Path):
    path = tmp_path / "model.safetensors"
    header = json.dumps({"a": entry(shape=(3,), stop=12)}).encode() + b" "
    header += b" " * (1 - len(header) % 2)
    path.write_bytes(container(header, np.array([1, 2, 3], "<f4").tobytes()))
    assert SafetensorsFile(path).read("a").tolist() == [1, 2, 3]


def test_the_library_reads_what_is_written(tmp_path: Path):
    path = tmp_path / "model.safetensors"
    arrays = {"a": np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32), "b": np.zeros((), np.float32)}
    write_safetensors(path, arrays)
    loaded = load_file(path)
    assert {name: tensor.numpy().tobytes() for name, tensor in loaded.items()} == {
        name: array.tobytes() for name, array in arrays.items()
    }
    with safe_open(path, framework="numpy") as file:
        assert file.metadata() == {"format": "pt"}


def test_every_read_is_an_array_of_its_own(tmp_path: Path):
    path = tmp_path / "model.safetensors"
    write_safetensors(path, {"a": np.ones((4, 3), np.float32)})
    file = SafetensorsFile(path)
    file.read("a")[:] = 7
    assert (file.read("a") == 1).all()


def test_a_file_that_shrinks_while_it_is_read_is_an_error(tmp_path: Path):
    path = tmp_path / "model.safetensors"
    write_safetensors(path, {"a": np.ones((4, 3), np.float32)})
    file = SafetensorsFile(path)
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(CheckpointError, match="became shorter"):
        file.read("a")


BROKEN = {
    "empty": b"",
    "short": b"\x10\x00",
    "header beyond the end": (1 << 20).to_bytes(8, "little") + b"{}",
    "huge header": (1 << 62).to_bytes(8, "little") + b"{}",
    "not json": container(b"{nope"),
    "not utf-8": container(b'{"\xff": 1}'),
    "not an object": container(b"[1]"),
    "deep": container(b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}"),
    "doubled name": container(b'{"a":%b,"a":%b}' % ((json.dumps(entry()).encode(),) * 2), bytes(8)),
    "no offsets": container({"a": {"dtype": "F32", "shape": [2]}}, bytes(8)),
    "not an entry": container({"a": 3}, bytes(8)),
    "unknown type": container({"a": entry(dtype="Q7")}, bytes(8)),
    "negative": container({"a": entry(shape=(-2,), stop=-8)}, bytes(8)),
    "fractional shape": container({"a": {"dtype": "F32", "shape": [2.0], "data_offsets": [0, 8]}}, bytes(8)),
    "shape beyond bytes": container({"a": entry(shape=(1 << 40,))}, bytes(8)),
    "gap": container({"a": entry(start=4, stop=12)}, bytes(12)),
    "overlap": container({"a": entry(), "b": entry(start=4, stop=12)}, bytes(12)),
    "truncated data": container({"a": entry()}, bytes(7)),
    "trailing data": container({"a": entry()}, bytes(9)),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_refused_as_by_the_library(tmp_path: Path, name: str):
    path = tmp_path / "model.safetensors"
    path.write_bytes(BROKEN[name])
    with pytest.raises(CheckpointError, match=r"model\.safetensors") as caught:
        SafetensorsFile(path)
    assert "\n" not in str(caught.value)
    if name != "doubled name":  # the library lets the last one win
        with pytest.raises((SafetensorError, ValueError)):
            safe_open(path, framework="numpy")


def test_integers_are_no_weights(tmp_path: Path):
    path = tmp_path / "model.safetensors"
    save_file({"a": torch.arange(3)}, path)
    with pytest.raises(CheckpointError, match="stored as I64"):
        SafetensorsFile(path).read("a")


def test_a_missing_file_is_one_line(tmp_path: Path):
    with pytest.raises(CheckpointError, match="No such file"):
        SafetensorsFile(tmp_path / "model.safetensors")
