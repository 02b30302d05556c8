"""The cases in which the torch models are compared with transformers: plain data, read on both sides."""

from __future__ import annotations

from typing import Any

TOLERANCE = 1e-5
LEARNING_RATE = 0.5

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


def cases() -> dict[str, dict[str, Any]]:
    """Case name -> architecture and config keyword arguments."""
    found = {
        f"{architecture}, {name}": {"architecture": architecture, "config": TINY | config}
        for architecture in ARCHITECTURES
        for name, config in CONFIGS.items()
    }
    for architecture in ("RoFormerModel", "RoFormerForCausalLM", "RoFormerForMaskedLM"):
        for name, config in DECODERS.items():
            found[f"{architecture}, {name}"] = {"architecture": architecture, "config": TINY | config}
    return found
