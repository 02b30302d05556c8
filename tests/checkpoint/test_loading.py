from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from roformer_edge import _extras
from roformer_edge.checkpoint.foreign_files import torch_name
from roformer_edge.checkpoint.loading import check_vocabulary, load_architecture, load_checkpoint
from roformer_edge.checkpoint.names import ROTARY_TABLE, expected_shapes, shapes_of
from roformer_edge.checkpoint.rotary import rotary_table
from roformer_edge.checkpoint.safetensors_file import SafetensorsFile, write_safetensors
from roformer_edge.config import RoFormerConfig
from roformer_edge.errors import (
    CheckpointError,
    ConfigError,
    MissingDependencyError,
    UnknownNameError,
    UnsupportedModelError,
    VocabularyError,
)
from roformer_edge.scopes import scopes_of
from roformer_edge.tasks import TASKS

TASK = TASKS["text-classification"]
WORDS = "roformer.embeddings.word_embeddings.weight"


def assert_refused(directory: Path, message: str, error: type[Exception] = CheckpointError, task=TASK) -> None:
    with pytest.raises(error, match=message) as caught:
        load_checkpoint(directory, task)
    assert "\n" not in str(caught.value)


def as_torch(arrays: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def test_every_tensor_comes_back(checkpoint_directory, tiny_config, random_arrays):
    directory = checkpoint_directory()
    checkpoint = load_checkpoint(directory, TASK)
    expected = random_arrays(tiny_config)
    assert checkpoint.config == tiny_config
    assert list(checkpoint.arrays) == [*expected, ROTARY_TABLE]
    for name, array in expected.items():
        assert np.array_equal(checkpoint.arrays[name], array)
    assert checkpoint.files == (directory / "model.safetensors",)
    assert checkpoint.unused == ()
    assert checkpoint.digest == hashlib.sha256((directory / "model.safetensors").read_bytes()).hexdigest()


def test_the_names_cover_every_scope(tiny_config):
    shapes = expected_shapes(tiny_config, TASK)
    for scope in scopes_of(tiny_config, TASK):
        assert all(weight in shapes for weight in scope.weights)


def test_tensors_are_read_when_asked_for(checkpoint_directory, monkeypatch):
    directory = checkpoint_directory()
    reads = []
    original = SafetensorsFile.read
    monkeypatch.setattr(SafetensorsFile, "read", lambda self, name: reads.append(name) or original(self, name))
    checkpoint = load_checkpoint(directory, TASK)
    assert reads == []
    checkpoint.arrays[WORDS]
    assert reads == [WORDS]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_float_types_come_out_as_float32(checkpoint_directory, tiny_config, random_arrays, dtype):
    directory = checkpoint_directory()
    stored = {name: tensor.to(dtype) for name, tensor in as_torch(random_arrays(tiny_config)).items()}
    stored[ROTARY_TABLE] = torch.from_numpy(rotary_table(32, 8)).to(dtype)
    save_file(stored, directory / "model.safetensors")
    checkpoint = load_checkpoint(directory, TASK)
    for name, tensor in stored.items():
        array = checkpoint.arrays[name]
        assert array.dtype == np.float32
        assert np.array_equal(array, tensor.float().numpy())


def test_an_absent_rotary_table_follows_from_the_config(checkpoint_directory):
    arrays = load_checkpoint(checkpoint_directory(), TASK).arrays
    assert np.array_equal(arrays[ROTARY_TABLE], rotary_table(32, 8))


def test_the_encoder_alone_leaves_the_head_unused(checkpoint_directory):
    checkpoint = load_checkpoint(checkpoint_directory(), None)
    assert not any(name.startswith("classifier") for name in checkpoint.arrays)
    assert checkpoint.unused == (
        "classifier.dense.bias", "classifier.dense.weight", "classifier.out_proj.bias", "classifier.out_proj.weight",
    )  # fmt: skip


def test_another_head_beside_the_right_one_is_kept_in_unused(checkpoint_directory):
    def add_head(arrays):
        arrays["cls.predictions.bias"] = np.zeros(40, np.float32)
        arrays["cls.predictions.decoder.weight"] = arrays[WORDS]

    assert load_checkpoint(checkpoint_directory(add_head), TASK).unused == ("cls.predictions.bias",)


def rename(arrays: dict[str, np.ndarray], change: Callable[[str], str]) -> None:
    renamed = {change(name): array for name, array in arrays.items()}
    arrays.clear()
    arrays.update(renamed)


@pytest.mark.parametrize(
    "change",
    [
        lambda name: name.removeprefix("roformer."),
        lambda name: name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"),
        lambda name: f"module.{name}",
        lambda name: f"module.{name.removeprefix('roformer.')}",
    ],
    ids=["without prefix", "gamma and beta", "of a wrapped model", "of a wrapped model without prefix"],
)
def test_legacy_names(checkpoint_directory, tiny_config, random_arrays, change):
    checkpoint = load_checkpoint(checkpoint_directory(lambda arrays: rename(arrays, change)), TASK)
    for name, array in random_arrays(tiny_config).items():
        assert np.array_equal(checkpoint.arrays[name], array)


def test_a_decoder_bias_stands_in_for_the_bias(checkpoint_directory):
    def move(arrays):
        arrays["cls.predictions.decoder.bias"] = arrays.pop("cls.predictions.bias") + 5

    directory = checkpoint_directory(move, "RoFormerForMaskedLM")
    assert load_architecture(directory, "RoFormerForMaskedLM").arrays["cls.predictions.bias"].mean() > 4


def test_an_untied_decoder_is_required(checkpoint_directory, tiny_config):
    directory = checkpoint_directory(architecture="RoFormerForMaskedLM")
    tiny_config.replace(tie_word_embeddings=False).save_pretrained(directory)
    with pytest.raises(CheckpointError, match=r"cls\.predictions\.decoder\.weight missing"):
        load_architecture(directory, "RoFormerForMaskedLM")


class TestFiles:
    def test_sharded_safetensors(self, checkpoint_directory, tiny_config, random_arrays):
        directory = checkpoint_directory()
        (directory / "model.safetensors").unlink()
        arrays = random_arrays(tiny_config)
        weight_map = {}
        for shard in range(3):
            file = f"model-{shard}.safetensors"
            part = {name: array for index, (name, array) in enumerate(arrays.items()) if index % 3 == shard}
            write_safetensors(directory / file, part)
            weight_map |= dict.fromkeys(part, file)
        index = directory / "model.safetensors.index.json"
        index.write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
        checkpoint = load_checkpoint(directory, TASK)
        assert all(np.array_equal(checkpoint.arrays[name], array) for name, array in arrays.items())
        assert [file.name for file in checkpoint.files] == [f"model-{shard}.safetensors" for shard in range(3)]

        (directory / "model-1.safetensors").unlink()
        assert_refused(directory, r"names the file 'model-1\.safetensors', which is missing")

    @pytest.mark.parametrize("name", ["../model.safetensors", "/etc/passwd", "..", "", 3])
    def test_shards_lie_beside_the_index(self, checkpoint_directory, name):
        directory = checkpoint_directory()
        (directory / "model.safetensors").rename(directory / "other.safetensors")
        (directory / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": name}}))
        assert_refused(directory, "must lie beside the index")

    @pytest.mark.parametrize(
        "text", ["[" * 100_000, "{", "[]", "{}", '{"weight_map": 3}', '{"weight_map": {"a": [1], "b": "c"}}']
    )
    def test_a_malformed_index(self, checkpoint_directory, text):
        directory = checkpoint_directory()
        (directory / "model.safetensors").unlink()
        (directory / "model.safetensors.index.json").write_text(text)
        assert_refused(directory, "must be a JSON object with a weight_map")

    @pytest.mark.parametrize("zipped", [True, False])
    def test_pytorch_bin(self, checkpoint_directory, tiny_config, random_arrays, zipped):
        directory = checkpoint_directory()
        (directory / "model.safetensors").unlink()
        arrays = random_arrays(tiny_config)
        torch.save(as_torch(arrays), directory / "pytorch_model.bin", _use_new_zipfile_serialization=zipped)
        checkpoint = load_checkpoint(directory, TASK)
        assert all(np.array_equal(checkpoint.arrays[name], array) for name, array in arrays.items())

    def test_sharded_pytorch_bin_in_half_precision(self, checkpoint_directory, tiny_config, random_arrays):
        directory = checkpoint_directory()
        (directory / "model.safetensors").unlink()
        halves = {name: tensor.half() for name, tensor in as_torch(random_arrays(tiny_config)).items()}
        names = list(halves)
        weight_map = {}
        for file, part in (("pytorch_model-1.bin", names[:5]), ("pytorch_model-2.bin", names[5:])):
            torch.save({name: halves[name] for name in part}, directory / file)
            weight_map |= dict.fromkeys(part, file)
        (directory / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": weight_map}))
        arrays = load_checkpoint(directory, TASK).arrays
        assert all(np.array_equal(arrays[name], tensor.float().numpy()) for name, tensor in halves.items())


class Payload:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


class TestRefusals:
    def test_no_directory(self, tmp_path):
        assert_refused(tmp_path / "nowhere", "no such checkpoint directory")

    def test_no_config(self, tmp_path):
        assert_refused(tmp_path, "config.json", ConfigError)

    def test_no_weights(self, tmp_path, tiny_config):
        tiny_config.save_pretrained(tmp_path)
        assert_refused(tmp_path, r"holds no weights: expected one of model\.safetensors")
        (tmp_path / "weights.onnx").touch()
        assert_refused(tmp_path, r"found weights\.onnx, which must be converted")

    def test_two_checkpoints_of_tensorflow_1(self, tmp_path, tiny_config):
        """Which one is meant is not guessed: the names would sort step 1000 before step 900."""
        tiny_config.save_pretrained(tmp_path)
        for step in (900, 1000):
            (tmp_path / f"model.ckpt-{step}.index").touch()
        assert_refused(
            tmp_path, r"holds 2 TensorFlow 1 checkpoints: model\.ckpt-1000\.index, model\.ckpt-900\.index; keep"
        )

    def test_more_layers_than_weights_are_refused_at_once(self, checkpoint_directory):
        directory = checkpoint_directory(lambda arrays: None)
        config = json.loads((directory / "config.json").read_text())
        (directory / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 10**9}))
        assert_refused(directory, r"asks for 1000000000 layers")

    def test_missing_tensors_are_counted_and_named(self, checkpoint_directory):
        def remove(arrays):
            for name in [name for name in arrays if ".layer.1." in name]:
                del arrays[name]

        assert_refused(
            checkpoint_directory(remove), r"16 missing: roformer\.encoder\.layer\.1\.attention.* and 13 more;"
        )

    def test_weights_of_another_model_are_named(self, checkpoint_directory):
        def spoil(arrays):
            rename(arrays, lambda name: name.replace("roformer.", "bert."))

        assert_refused(
            checkpoint_directory(spoil),
            r"missing: roformer\.embeddings\.word_embeddings.*unexpected: bert\.embeddings",
        )

    def test_everything_wrong_is_in_one_message(self, checkpoint_directory):
        def spoil(arrays):
            del arrays["classifier.dense.bias"]
            arrays["roformer.encoder.layer.2.output.dense.bias"] = np.zeros(16, np.float32)
            arrays[WORDS] = arrays[WORDS][:-1]

        assert_refused(
            checkpoint_directory(spoil),
            r"1 missing: classifier\.dense\.bias; 1 unexpected: roformer\.encoder\.layer\.2\.output\.dense\.bias; "
            r"1 of another shape: .*word_embeddings\.weight is \[39, 12\], expected \[40, 12\]",
        )

    def test_a_checkpoint_of_another_task(self, checkpoint_directory):
        directory = checkpoint_directory(architecture="RoFormerForMaskedLM")
        assert_refused(directory, "has no head for RoFormerForSequenceClassification.*RoFormerForCausalLM or RoFormer")

    def test_a_bare_encoder(self, checkpoint_directory):
        assert_refused(checkpoint_directory(architecture="RoFormerModel"), "it is a bare encoder")

    def test_the_head_may_miss_when_it_is_to_be_trained(self, checkpoint_directory):
        directory = checkpoint_directory(architecture="RoFormerModel")
        arrays = load_architecture(directory, TASK.model_class, head_may_miss=True).arrays
        assert WORDS in arrays
        assert "classifier.dense.weight" not in arrays

    def test_half_a_head_is_an_error_even_then(self, checkpoint_directory):
        directory = checkpoint_directory(lambda arrays: arrays.pop("classifier.dense.bias"))
        with pytest.raises(CheckpointError, match=r"classifier\.dense\.bias missing"):
            load_architecture(directory, TASK.model_class, head_may_miss=True)

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_numbers_that_are_not_finite(self, checkpoint_directory, value):
        def spoil(arrays):
            arrays[WORDS][3, 4] = value

        checkpoint = load_checkpoint(checkpoint_directory(spoil), TASK)
        with pytest.raises(CheckpointError, match=rf"tensor '{WORDS}' holds NaN or infinity"):
            checkpoint.arrays[WORDS]

    def test_another_position_embedding(self, checkpoint_directory):
        def learned(arrays):
            arrays[ROTARY_TABLE] = np.zeros((32, 8), np.float32)

        assert_refused(checkpoint_directory(learned), "not the sinusoidal table")

    def test_a_rotary_table_of_another_length(self, checkpoint_directory):
        def shorter(arrays):
            arrays[ROTARY_TABLE] = rotary_table(31, 8)

        assert_refused(checkpoint_directory(shorter), r"rotary table is \[31, 8\], expected \[32, 8\]")

    @pytest.mark.parametrize("positions", [20, 32, 50])
    @pytest.mark.parametrize("stored", [True, False])
    def test_another_number_of_positions_when_asked(self, checkpoint_directory, positions, stored):
        table = rotary_table(32, 8).astype(np.float16).astype(np.float32)  # with the rounding of a small file

        def put(arrays):
            arrays.pop(ROTARY_TABLE, None)
            if stored:
                arrays[ROTARY_TABLE] = table

        checkpoint = load_checkpoint(checkpoint_directory(put), TASK, max_length=positions)
        assert checkpoint.config.max_position_embeddings == positions
        found, formula = checkpoint.arrays[ROTARY_TABLE], rotary_table(positions, 8)
        assert found.shape == (positions, 8)
        np.testing.assert_array_equal(found[:32], (table if stored else formula)[: min(32, positions)])
        np.testing.assert_array_equal(found[32:], formula[32:])

    def test_a_rotary_table_of_another_width_is_refused_in_any_case(self, checkpoint_directory):
        def narrower(arrays):
            arrays[ROTARY_TABLE] = rotary_table(32, 4)

        with pytest.raises(CheckpointError, match=r"rotary table is \[32, 4\], expected \[50, 8\]"):
            load_checkpoint(checkpoint_directory(narrower), TASK, max_length=50)

    def test_roformer_sim(self, checkpoint_directory):
        def add_pooler(arrays):
            arrays["roformer.pooler.dense.weight"] = np.zeros((16, 16), np.float32)

        assert_refused(checkpoint_directory(add_pooler), "RoFormer-sim", UnsupportedModelError)

    def test_a_truncated_safetensors(self, checkpoint_directory):
        directory = checkpoint_directory()
        file = directory / "model.safetensors"
        file.write_bytes(file.read_bytes()[:-100])
        assert_refused(directory, "truncated or damaged")

    @pytest.mark.parametrize("keep", [0, 10, 2000, -30])
    def test_a_truncated_pytorch_bin(self, checkpoint_directory, tiny_config, random_arrays, keep):
        directory = checkpoint_directory()
        (directory / "model.safetensors").unlink()
        file = directory / "pytorch_model.bin"
        torch.save(as_torch(random_arrays(tiny_config)), file)
        file.write_bytes(file.read_bytes()[:keep])
        assert_refused(directory, "truncated or damaged|damaged, or a pickle")

    @pytest.mark.parametrize("zipped", [True, False])
    def test_a_pickle_with_code_is_not_run(self, checkpoint_directory, tmp_path, zipped):
        directory = checkpoint_directory()
        (directory / "model.safetensors").unlink()
        victim = tmp_path / "victim"
        torch.save({"a": Payload(victim)}, directory / "pytorch_model.bin", _use_new_zipfile_serialization=zipped)
        assert_refused(directory, "could run code")
        assert not victim.exists()

    @pytest.mark.parametrize("content", [[1, 2], {"a": 1}, {3: torch.zeros(1)}])
    def test_a_pickle_of_something_else(self, checkpoint_directory, content):
        directory = checkpoint_directory()
        (directory / "model.safetensors").unlink()
        torch.save(content, directory / "pytorch_model.bin")
        assert_refused(directory, "mapping of names to tensors")

    def test_quantised_weights_are_no_source(self, checkpoint_directory, tiny_config, random_arrays):
        directory = checkpoint_directory()
        tensors = as_torch(random_arrays(tiny_config))
        tensors[WORDS] = tensors[WORDS].to(torch.int8)
        save_file(tensors, directory / "model.safetensors")
        with pytest.raises(CheckpointError, match="stored as I8"):
            load_checkpoint(directory, TASK).arrays[WORDS]

    def test_an_unknown_architecture(self, tiny_config):
        with pytest.raises(UnknownNameError, match="choose one of: RoFormerModel"):
            shapes_of(tiny_config, "BertModel")


class TestForeignNames:
    """Paths as TensorFlow 1, Keras and Flax write them, and whether the array is transposed."""

    @pytest.mark.parametrize(
        ("path", "name", "transposed"),
        [
            (
                "roformer/tf_ro_former_for_masked_lm_1/roformer/encoder/layer_._10/attention/self/key/kernel:0",
                "roformer.encoder.layer.10.attention.self.key.weight",
                True,
            ),
            ("roformer/embeddings/word_embeddings/weight:0", "roformer.embeddings.word_embeddings.weight", False),
            (
                "mlm___cls/predictions/transform/LayerNorm/gamma:0",
                "cls.predictions.transform.LayerNorm.weight",
                False,
            ),
            (
                "classifier/tf_ro_former_for_multiple_choice/classifier/kernel:0",
                "classifier.weight",
                True,
            ),
            ("bert/embeddings/word_embeddings", "roformer.embeddings.word_embeddings.weight", False),
            (
                "bert/encoder/layer_3/intermediate/dense/bias",
                "roformer.encoder.layer.3.intermediate.dense.bias",
                False,
            ),
            ("bert/encoder/embedding_hidden_mapping_in/kernel", "roformer.embeddings_project.weight", True),
            ("cls/predictions/output_bias", "cls.predictions.bias", False),
            (
                "roformer/encoder/layer/0/output/LayerNorm/scale",
                "roformer.encoder.layer.0.output.LayerNorm.weight",
                False,
            ),
            ("roformer.encoder.layer.0.output.dense.kernel", "roformer.encoder.layer.0.output.dense.weight", True),
        ],
    )
    def test_a_path(self, path, name, transposed):
        assert torch_name(path) == (name, transposed)

    def test_safetensors_of_tensorflow(self, checkpoint_directory, tiny_config, random_arrays):
        def as_tensorflow(arrays):
            for name in list(arrays):
                array = arrays.pop(name)
                path = (
                    name.replace(".", "/").replace("layer/", "layer_._").replace("LayerNorm/weight", "LayerNorm/gamma")
                )
                if path.endswith("/weight") and "embeddings/" not in path.replace("_embeddings", ""):
                    path, array = path.removesuffix("weight") + "kernel", array.T
                elif path.endswith("/weight"):
                    path = path if "word" in path else path.removesuffix("weight") + "embeddings"
                arrays[path + ":0"] = array

        checkpoint = load_checkpoint(checkpoint_directory(as_tensorflow), TASK)
        for name, array in random_arrays(tiny_config).items():
            assert np.array_equal(checkpoint.arrays[name], array), name

    @pytest.mark.parametrize(
        ("file", "package"), [("tf_model.h5", "h5py"), ("flax_model.msgpack", "flax"), ("x.ckpt.index", "tensorflow")]
    )
    def test_a_missing_package_names_the_pip_line(self, tmp_path, tiny_config, monkeypatch, file, package):
        monkeypatch.setattr(_extras.importlib.util, "find_spec", lambda name: None)
        tiny_config.save_pretrained(tmp_path)
        (tmp_path / file).write_bytes(b"x")
        assert_refused(tmp_path, rf"{package} is needed .* pip install 'roformer-edge\[", MissingDependencyError)


class TestVocabulary:
    @pytest.mark.parametrize(("rows", "tokens"), [(50000, 50000), (21248, 21128), (128, 70), (64, 1)])
    def test_fits(self, rows, tokens):
        check_vocabulary(RoFormerConfig(vocab_size=rows), tokens, "vocab.txt")

    @pytest.mark.parametrize(("rows", "tokens"), [(50000, 50001), (50000, 49999), (50000, 12000), (21248, 21000)])
    def test_does_not_fit(self, rows, tokens):
        with pytest.raises(VocabularyError, match=f"vocab.txt has {tokens} tokens and the model {rows} embeddings"):
            check_vocabulary(RoFormerConfig(vocab_size=rows), tokens, "vocab.txt")


def test_a_directory_can_move_and_keeps_its_digest(checkpoint_directory, tmp_path_factory):
    directory = checkpoint_directory()
    digest = load_checkpoint(directory, TASK).digest
    other = tmp_path_factory.mktemp("other") / "copy"
    shutil.copytree(directory, other)
    assert load_checkpoint(other, None).digest == digest
