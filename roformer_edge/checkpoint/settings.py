"""The settings of a checkpoint: ``config.json`` and ``generation_config.json``, every key accounted for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from roformer_edge.config import CONFIG_NAME, GENERATION_DEFAULTS, RoFormerConfig, read_object
from roformer_edge.errors import ConfigError, shown

GENERATION_NAME = "generation_config.json"
# Keys of a generation_config.json that change no token, and why.
_WITHOUT_EFFECT = {
    "_from_model_config": "where the file comes from",
    "transformers_version": "where the file comes from",
    "bos_token_id": "a prompt is never empty",
    "decoder_start_token_id": "of models of an encoder and a decoder",
    "pad_token_id": "what fills up finished rows is cut off again",
    "use_cache": "the same tokens, sooner",
    "cache_implementation": "the same tokens, sooner",
    "cache_config": "the same tokens, sooner",
    "return_legacy_cache": "the same tokens",
    "disable_compile": "the same tokens",
    "prefill_chunk_size": "the same tokens",
    "low_memory": "the same tokens",
    "output_attentions": "what a call of the Python models returns",
    "output_hidden_states": "what a call of the Python models returns",
    "output_logits": "what a call of the Python models returns",
    "output_scores": "what a call of the Python models returns",
    "return_dict_in_generate": "what a call of the Python models returns",
    "is_assistant": "of drafts by a second model",
    "num_assistant_tokens": "of drafts by a second model",
    "num_assistant_tokens_schedule": "of drafts by a second model",
    "assistant_confidence_threshold": "of drafts by a second model",
    "assistant_early_exit": "of drafts by a second model",
    "assistant_lookbehind": "of drafts by a second model",
    "target_lookbehind": "of drafts by a second model",
    "max_matching_ngram_size": "of drafts from the prompt",
    "prompt_lookup_num_tokens": "of drafts from the prompt",
    "remove_invalid_values": "values that are not finite are refused",
}
# how the sentence on settings begins that a model has no place for
NOT_KEPT = "settings of generation that are not kept (give them in the call)"
_KEYS_SHOWN = 8
# What is neutral beside the defaults that older files kept in config.json.
_NEUTRAL = {
    "encoder_repetition_penalty": 1.0,
    "epsilon_cutoff": 0.0,
    "eta_cutoff": 0.0,
    "renormalize_logits": False,
    "token_healing": False,
}


def read_config_values(directory: Path) -> tuple[dict[str, Any], str]:
    """Read ``config.json``, or what lies in its place beside a TensorFlow 1 checkpoint or in an old one of PaddleNLP.

    Returns:
        The content, and the path for messages.

    Raises:
        ConfigError: There is neither, or what there is is no JSON object.
    """
    path = directory / CONFIG_NAME
    if path.exists():
        return read_object(path), str(path)
    for name, translate in _IN_ITS_PLACE.items():
        if (directory / name).is_file():
            return translate(read_object(directory / name)), str(directory / name)
    return read_object(path), str(path)  # which says that it is missing


def read_generation(directory: Path) -> dict[str, Any]:
    """Read ``generation_config.json``; nothing where there is none.

    Raises:
        ConfigError: It is no JSON object.
    """
    path = directory / GENERATION_NAME
    return read_object(path) if path.exists() else {}


def config_notes(config: RoFormerConfig, values: Mapping[str, Any]) -> list[str]:
    """Say which keys of ``config.json`` have no effect though they might be meant to have one.

    Args:
        config: What was made of it.
        values: Its content.
    """
    notes = []
    if config.unknown_keys:
        names = ", ".join(shown(key) for key in config.unknown_keys[:_KEYS_SHOWN])
        rest = len(config.unknown_keys) - _KEYS_SHOWN
        notes.append(f"config.json: unknown keys without effect: {names}" + (f" and {rest} more" if rest > 0 else ""))
    label2id, id2label = values.get("label2id"), values.get("id2label")
    if isinstance(label2id, Mapping) and not _agree(label2id, config):
        instead = "id2label counts" if id2label else "without id2label it does not count"
        notes.append(f"config.json: label2id names other labels than {shown(', '.join(config.labels))}; {instead}")
    count = values.get("num_labels")
    if id2label and count is not None and count != config.num_labels:
        notes.append(f"config.json: num_labels is {shown(count)}, and id2label names {config.num_labels} labels")
    return notes


def apply_generation(config: RoFormerConfig, generation: Mapping[str, Any]) -> tuple[RoFormerConfig, list[str]]:
    """Take what a generation config says into the config of a model that generates text.

    Args:
        config: The config; the stop tokens are its ``extra["eos_token_id"]``.
        generation: The content of ``generation_config.json``.

    Returns:
        The config with the stop tokens, and a sentence on the settings that are not kept.

    Raises:
        ConfigError: The stop tokens are no ids.
    """
    stops = generation.get("eos_token_id")
    if stops is not None:
        if not all(type(stop) is int for stop in (stops if isinstance(stops, list) else [stops])):
            raise ConfigError(f"{GENERATION_NAME}: eos_token_id must be a token id or a list of them: {shown(stops)}")
        config = config.replace(extra={**config.extra, "eos_token_id": stops})
    asked = {key: value for key, value in config.extra.items() if key in GENERATION_DEFAULTS} | dict(generation)
    kept = {"eos_token_id", *_WITHOUT_EFFECT}
    neutral = {**dict.fromkeys(asked), **GENERATION_DEFAULTS, **_NEUTRAL}
    differing = [key for key, value in asked.items() if key not in kept and value not in (neutral[key], None)]
    if not differing:
        return config, []
    settings = ", ".join(f"{shown(key)} {shown(asked[key], 30)}" for key in differing)
    return config, [f"{NOT_KEPT}: {settings}"]


def _from_paddlenlp(values: Mapping[str, Any]) -> dict[str, Any]:
    """Flatten the ``model_config.json`` of PaddleNLP 2: the arguments of a class, among them those of its encoder."""
    flat = dict(values)
    for arguments in flat.pop("init_args", ()):
        if isinstance(arguments, Mapping):
            flat = {**_from_paddlenlp(arguments), **flat}
    if "num_classes" in flat:
        flat["num_labels"] = flat.pop("num_classes")
    if "init_class" in flat:
        flat["architectures"] = [flat.pop("init_class")]
    return flat


# file -> what makes a config.json of its content
_IN_ITS_PLACE: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "bert_config.json": dict,
    "model_config.json": _from_paddlenlp,
}


def _agree(label2id: Mapping[Any, Any], config: RoFormerConfig) -> bool:
    """Return whether a ``label2id`` says nothing else than ``id2label``; its indices may be strings."""
    names = {str(label): str(index) for label, index in label2id.items()}
    return names == {label: str(index) for label, index in config.label2id.items()}
