"""LoRA adapters are merged as PEFT merges them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from roformer_edge.checkpoint.finding import find_checkpoint
from roformer_edge.checkpoint.loading import load_architecture
from roformer_edge.errors import CheckpointError, UnsupportedModelError
from tests.checkpoint.oracle_cases import CLASSIFIER, TOLERANCE, difference

pytestmark = pytest.mark.oracle
LORA = ["plain", "every linear", "ranks", "embeddings and biases"]


@pytest.mark.parametrize("name", LORA)
def test_the_base_at_the_path_that_the_adapter_names(oracle, name):
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
def test_the_base_beside_it(oracle, tmp_path, name):
    case = oracle / f"lora {name}"
    for part in ("base", "adapter"):
        shutil.copytree(case / part, tmp_path / "both", dirs_exist_ok=True)
    edit(tmp_path / "both" / "adapter_config.json", base_model_name_or_path="someone/model")
    assert difference(load_architecture(tmp_path / "both", CLASSIFIER), case) <= TOLERANCE


@pytest.mark.parametrize("name", ["vocab.txt", "tokenizer.json"])
def test_the_tokenizer_is_the_adapters_own_or_that_of_its_base(oracle, tmp_path, name):
    shutil.copytree(oracle / "lora plain" / "adapter", tmp_path / "adapter")
    base = oracle / "lora plain" / "base"
    edit(tmp_path / "adapter" / "adapter_config.json", base_model_name_or_path=str(base))
    assert find_checkpoint(tmp_path / "adapter").tokenizer_directory == base
    (tmp_path / "adapter" / name).touch()
    assert find_checkpoint(tmp_path / "adapter").tokenizer_directory == tmp_path / "adapter"


def test_no_base(oracle, tmp_path):
    shutil.copytree(oracle / "lora plain" / "adapter", tmp_path / "alone")
    edit(tmp_path / "alone" / "adapter_config.json", base_model_name_or_path="someone/model")
    with pytest.raises(CheckpointError, match=r"base 'someone/model' is no directory here: .*merge_and_unload\(\)"):
        load_architecture(tmp_path / "alone", CLASSIFIER)


def test_another_base(oracle, tmp_path):
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
def test_what_is_not_merged_is_refused_by_name(oracle, tmp_path, key, value, message):
    shutil.copytree(oracle / "lora plain" / "adapter", tmp_path / "adapter")
    edit(tmp_path / "adapter" / "adapter_config.json", **{key: value})
    with pytest.raises(UnsupportedModelError, match=rf"{message}.*merge it first: merge_and_unload\(\)"):
        load_architecture(tmp_path / "adapter", CLASSIFIER)


def edit(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
