"""The cases in which the models are compared with transformers and with each other: plain data, read on all sides."""

from __future__ import annotations

from typing import Any

TOLERANCE = 1e-5
LEARNING_RATE = 0.5
BATCH, LENGTH, CHOICES = 4, 9, 3
PADDED = 2  # the row of a batch that is nothing but padding
STEPS = ((0, 5), (5, 6), (6, LENGTH))  # the pieces in which a decoder reads with a cache

TINY: dict[str, Any] = {
    "vocab_size": 50,
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 40,
    "max_position_embeddings": 32,
    "num_labels": 4,
}

CONFIGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "projected": {"embedding_size": 10, "hidden_act": "gelu_new"},
    "rotary value": {"rotary_value": True, "num_labels": 1},
    "relu": {"hidden_act": "relu", "layer_norm_eps": 1e-5, "num_attention_heads": 1},
    "one type": {"type_vocab_size": 1, "num_hidden_layers": 1, "hidden_act": "gelu_pytorch_tanh"},
    "chunked": {"chunk_size_feed_forward": 3, "hidden_act": "swish", "embedding_size": 40, "pad_token_id": 3},
    "multi label": {"problem_type": "multi_label_classification", "hidden_act": "tanh", "tie_word_embeddings": False},
    "regression": {"problem_type": "regression", "hidden_act": "silu", "rotary_value": True, "embedding_size": 12},
    "six heads": {"num_attention_heads": 6, "num_hidden_layers": 1, "layer_norm_eps": 1e-5, "pad_token_id": 7},
}

ARCHITECTURES = (
    "RoFormerModel",
    "RoFormerForMaskedLM",
    "RoFormerForCausalLM",
    "RoFormerForSequenceClassification",
    "RoFormerForMultipleChoice",
    "RoFormerForTokenClassification",
    "RoFormerForQuestionAnswering",
)

DECODERS: dict[str, dict[str, Any]] = {
    "decoder": {"is_decoder": True},
    "decoder rotary value": {"is_decoder": True, "rotary_value": True, "embedding_size": 10},
    "crossed": {"is_decoder": True, "add_cross_attention": True},
    "crossed rotary value": {"is_decoder": True, "add_cross_attention": True, "rotary_value": True},
}

# RoFormerV2: transformers has no original of it, so that ours in torch stands for one.
V2: dict[str, Any] = {"norm_type": "rms_norm", "use_bias": False, "hidden_act": "relu"}
V2_CONFIGS: dict[str, dict[str, Any]] = {
    "v2": V2,
    "v2 rotary value": {**V2, "rotary_value": True, "tie_word_embeddings": False, "num_labels": 1},
}
V2_PROJECTED: dict[str, dict[str, Any]] = {"v2 projected": {**V2, "embedding_size": 10, "layer_norm_eps": 1e-5}}
V2_DECODERS: dict[str, dict[str, Any]] = {"v2 decoder": {**V2, "is_decoder": True}}

# Keyword arguments of generate.
GENERATIONS: list[dict[str, Any]] = [
    {"max_new_tokens": 12},
    {"max_new_tokens": 12, "repetition_penalty": 1.7},
    {"max_new_tokens": 20, "eos_token_id": [7, 11, 23, 31, 48], "pad_token_id": 0},
    {"max_new_tokens": 12, "do_sample": True},
    {"max_new_tokens": 12, "do_sample": True, "temperature": 0.4, "top_k": 5},
    {"max_new_tokens": 12, "do_sample": True, "top_p": 0.6},
    {"max_new_tokens": 12, "do_sample": True, "temperature": 1.9, "top_k": 12, "top_p": 0.8, "repetition_penalty": 1.3},
]

Cases = dict[str, dict[str, Any]]


def cases() -> Cases:
    """Case name -> architecture and config keyword arguments, of everything that the torch original can compute."""
    return _named(CONFIGS, ARCHITECTURES) | _named(
        DECODERS, ("RoFormerModel", "RoFormerForCausalLM", "RoFormerForMaskedLM")
    )


def v2_cases() -> Cases:
    """The same for RoFormerV2."""
    # its language models have embeddings as wide as their states
    projected = tuple(name for name in ARCHITECTURES if not name.endswith("LM"))
    decoders = _named(V2_DECODERS, ("RoFormerModel", "RoFormerForCausalLM"))
    return _named(V2_CONFIGS, ARCHITECTURES) | _named(V2_PROJECTED, projected) | decoders


def flax_cases(given: Cases) -> Cases:
    """Those of ``given`` that the Flax models, which are encoders, can compute."""
    return {
        name: case
        for name, case in given.items()
        if not case["config"].get("is_decoder") and case["architecture"] != "RoFormerForCausalLM"
    }


def tf_original_cases(given: Cases) -> Cases:
    """Those of ``given`` that the TensorFlow original computes as the torch original does.

    Its decoders see the future, and its language models tie their matrices whatever the config says.
    """
    return {
        name: case
        for name, case in given.items()
        if not case["config"].get("is_decoder")
        and (case["config"].get("tie_word_embeddings", True) or not case["architecture"].endswith("LM"))
    }


def tf_original_has_loss(case: dict[str, Any]) -> bool:
    """It has none for the bare encoder, for several labels or numbers a text, and for the one label of each token."""
    if case["architecture"].endswith("SequenceClassification"):
        return "problem_type" not in case["config"]
    only_label = case["architecture"].endswith("TokenClassification") and case["config"]["num_labels"] == 1
    return not (only_label or case["architecture"] == "RoFormerModel")


def flax_original_cases(given: Cases) -> Cases:
    """Those of ``given`` that the Flax original can load: its embeddings are as wide as its states."""
    return {name: case for name, case in flax_cases(given).items() if "embedding_size" not in case["config"]}


def caches(case: dict[str, Any]) -> bool:
    """Whether a case is a decoder that returns its keys and values: a masked language model does not."""
    return bool(case["config"].get("is_decoder")) and case["architecture"] != "RoFormerForMaskedLM"


def _named(configs: dict[str, dict[str, Any]], architectures: tuple[str, ...]) -> Cases:
    return {
        f"{architecture}, {name}": {"architecture": architecture, "config": TINY | config}
        for architecture in architectures
        for name, config in configs.items()
    }
