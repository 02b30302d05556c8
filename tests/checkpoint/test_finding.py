from __future__ import annotations

import json

import numpy as np
import pytest

from roformer_edge import _extras
from roformer_edge.checkpoint import settings
from roformer_edge.checkpoint.finding import FORMATS, find_checkpoint, find_weights
from roformer_edge.checkpoint.loading import load_architecture, load_checkpoint
from roformer_edge.checkpoint.safetensors import write_safetensors
from roformer_edge.errors import CheckpointError, ConfigError, MissingDependencyError
from roformer_edge.tasks import TASKS

TASK = TASKS["text-classification"]


def assert_refused(directory, message: str) -> None:
    with pytest.raises(CheckpointError, match=message) as caught:
        find_weights(directory)
    assert str(caught.value).isprintable()


def test_shards_are_read_as_one(checkpoint_directory, tiny_config, random_arrays):
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


@pytest.mark.parametrize("name", ["../model.safetensors", "/etc/passwd", "..", "", 3, "\x1b[2J/x"])
def test_shards_lie_beside_the_index(tmp_path, name):
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": name}}))
    assert_refused(tmp_path, "must lie beside the index")


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "{", "[]", "{}", '{"weight_map": 3}', '{"weight_map": {"a": [1], "b": "c"}}']
)
def test_a_malformed_index(tmp_path, text):
    (tmp_path / "model.safetensors.index.json").write_text(text)
    assert_refused(tmp_path, "must be a JSON object with a weight_map")


def test_no_weights(tmp_path):
    assert_refused(tmp_path, r"holds no weights: expected one of model\.safetensors, pytorch_model\.bin, tf_model\.h5")


@pytest.mark.parametrize(
    "name", ["model.onnx", "model.gguf", "model.keras", "saved_model.pb", "model.pdiparams", "a.npz"]
)
def test_files_of_other_kinds_are_named_with_what_converts_them(tmp_path, name):
    (tmp_path / name).touch()
    assert_refused(tmp_path, rf"no weights that are read here: {name} is .*(start from|load it with|write them with)")


def test_several_files_are_not_guessed_among(tmp_path):
    """The names of these would sort step 1000 before step 900."""
    for step in (900, 1000):
        (tmp_path / f"model.ckpt-{step}.index").touch()
    assert_refused(tmp_path, r"holds 2 files of weights: model\.ckpt-1000\.index, model\.ckpt-900\.index; keep one")


@pytest.mark.parametrize("name", ["epoch=3-step=400.ckpt", "best.pt", "model.pth", "weights.bin", "fp16.safetensors"])
def test_one_file_of_another_name_is_taken(tmp_path, name):
    for beside in ("training_args.bin", "optimizer.pt", "rng_state.pth", "scheduler.pt", "optimizer.bin"):
        (tmp_path / beside).touch()
    (tmp_path / name).touch()
    found = find_weights(tmp_path)
    assert [shard.name for shard in found.shards] == [name]
    assert found.format.package == ("safetensors" if name.endswith("safetensors") else "torch")
    (tmp_path / "last.ckpt").touch()
    assert_refused(tmp_path, r"holds 2 files of weights: .*last\.ckpt")


def test_the_usual_name_wins_over_others(tmp_path):
    for name in ("last.ckpt", "best.ckpt", "other.safetensors", "pytorch_model.bin"):
        (tmp_path / name).touch()
    found = find_weights(tmp_path)
    assert [shard.name for shard in found.shards] == ["pytorch_model.bin"]
    assert found.notes == [
        "pytorch_model.bin is read, and not what lies beside it: other.safetensors, best.ckpt, last.ckpt"
    ]


def test_shards_lie_beside_nothing_of_their_own(tmp_path):
    names = ["model-1-of-2.safetensors", "model-2-of-2.safetensors"]
    for name in names:
        (tmp_path / name).touch()
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": names[0], "b": names[1]}}))
    assert find_weights(tmp_path).notes == []
    for name in ("crf.pt", "training_args.bin", "optimizer.bin"):
        (tmp_path / name).touch()
    assert find_weights(tmp_path).notes == [f"{names[0]} is read, and not what lies beside it: crf.pt"]


def test_the_best_format_is_taken(tmp_path):
    for row in reversed(FORMATS):
        (tmp_path / row.file.replace("*", "x")).touch()
        assert find_weights(tmp_path).format is row


@pytest.mark.parametrize("row", [row for row in FORMATS if row.package != "numpy"], ids=lambda row: row.file)
def test_a_missing_package_names_the_pip_line(tmp_path, monkeypatch, row):
    monkeypatch.setattr(_extras.importlib.util, "find_spec", lambda name: None)
    (tmp_path / row.file.replace("*", "x")).write_bytes(b"x")
    with pytest.raises(MissingDependencyError, match=rf"{row.package} is needed .* pip install 'roformer-edge\["):
        find_weights(tmp_path).open()


def test_what_was_opened_is_closed_where_a_later_shard_is_broken(tmp_path):
    write_safetensors(tmp_path / "a.safetensors", {"a": np.ones(3, np.float32)})
    (tmp_path / "b.safetensors").write_bytes(b"broken")
    (tmp_path / "model.safetensors.index.json").write_text(
        json.dumps({"weight_map": {"a": "a.safetensors", "b": "b.safetensors"}})
    )
    with pytest.raises(CheckpointError, match=r"b\.safetensors is truncated"):
        find_weights(tmp_path).open()


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 496354072\n"


class TestPointers:
    @pytest.mark.parametrize("row", FORMATS, ids=lambda row: row.file)
    def test_in_the_place_of_weights(self, tmp_path, row):
        path = tmp_path / row.file.replace("*", "x")
        path.write_bytes(POINTER)
        with pytest.raises(
            CheckpointError, match=rf"{path} is a Git LFS pointer, not the file itself: run git lfs pull"
        ):
            find_weights(tmp_path).open()

    def test_in_the_place_of_an_index(self, tmp_path):
        (tmp_path / "model.safetensors.index.json").write_bytes(POINTER)
        assert_refused(tmp_path, "is a Git LFS pointer")

    @pytest.mark.parametrize("name", ["config.json", "generation_config.json"])
    def test_in_the_place_of_settings(self, checkpoint_directory, name):
        directory = checkpoint_directory(architecture="RoFormerForCausalLM")
        (directory / name).write_bytes(POINTER)
        with pytest.raises(ConfigError, match=rf"{name} is a Git LFS pointer"):
            load_architecture(directory, "RoFormerForCausalLM")


class TestDirectories:
    """Whatever a person points at: the snapshot, or one sentence."""

    @pytest.fixture
    def snapshot(self, checkpoint_directory, tmp_path):
        """Lay a checkpoint out as Hugging Face caches it, and return the cache."""
        source = checkpoint_directory()
        model = tmp_path / "cache" / "hub" / "models--owner--name"
        place = model / "snapshots" / "0123abc"
        place.mkdir(parents=True)
        for name in ("config.json", "model.safetensors"):
            (source / name).rename(place / name)
        (model / "refs").mkdir()
        (model / "refs" / "main").write_text("0123abc\n")
        return place

    @pytest.mark.parametrize("above", [0, 2, 3, 4], ids=["the snapshot", "the model", "hub", "the cache"])
    def test_in_a_cache_of_hugging_face(self, snapshot, above):
        path = [snapshot, *snapshot.parents][above]
        files = find_checkpoint(path)
        assert files.directory == snapshot
        assert files.name == "owner/name"
        assert load_checkpoint(path, TASK).source_directory == snapshot

    def test_the_branch_main_decides(self, snapshot):
        other = snapshot.with_name("fff")
        other.mkdir()
        assert find_checkpoint(snapshot.parents[1]).directory == snapshot
        (snapshot.parents[1] / "refs" / "main").write_text("fff")
        assert find_checkpoint(snapshot.parents[1]).directory == other
        (snapshot.parents[1] / "refs" / "main").write_text("missing\x1b[0m")
        with pytest.raises(
            CheckpointError, match=r"holds 2 snapshots, and its branch main is at missing.*give the dir"
        ):
            find_checkpoint(snapshot.parents[1])

    def test_a_cache_of_several_models(self, snapshot):
        (snapshot.parents[2] / "models--a--b" / "snapshots" / "x").mkdir(parents=True)
        for path in (snapshot.parents[2], snapshot.parents[3]):
            with pytest.raises(
                CheckpointError, match=r"a cache of 2 models \(a/b, owner/name\); give the directory of one"
            ):
                find_checkpoint(path)

    def test_a_file(self, checkpoint_directory):
        path = checkpoint_directory() / "model.safetensors"
        with pytest.raises(CheckpointError, match="is a file; give the directory that it lies in"):
            find_checkpoint(path)
        assert find_checkpoint(path.parent).directory == path.parent  # as advised

    def test_nothing(self, tmp_path):
        with pytest.raises(CheckpointError, match="no such checkpoint directory"):
            find_checkpoint(tmp_path / "nowhere")

    def test_settings_are_read_once(self, checkpoint_directory, monkeypatch):
        directory = checkpoint_directory(architecture="RoFormerForCausalLM")
        (directory / "generation_config.json").write_text("{}")
        files, reads = find_checkpoint(directory), []
        original = settings.read_object
        monkeypatch.setattr(settings, "read_object", lambda path: reads.append(path.name) or original(path))
        assert files.architectures == ()
        for architecture in ("RoFormerForCausalLM", "RoFormerModel", "RoFormerForCausalLM"):
            load_architecture(files, architecture)
        assert sorted(reads) == ["config.json", "generation_config.json"]

    @pytest.mark.parametrize(
        ("named", "found"), [(["A", "B"], ("A", "B")), (None, ()), ("A", ()), ([3, None, "B"], ("B",))]
    )
    def test_architectures(self, checkpoint_directory, named, found):
        directory = checkpoint_directory()
        config = json.loads((directory / "config.json").read_text())
        (directory / "config.json").write_text(json.dumps(config | {"architectures": named}))
        assert find_checkpoint(directory).architectures == found
