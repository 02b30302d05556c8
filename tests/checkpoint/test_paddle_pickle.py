from __future__ import annotations

import json
import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from roformer_edge.checkpoint.loading import load_architecture
from roformer_edge.checkpoint.paddle_pickle import open_paddle
from roformer_edge.errors import CheckpointError
from roformer_edge.models.torch import heads

GOLDEN = Path(__file__).parent / "golden"


def write(folder: Path, content: object, protocol: int = 4) -> Path:
    path = folder / "model_state.pdparams"
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    return path


@pytest.mark.parametrize(
    ("name", "architecture"),
    [("paddle_mlm", "RoFormerForMaskedLM"), ("paddle_tokens", "RoFormerForTokenClassification")],
)
def test_weights_of_paddlenlp_answer_as_there(name, architecture):
    expected = json.loads((GOLDEN / name / "expected.json").read_text())
    checkpoint = load_architecture(GOLDEN / name, architecture)
    assert checkpoint.has_pooler
    assert (checkpoint.unused, checkpoint.notes) == ((), ())
    model = getattr(heads, architecture).from_arrays(checkpoint.config, checkpoint.arrays)
    with torch.inference_mode():
        inputs = {key: torch.tensor(expected[key]) for key in ("input_ids", "attention_mask", "token_type_ids")}
        logits = model(**inputs).logits.numpy()
    assert np.abs(logits).max() > 0.5
    np.testing.assert_allclose(logits, expected["logits"], atol=5e-6)


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_every_protocol_of_paddle(tmp_path, protocol):
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    names = {"a.weight": "linear_0.w_0"}
    state = {"a.weight": array, "b": ("b", array[0]), "StructuredToParameterName@@": names}
    file = open_paddle(write(tmp_path, state, protocol))
    assert list(file.names()) == ["a.weight", "b"]
    assert np.array_equal(file.read("a.weight"), array.T)
    assert np.array_equal(file.read("b"), array[0])


def test_an_array_in_columns(tmp_path):
    array = np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3))
    assert np.array_equal(open_paddle(write(tmp_path, {"a.weight": array})).read("a.weight"), array.T)


def test_bfloat16_is_kept_as_its_bits(tmp_path):
    bits = np.array([0x3F80, 0xC020, 0x0000], np.uint16)
    assert open_paddle(write(tmp_path, {"a": bits})).read("a").tolist() == [1.0, -2.5, 0.0]


class Payload:
    def __init__(self, function: object, *arguments: object) -> None:
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_nothing_else_is_called(tmp_path, protocol):
    victim = tmp_path / "victim"
    path = write(tmp_path, {"a": Payload(os.mkdir, str(victim))}, protocol)
    with pytest.raises(CheckpointError, match=r"model_state\.pdparams was not opened: .*mkdir, which could run code"):
        open_paddle(path)
    assert not victim.exists()


@pytest.mark.parametrize(
    "call",
    [
        (eval, "1"),
        (getattr, "a", "upper"),
        (np.frombuffer, b"1234"),
        (np.zeros(1).__reduce__()[0], np.ndarray, (10**9,), b"b"),
        (np.ndarray, (10**9,)),
    ],
    ids=["eval", "getattr", "frombuffer", "a large array", "an array at once"],
)
def test_calls_that_numpy_does_not_write(tmp_path, call):
    with pytest.raises(CheckpointError, match=r"model_state\.pdparams (was not opened|is truncated)"):
        open_paddle(write(tmp_path, {"a": Payload(*call)}))


@pytest.mark.parametrize("keep", [0, 1, 10, 100, -1])
def test_a_truncated_file(tmp_path, keep):
    shutil.copy(GOLDEN / "paddle_mlm" / "model_state.pdparams", tmp_path)
    path = tmp_path / "model_state.pdparams"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match=r"model_state\.pdparams is truncated or not what its name says"):
        open_paddle(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1, 2], "must hold a mapping of names to arrays"),
        ({3: np.zeros(2)}, "must hold a mapping of names to arrays"),
        ({"a": 3}, "'a' is no array"),
        ({"a": np.zeros(2), "UnpackBigParamInfor@@": {}}, "save it again with protocol=4"),
    ],
)
def test_a_pickle_of_something_else(tmp_path, content, message):
    with pytest.raises(CheckpointError, match=message):
        open_paddle(write(tmp_path, content))


def test_integers_are_no_weights(tmp_path):
    with pytest.raises(CheckpointError, match="tensor 'a' is stored as int8"):
        open_paddle(write(tmp_path, {"a": np.zeros(2, np.int8)})).read("a")


def test_reading_gives_arrays_of_their_own(tmp_path):
    file = open_paddle(write(tmp_path, {"a": np.ones(3, np.float32)}))
    file.read("a")[:] = 7
    assert file.read("a").tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    "state",
    [
        (3, "<", None, None, None, -1, -1, 63),
        (3, "x", None, None, None, -1, -1, 0),
        (3,),
    ],
)
def test_the_state_of_a_number_type_never_reaches_numpy(tmp_path, state):
    """Flags of a dtype that numpy would believe could damage memory: of the state only the byte order is read."""

    class Type:
        def __reduce__(self):
            return np.dtype, ("f4", False, True), state

    class Array:
        def __reduce__(self):
            return np.zeros(1).__reduce__()[0], (np.ndarray, (0,), b"b"), (1, (2,), Type(), False, b"\0" * 8)

    path = write(tmp_path, {"a": Array()})
    if state[1:2] == ("<",):
        assert open_paddle(path).read("a").tolist() == [0, 0]
    else:
        with pytest.raises(CheckpointError, match=r"model_state\.pdparams (was not opened|is truncated)"):
            open_paddle(path)


@pytest.mark.parametrize("raw", [b"\0" * 7, b"\0" * 12, [b"x"], "text"])
def test_bytes_that_do_not_fill_the_shape(tmp_path, raw):
    class Array:
        def __reduce__(self):
            return np.zeros(1).__reduce__()[0], (np.ndarray, (0,), b"b"), (1, (2,), np.dtype("f4"), False, raw)

    with pytest.raises(CheckpointError, match=r"model_state\.pdparams (was not opened|is truncated)"):
        open_paddle(write(tmp_path, {"a": Array()}))
