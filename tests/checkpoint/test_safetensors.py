from __future__ import annotations

import json
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from roformer_edge import _extras
from roformer_edge.checkpoint.safetensors import open_safetensors, write_safetensors
from roformer_edge.errors import CheckpointError, MissingDependencyError


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
def test_every_float_type_is_read_as_float32(tmp_path: Path, dtype: torch.dtype):
    path = tmp_path / "model.safetensors"
    tensors = {
        "odd": torch.randn(3, 5),
        "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0, 4),
        "last": torch.randn(7),
    }
    stored = {name: tensor.to(dtype) for name, tensor in tensors.items()}
    save_file(stored, path)
    file = open_safetensors(path)
    assert set(file.names()) == set(stored)
    for name, tensor in stored.items():
        array = file.read(name)
        assert array.dtype == np.float32
        assert array.flags.aligned
        assert array.shape == file.shape(name) == tuple(tensor.shape)
        np.testing.assert_array_equal(array, tensor.float().numpy())


def test_bfloat16_needs_nothing_else_to_have_loaded_ml_dtypes(tmp_path: Path):
    """torch and onnx load it in this process, and numpy then knows the type."""
    save_file({"a": torch.tensor([1.0, -2.5]).bfloat16()}, tmp_path / "model.safetensors")
    program = (
        "import sys\nfrom pathlib import Path\nfrom roformer_edge.checkpoint.safetensors import open_safetensors\n"
        "print(open_safetensors(Path(sys.argv[1])).read('a').tolist())"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "model.safetensors")]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[1.0, -2.5]\n"


def test_an_unaligned_file_is_read_too(tmp_path: Path):
    path = tmp_path / "model.safetensors"
    header = json.dumps({"a": entry(shape=(3,), stop=12)}).encode() + b" "
    header += b" " * (1 - len(header) % 2)
    path.write_bytes(container(header, np.array([1, 2, 3], "<f4").tobytes()))
    assert open_safetensors(path).read("a").tolist() == [1, 2, 3]


def test_what_is_written_is_read_by_others(tmp_path: Path):
    path = tmp_path / "model.safetensors"
    arrays = {"a": np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32), "b": np.zeros((), np.float32)}
    write_safetensors(path, {"a": np.asfortranarray(arrays["a"]), "b": arrays["b"]})
    loaded = load_file(path)
    assert {name: tensor.numpy().tobytes() for name, tensor in loaded.items()} == {
        name: array.tobytes() for name, array in arrays.items()
    }


def test_reading_gives_arrays_of_their_own(tmp_path: Path):
    path = tmp_path / "model.safetensors"
    write_safetensors(path, {"a": np.ones((4, 3), np.float32)})
    file = open_safetensors(path)
    file.read("a")[:] = 7
    assert (file.read("a") == 1).all()


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="memory is read from /proc")
def test_one_tensor_is_in_memory_at_a_time(tmp_path: Path):
    """Not the pages of those that were read before, as in a mapping of the file."""
    count, size = 24, 2_000_000
    write_safetensors(tmp_path / "model.safetensors", {str(n): np.ones(size, np.float32) for n in range(count)})
    # not getrusage, whose peak a process inherits from the one that started it
    program = (
        "import re, sys\nfrom pathlib import Path\nfrom roformer_edge.checkpoint.safetensors import open_safetensors\n"
        "peak = lambda: int(re.search(r'VmHWM:\\s+(\\d+) kB', Path('/proc/self/status').read_text())[1])\n"
        "file = open_safetensors(Path(sys.argv[1]))\nfile.read('0')\nbefore = peak()\n"
        "assert all(file.read(name).sum() for name in file.names())\nprint(peak() - before)"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "model.safetensors")]
    grown = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert grown * 1024 < 2 * 4 * size


def test_a_file_that_shrinks_while_it_is_open_is_an_error(tmp_path: Path):
    path = tmp_path / "model.safetensors"
    write_safetensors(path, {"a": np.ones((4, 3), np.float32)})
    file = open_safetensors(path)
    with path.open("r+b") as writable:
        writable.truncate(path.stat().st_size - 4)
    with pytest.raises(CheckpointError, match=r"model\.safetensors became unreadable while it was open"):
        file.read("a")


def test_a_closed_file_says_so(tmp_path: Path):
    path = tmp_path / "model.safetensors"
    write_safetensors(path, {"a": np.ones((4, 3), np.float32)})
    file = open_safetensors(path)
    file.close()
    file.close()
    with pytest.raises(CheckpointError, match=r"model\.safetensors was closed; load the checkpoint again"):
        file.read("a")


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files are counted through /proc")
@pytest.mark.parametrize("forget", [lambda file: file.close(), lambda file: None], ids=["closed", "forgotten"])
def test_no_handle_stays_behind(tmp_path: Path, forget):
    path = tmp_path / "model.safetensors"
    write_safetensors(path, {"a": np.ones((4, 3), np.float32)})

    def handles() -> list[Path]:
        found = []
        for descriptor in Path("/proc/self/fd").iterdir():
            with suppress(FileNotFoundError):  # the listing's own
                found.append(descriptor.readlink())
        return [target for target in found if target == path]

    file = open_safetensors(path)
    assert len(handles()) == 1
    forget(file)
    del file
    assert not handles()


BROKEN = {
    "empty": b"",
    "short": b"\x10\x00",
    "header beyond the end": (1 << 20).to_bytes(8, "little") + b"{}",
    "huge header": (1 << 62).to_bytes(8, "little") + b"{}",
    "not json": container(b"{nope"),
    "not utf-8": container(b'{"\xff": 1}'),
    "not an object": container(b"[1]"),
    "deep": container(b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}"),
    "no offsets": container({"a": {"dtype": "F32", "shape": [2]}}, bytes(8)),
    "not an entry": container({"a": 3}, bytes(8)),
    "unknown type": container({"a": entry(dtype="Q7")}, bytes(8)),
    "long unknown type": container({"a": entry(dtype="Q" * 100_000)}, bytes(8)),
    "type that breaks the line": container({"a": entry(dtype="\x1b[31mF32\n\n")}, bytes(8)),
    "negative": container({"a": entry(shape=(-2,), stop=-8)}, bytes(8)),
    "fractional shape": container({"a": {"dtype": "F32", "shape": [2.0], "data_offsets": [0, 8]}}, bytes(8)),
    "shape beyond bytes": container({"a": entry(shape=(1 << 40,))}, bytes(8)),
    "shape beyond 64 bits": container({"a": entry(shape=(1 << 40, 1 << 40))}, bytes(8)),
    "gap": container({"a": entry(start=4, stop=12)}, bytes(12)),
    "overlap": container({"a": entry(), "b": entry(start=4, stop=12)}, bytes(12)),
    "truncated data": container({"a": entry()}, bytes(7)),
    "trailing data": container({"a": entry()}, bytes(9)),
    "long name in a gap": container({"n" * 100_000: entry(start=4, stop=12)}, bytes(12)),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_refused_in_one_short_line(tmp_path: Path, name: str):
    path = tmp_path / "model.safetensors"
    path.write_bytes(BROKEN[name])
    with pytest.raises(CheckpointError, match=r"model\.safetensors is truncated or no safetensors file") as caught:
        open_safetensors(path)
    message = str(caught.value).replace(str(path), "")
    assert message.isprintable()
    assert len(message) < 250


@pytest.mark.parametrize("dtype", ["I64", "I8", "F8_E4M3", "BOOL"])
def test_what_is_not_floating_point_is_no_weight(tmp_path: Path, dtype: str):
    path = tmp_path / "model.safetensors"
    size = 8 if dtype == "I64" else 1
    path.write_bytes(container({"a": entry(dtype, (3,), stop=3 * size)}, bytes(3 * size)))
    file = open_safetensors(path)
    assert file.shape("a") == (3,)
    with pytest.raises(CheckpointError, match=f"tensor 'a' is stored as {dtype}; weights must be one of: float64"):
        file.read("a")


def test_a_tensor_of_a_hostile_name_and_shape_is_named_in_a_short_line(tmp_path: Path):
    path, name = tmp_path / "model.safetensors", "\x1b]0;" + "x" * 100_000
    path.write_bytes(container({name: entry(shape=(1,) * 100_000, stop=4)}, np.array([np.nan], "<f4").tobytes()))
    file = open_safetensors(path)
    with pytest.raises(CheckpointError) as caught:
        file.read(name)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400 + len(str(path))


def test_a_missing_file_is_one_line(tmp_path: Path):
    with pytest.raises(CheckpointError, match=r"cannot read .*model\.safetensors: No such file"):
        open_safetensors(tmp_path / "model.safetensors")


def test_a_folder_that_is_not_there_is_one_line_and_nothing_stays(tmp_path: Path):
    with pytest.raises(CheckpointError, match=r"cannot write .*model\.safetensors: .*No such file"):
        write_safetensors(tmp_path / "nowhere" / "model.safetensors", {"a": np.ones(2, np.float32)})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("missing", ["safetensors", "ml_dtypes"])
def test_a_missing_package_names_the_pip_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str):
    path = tmp_path / "model.safetensors"
    save_file({"a": torch.zeros(3).bfloat16()}, path)
    found = _extras.importlib.util.find_spec
    monkeypatch.setattr(_extras.importlib.util, "find_spec", lambda name: None if name == missing else found(name))
    with pytest.raises(MissingDependencyError, match=rf"{missing} is needed .* pip install 'roformer-edge\[export\]'"):
        open_safetensors(path)
