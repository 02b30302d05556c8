"""Directories of sentence-transformers: what is read of their settings, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from roformer_edge.checkpoint.finding import find_checkpoint
from roformer_edge.checkpoint.loading import Checkpoint, load_checkpoint
from roformer_edge.checkpoint.safetensors import write_safetensors
from roformer_edge.errors import CheckpointError, ConfigError, RoFormerEdgeError, UnsupportedModelError
from roformer_edge.tasks import get_task

FEATURES = get_task("feature-extraction")
TYPES = {"Transformer": "", "Pooling": "1_Pooling", "Dense": "2_Dense", "Normalize": "3_Normalize"}
POOLING = {"word_embedding_dimension": 16, "pooling_mode_mean_tokens": True}
DENSE = {"in_features": 16, "out_features": 4, "bias": True, "activation_function": "torch.nn.modules.activation.Tanh"}
Write = Callable[..., Path]


def write(path: Path, values: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values))


def entries(types: dict[str, str]) -> list[dict[str, object]]:
    return [
        {"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for number, (kind, path) in enumerate(types.items())
    ]


@pytest.fixture
def make(checkpoint_directory: Write) -> Write:
    """Write a directory; what is given takes the place of a file's content."""

    def make(files: dict[str, object] | None = None, **arrays: np.ndarray) -> Path:
        folder = checkpoint_directory(architecture="RoFormerModel")
        contents: dict[str, object] = {
            "modules.json": entries(TYPES),
            "1_Pooling/config.json": POOLING,
            "2_Dense/config.json": DENSE,
            "sentence_bert_config.json": {"max_seq_length": 20, "do_lower_case": False},
            **(files or {}),
        }
        for name, values in contents.items():
            write(folder / name, values)
        weights = {"linear.weight": np.ones((4, 16), np.float32), "linear.bias": np.arange(4, dtype=np.float32)}
        write_safetensors(folder / "2_Dense" / "model.safetensors", arrays or weights)
        return folder

    return make


def load(folder: Path, **options: Any) -> Checkpoint:
    return load_checkpoint(folder, FEATURES, **options)


def test_what_is_read(make: Write) -> None:
    folder = make()
    assert find_checkpoint(folder).task is FEATURES
    with load(folder) as checkpoint:
        assert checkpoint.sentence is not None
        kinds = [(step.kind, step.width) for step in checkpoint.sentence.steps]
        assert kinds == [("pooling", 16), ("dense", 4), ("normalize", 4)]
        assert checkpoint.arrays["modules.2.bias"].tolist() == [0, 1, 2, 3]
        assert checkpoint.config.max_position_embeddings == 20
        assert [path.name for path in checkpoint.files] == ["model.safetensors", "model.safetensors"]
        (note,) = checkpoint.notes
    assert note.startswith("the vector of a text is the mean of the states, a dense layer (modules.2) to 4 with")


def test_an_older_layout(make: Write) -> None:
    folder = make({"modules.json": entries({**TYPES, "Transformer": "0_Transformer"})})
    (folder / "0_Transformer").mkdir()
    for name in ("config.json", "model.safetensors", "sentence_bert_config.json"):
        (folder / name).rename(folder / "0_Transformer" / name)
    files = find_checkpoint(folder)
    assert files.directory == files.tokenizer_directory == folder / "0_Transformer"
    assert load(folder).config.max_position_embeddings == 20


@pytest.mark.parametrize(
    ("settings", "tokenizer", "limit"),
    [
        ({"max_seq_length": 20}, {"model_max_length": 10}, 20),
        ({"max_seq_length": 500}, {}, 32),
        ({"max_seq_length": None}, {"model_max_length": 10}, 10),
        ({}, {"model_max_length": 1e30}, 32),
        ({}, {"max_len": 12}, 12),
        ({}, {}, 32),
    ],
)
def test_the_most_tokens_of_a_text(make: Write, settings: dict, tokenizer: dict, limit: int) -> None:
    folder = make({"sentence_bert_config.json": settings, "tokenizer_config.json": tokenizer})
    assert load(folder).config.max_position_embeddings == limit
    assert load(folder, max_length=40).config.max_position_embeddings == 40


@pytest.mark.parametrize(
    ("settings", "poolings"),
    [
        ({"pooling_mode_max_tokens": True, "pooling_mode_cls_token": True}, ("cls", "max")),
        ({"pooling_mode_mean_tokens": False, "pooling_mode_lasttoken": True}, ("lasttoken",)),
        ({"pooling_mode_cls_token": False}, ("mean",)),
        ({}, ("mean",)),
        ({"pooling_mode": "weightedmean"}, ("weightedmean",)),
        ({"pooling_mode": ["max", "mean_sqrt_len_tokens"], "pooling_mode_cls_token": True},
         ("max", "mean_sqrt_len_tokens")),
    ],
)  # fmt: skip
def test_poolings_of_old_and_new_files(make: Write, settings: dict, poolings: tuple[str, ...]) -> None:
    types = {"Transformer": "", "Pooling": "1_Pooling"}
    folder = make({"modules.json": entries(types), "1_Pooling/config.json": settings | {"embedding_dimension": 16}})
    sentence = load(folder).sentence
    assert sentence is not None
    assert sentence.steps[0].poolings == poolings
    assert sentence.width == 16 * len(poolings)


def test_dropout_has_no_effect(make: Write) -> None:
    types = {"Transformer": "", "Pooling": "1_Pooling", "Dropout": "2_Dropout"}
    (note,) = load(make({"modules.json": entries(types), "2_Dropout/config.json": {"dropout": 0.5}})).notes
    assert note == "the vector of a text is the mean of the states (modules.json)"


def test_another_task_of_the_same_directory(make: Write) -> None:
    with load_checkpoint(make(), None) as checkpoint:
        assert checkpoint.sentence is None
        assert checkpoint.config.max_position_embeddings == 32
        assert checkpoint.notes == ("modules.json says how vectors of texts are made, and is not followed",)


def test_a_cross_encoder_is_a_classifier(checkpoint_directory: Write) -> None:
    folder = checkpoint_directory()
    config = json.loads((folder / "config.json").read_text())
    write(folder / "config.json", config | {"architectures": ["RoFormerForSequenceClassification"]})
    write(folder / "modules.json", entries({"Transformer": ""}))
    write(folder / "config_sentence_transformers.json", {"model_type": "CrossEncoder", "activation_fn": "x.Sigmoid"})
    files = find_checkpoint(folder)
    assert files.task.name == "text-classification"
    (note,) = load_checkpoint(files, files.task).notes
    assert "a CrossEncoder" in note


REFUSED = {
    "another module": (
        {"modules.json": entries({"Transformer": "", "WordWeights": "1"})}, "the module WordWeights, which is not"),
    "own code": ({"modules.json": [{"path": "", "type": "modeling_own.Transformer"}]}, "code of the checkpoint's own"),
    "no model": ({"modules.json": entries({"BoW": ""})}, "begins with the module BoW"),
    "no pooling": ({"modules.json": entries({"Transformer": "", "Normalize": "3"})}, "comes before the Pooling"),
    "nothing after the model": ({"modules.json": entries({"Transformer": ""})}, "names no Pooling"),
    "another pooling": ({"1_Pooling/config.json": {"pooling_mode": "attention"}}, "the pooling attention is not"),
    "a key of a pooling": ({"1_Pooling/config.json": {**POOLING, "top": 3}}, "keys that are not known here.*: top"),
    "a key of a dense layer": ({"2_Dense/config.json": {**DENSE, "dropout": 0.1}}, "that are not known.*: dropout"),
    "a function": (
        {"2_Dense/config.json": {**DENSE, "activation_function": "torch.nn.modules.activation.PReLU"}}, "PReLU is not"),
    "a function of others": ({"2_Dense/config.json": {**DENSE, "activation_function": "own.Tanh"}}, "own.Tanh is not"),
    "other inputs": ({"2_Dense/config.json": {**DENSE, "module_input_name": "token_embeddings"}}, "can only make"),
    "a key of the model": ({"sentence_bert_config.json": {"max_seq_length": 9, "query_length": 3}}, "query_length"),
    "arguments": ({"sentence_bert_config.json": {"tokenizer_args": {"do_lower_case": True}}}, "tokenizer_args"),
    "another output": ({"sentence_bert_config.json": {"transformer_task": "fill-mask"}}, "transformer_task fill-mask"),
    "a prompt before all": (
        {"config_sentence_transformers.json": {"prompts": {"q": "query: "}, "default_prompt_name": "q"}},
        "default_prompt_name puts 'query: ' before"),
    "cut vectors": ({"config_sentence_transformers.json": {"truncate_dim": 8}}, "truncate_dim cuts"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_computed_is_refused_by_name(make: Write, name: str) -> None:
    files, message = REFUSED[name]
    with pytest.raises(UnsupportedModelError, match=message) as caught:
        load(make(files))
    assert "\n" not in str(caught.value)


def test_the_model_alone_can_be_had_where_a_module_is_refused(make: Write) -> None:
    folder = make(REFUSED["another pooling"][0])
    with pytest.raises(UnsupportedModelError, match=r"pooling='tokens' leaves all modules after the model out"):
        load(folder)
    with load(folder, pooling="tokens") as checkpoint:
        assert checkpoint.sentence is None
        assert checkpoint.config.max_position_embeddings == 20


MALFORMED: dict[str, tuple[dict[str, object], type[RoFormerEdgeError]]] = {
    "no list": ({"modules.json": {}}, CheckpointError),
    "an empty list": ({"modules.json": []}, CheckpointError),
    "no path": ({"modules.json": [{"type": "sentence_transformers.models.Transformer"}]}, CheckpointError),
    "a path outside": ({"modules.json": entries({"Transformer": "../other"})}, CheckpointError),
    "an absolute path": ({"modules.json": entries({"Transformer": "/tmp"})}, CheckpointError),
    "a limit": ({"sentence_bert_config.json": {"max_seq_length": "20"}}, ConfigError),
    "a small limit": ({"sentence_bert_config.json": {"max_seq_length": 2}}, ConfigError),
    "a flag": ({"sentence_bert_config.json": {"do_lower_case": "no"}}, ConfigError),
    "a mode": ({"1_Pooling/config.json": {"pooling_mode_cls_token": "yes"}}, ConfigError),
    "modes": ({"1_Pooling/config.json": {"pooling_mode": []}}, ConfigError),
    "no sizes": ({"2_Dense/config.json": {}}, ConfigError),
    "another size": ({"2_Dense/config.json": {**DENSE, "in_features": 15}}, CheckpointError),
    "other weights": ({"2_Dense/config.json": {**DENSE, "bias": False}}, CheckpointError),
    "prompts": ({"config_sentence_transformers.json": {"prompts": ["a"]}}, ConfigError),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_settings(make: Write, name: str) -> None:
    files, error = MALFORMED[name]
    with pytest.raises(error) as caught:
        load(make(files))
    assert "\n" not in str(caught.value)


def test_what_has_no_effect_is_named(make: Write) -> None:
    model = {"prompts": {"query": "query: ", "document": ""}, "default_prompt_name": None, "__version__": {}, "new": 1}
    files = {"config_sentence_transformers.json": model, "1_Pooling/config.json": {**POOLING, "include_prompt": True}}
    files["1_Pooling/config.json"]["word_embedding_dimension"] = 12
    assert load(make(files)).notes[1:] == (
        "config_sentence_transformers.json: prompts are put before no text unless you do: query",
        "config_sentence_transformers.json: unknown keys without effect: new",
        "1_Pooling/config.json has states of width 12, and the model 16: it counts",
    )
