"""Odd checkpoints: answers and labels are those of transformers 4.57.6, adapters are merged as PEFT merges them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch

from roformer_edge.checkpoint.loading import Checkpoint, load_architecture
from roformer_edge.config import ACTIVATIONS, RoFormerConfig
from roformer_edge.errors import CheckpointError, UnsupportedModelError
from roformer_edge.models.torch import heads

pytestmark = pytest.mark.oracle
CLASSIFIER = "RoFormerForSequenceClassification"
TOLERANCE = 2e-5
CONFIGS: list[dict] = [
    {},
    {"num_labels": 4},
    {"num_labels": 1},
    {"label2id": {"a": 0, "b": 1}},
    {"label2id": {"a": 0, "b": 1, "c": 2}},
    {"label2id": {"a": 0, "b": 1, "c": 2}, "num_labels": 3},
    {"id2label": {"0": "x", "1": "y"}},
    {"id2label": {"1": "y", "0": "x", "2": "z"}, "num_labels": 2},
    {"id2label": {"0": "x"}, "num_labels": 3},
    {"id2label": {"0": "x", "1": "y"}, "label2id": {"a": 0}},
    {"id2label": {"0": "LABEL_0", "1": "LABEL_1"}, "label2id": {"负面": 0, "正面": 1}},
    {"id2label": {"0": "x", "1": "x", "2": "y"}},
    {"id2label": {"00": "x", "0": "y", "1": "z"}},
    {"id2label": None, "num_labels": 3, "label2id": {"q": 0}},
    {"id2label": {"0": "x", "1": "y"}, "label2id": None, "num_labels": None},
]


@pytest.fixture(scope="module")
def oracle(oracle_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoints")
    (folder / "configs.json").write_text(json.dumps(CONFIGS))
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "USE_TF": "0", "USE_FLAX": "0"}
    script = Path(__file__).with_name("oracle_checkpoints.py")
    done = subprocess.run([oracle_python, script, folder], check=False, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def difference(checkpoint: Checkpoint, case: Path, architecture: str = CLASSIFIER) -> float:
    """Largest absolute difference between our logits and those of the case."""
    model = getattr(heads, architecture).from_arrays(checkpoint.config, checkpoint.arrays)
    inputs = {name: torch.from_numpy(array) for name, array in np.load(case / "inputs.npz").items()}
    with torch.inference_mode():
        logits = model(**inputs).logits.numpy()
    expected = np.load(case / "logits.npy")
    assert logits.shape == expected.shape
    assert np.abs(expected).max() > 0.1
    return float(np.abs(logits - expected).max())


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(oracle, name):
    case = oracle / f"activation {name}"
    checkpoint = load_architecture(case, CLASSIFIER)
    assert checkpoint.config.hidden_act == name
    assert difference(checkpoint, case) <= TOLERANCE


def test_every_activation_of_transformers_is_known_or_has_weights_of_its_own(oracle):
    assert {path.name.removeprefix("activation ") for path in oracle.glob("activation *")} == set(ACTIVATIONS)


@pytest.mark.parametrize("name", ["pruned", "pruned with rotary value"])
def test_pruned_heads(oracle, name):
    checkpoint = load_architecture(oracle / name, CLASSIFIER)
    assert [checkpoint.config.heads_of(layer) for layer in range(2)] == [2, 3]
    assert checkpoint.notes == ()
    assert difference(checkpoint, oracle / name) <= TOLERANCE


@pytest.mark.parametrize(("name", "done"), [("more positions", "continued by its formula"), ("fewer positions", "cut")])
def test_another_number_of_positions_in_the_config(oracle, name, done):
    checkpoint = load_architecture(oracle / name, CLASSIFIER)
    (note,) = checkpoint.notes
    assert note.endswith(f"the stored rotary table 32: it is {done}")
    assert difference(checkpoint, oracle / name) <= TOLERANCE


def test_keys_of_other_packages_change_nothing(oracle):
    checkpoint = load_architecture(oracle / "pooler activation", CLASSIFIER)
    assert checkpoint.notes == ()
    assert difference(checkpoint, oracle / "pooler activation") <= TOLERANCE


def test_the_weights_count_where_the_config_says_that_there_are_no_biases(oracle):
    checkpoint = load_architecture(oracle / "no biases said", CLASSIFIER)
    assert checkpoint.notes == (
        "the config says use_bias False, and the weights have biases: the weights count",
        "the config says norm_type rms_norm, and the weights are those of layer_norm: the weights count",
    )
    assert difference(checkpoint, oracle / "no biases said") <= TOLERANCE


def test_a_decoder_that_differs_from_the_table_it_is_tied_to(oracle):
    checkpoint = load_architecture(oracle / "another decoder", "RoFormerForMaskedLM")
    assert checkpoint.unused == ("cls.predictions.decoder.weight",)
    assert any("differs from the word embeddings" in note for note in checkpoint.notes)
    assert difference(checkpoint, oracle / "another decoder", "RoFormerForMaskedLM") <= TOLERANCE


def test_labels(oracle):
    names = json.loads((oracle / "labels.json").read_text())
    assert [list(RoFormerConfig.from_dict(values).labels) for values in CONFIGS] == names


LORA = ["plain", "every linear", "ranks", "embeddings and biases"]


class TestAdapters:
    @pytest.mark.parametrize("name", LORA)
    def test_the_base_at_the_path_that_the_adapter_names(self, oracle, name):
        case = oracle / f"lora {name}"
        with load_architecture(case / "adapter", CLASSIFIER) as checkpoint:
            assert difference(checkpoint, case) <= TOLERANCE
            assert [file.name for file in checkpoint.files] == [
                "model.safetensors", "adapter_config.json", "adapter_model.safetensors",
            ]  # fmt: skip
        base = load_architecture(case / "base", CLASSIFIER)
        assert difference(base, case) > 100 * TOLERANCE
        assert base.digest != checkpoint.digest

    @pytest.mark.parametrize("name", LORA[:2])
    def test_the_base_beside_it(self, oracle, tmp_path, name):
        case = oracle / f"lora {name}"
        for part in ("base", "adapter"):
            shutil.copytree(case / part, tmp_path / "both", dirs_exist_ok=True)
        edit(tmp_path / "both" / "adapter_config.json", base_model_name_or_path="someone/model")
        assert difference(load_architecture(tmp_path / "both", CLASSIFIER), case) <= TOLERANCE

    def test_no_base(self, oracle, tmp_path):
        shutil.copytree(oracle / "lora plain" / "adapter", tmp_path / "alone")
        edit(tmp_path / "alone" / "adapter_config.json", base_model_name_or_path="someone/model")
        with pytest.raises(CheckpointError, match=r"base 'someone/model' is no directory here: .*merge_and_unload\(\)"):
            load_architecture(tmp_path / "alone", CLASSIFIER)

    def test_another_base(self, oracle, tmp_path):
        shutil.copytree(oracle / "lora plain" / "adapter", tmp_path / "alone")
        edit(tmp_path / "alone" / "adapter_config.json", base_model_name_or_path=str(oracle / "pruned"))
        with pytest.raises(UnsupportedModelError, match="adapter and base do not belong together"):
            load_architecture(tmp_path / "alone", CLASSIFIER)

    @pytest.mark.parametrize(
        ("key", "value", "message"),
        [
            ("peft_type", "IA3", "adapter of type IA3, not LORA"),
            ("use_dora", True, "uses use_dora, which is not merged here"),
            ("fan_in_fan_out", True, "uses fan_in_fan_out"),
            ("init_lora_weights", "pissa", "uses init_lora_weights"),
            ("layer_replication", [[0, 2]], "uses layer_replication"),
            ("a_key_of_tomorrow", 1, "uses a_key_of_tomorrow"),
            ("alpha_pattern", {"(a+)+$": 3}, "alpha_pattern '.*' is not read here"),
        ],
    )
    def test_what_is_not_merged_is_refused_by_name(self, oracle, tmp_path, key, value, message):
        shutil.copytree(oracle / "lora plain" / "adapter", tmp_path / "adapter")
        edit(tmp_path / "adapter" / "adapter_config.json", **{key: value})
        with pytest.raises(UnsupportedModelError, match=rf"{message}.*merge it first: merge_and_unload\(\)"):
            load_architecture(tmp_path / "adapter", CLASSIFIER)


def edit(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
