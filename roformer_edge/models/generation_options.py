"""The options of ``generate``, by the names of transformers: which are followed, and what is said of the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from roformer_edge.errors import UnknownNameError, UnsupportedModelError, shown

# Followed, with the values where neither the call nor a generation config says anything.
DEFAULTS: Mapping[str, Any] = {
    "max_new_tokens": None, "max_length": None, "min_new_tokens": None, "min_length": 0, "eos_token_id": None,
    "pad_token_id": None, "do_sample": False, "temperature": 1.0, "top_k": 50, "top_p": 1.0, "repetition_penalty": 1.0,
    "no_repeat_ngram_size": 0, "num_beams": 1, "num_return_sequences": 1, "length_penalty": 1.0,
    "early_stopping": False, "use_cache": True, "return_dict_in_generate": False, "output_scores": False,
    "output_logits": None,
}  # fmt: skip
# Without effect, and why.
WITHOUT_EFFECT = {
    **dict.fromkeys(
        ("bos_token_id", "decoder_start_token_id", "forced_bos_token_id"), "a prompt is never empty"
    ),
    **dict.fromkeys(
        ("cache_implementation", "cache_config", "return_legacy_cache", "disable_compile", "compile_config",
         "prefill_chunk_size", "low_memory", "remove_invalid_values", "synced_gpus"),
        "the same tokens, in another way",
    ),
    **dict.fromkeys(
        ("num_assistant_tokens", "num_assistant_tokens_schedule", "assistant_confidence_threshold",
         "assistant_early_exit", "assistant_lookbehind", "target_lookbehind", "max_matching_ngram_size",
         "is_assistant"),
        "of drafts by a second model",
    ),
    **dict.fromkeys(("_from_model_config", "_commit_hash", "transformers_version", "generation_kwargs"), "no option"),
}  # fmt: skip
_PROCESSOR = "give a LogitsProcessor of transformers in logits_processor"
# Refused where they are not neutral -> the neutral value, and what to use.
REFUSED: Mapping[str, tuple[object, str]] = {
    **{
        name: (neutral, _PROCESSOR)
        for name, neutral in {
            "bad_words_ids": None, "suppress_tokens": None, "begin_suppress_tokens": None, "sequence_bias": None,
            "forced_eos_token_id": None, "exponential_decay_length_penalty": None, "encoder_repetition_penalty": 1.0,
            "encoder_no_repeat_ngram_size": 0, "renormalize_logits": False, "guidance_scale": None, "min_p": None,
            "typical_p": 1.0, "epsilon_cutoff": 0.0, "eta_cutoff": 0.0, "watermarking_config": None,
            "prefix_allowed_tokens_fn": None,
        }.items()
    },
    **{
        name: (neutral, "use num_beams alone, or do_sample with num_return_sequences")
        for name, neutral in {
            "num_beam_groups": 1, "diversity_penalty": 0.0, "constraints": None, "force_words_ids": None,
            "penalty_alpha": None, "dola_layers": None,
        }.items()
    },
    "max_time": (None, "give a StoppingCriteria of transformers in stopping_criteria"),
    "stop_strings": (None, "give a StoppingCriteria of transformers in stopping_criteria"),
    "token_healing": (False, "end the prompt before its last token"),
    "prompt_lookup_num_tokens": (None, "leave it out: it changes no token"),
    "assistant_model": (None, "leave it out: it changes no token"),
    "output_attentions": (False, "call the model on the sequences, with output_attentions=True"),
    "output_hidden_states": (False, "call the model on the sequences, with output_hidden_states=True"),
    "custom_generate": (None, "no code of a repository is ever run"),
    "negative_prompt_ids": (None, "there is no guidance by a second prompt"),
    "tokenizer": (None, "it is asked for by stop_strings, which are not followed"),
}  # fmt: skip
# what a generation config says where it says nothing
_SILENT: Mapping[str, object] = {"max_length": 20}


class GenerationConfig:
    """The options of ``generate``, as attributes; what is no option of transformers is refused when it is used."""

    def __init__(self, **options: Any) -> None:
        self.__dict__ |= {**DEFAULTS, **options}

    def update(self, **options: Any) -> dict[str, Any]:
        """Set several; none is left over."""
        self.__dict__ |= options
        return {}

    def to_dict(self) -> dict[str, Any]:
        """Return all that are set."""
        return dict(self.__dict__)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.__dict__})"


def resolve(config: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """Merge the options of a call with a generation config, and refuse what is not followed.

    Args:
        config: One of ours or of transformers, or a mapping; ``None`` for none.
        given: The options of the call, which count first.

    Returns:
        A value of every key of :data:`DEFAULTS`.

    Raises:
        UnsupportedModelError: An option that is not followed has an effect; the message says what to use.
        UnknownNameError: There is no such option.
    """
    held: Mapping[str, Any] = {} if config is None else config if isinstance(config, Mapping) else config.to_dict()
    held = {name: value for name, value in held.items() if value is not None and _SILENT.get(name) != value}
    if given.get("max_new_tokens") is not None or given.get("max_length") is not None:
        held = {name: value for name, value in held.items() if name not in ("max_new_tokens", "max_length")}
    if held.get("max_new_tokens") is not None:  # which counts, where a file has both
        held = {name: value for name, value in held.items() if name != "max_length"}
    asked = {**held, **given}
    for name, value in asked.items():
        if name in REFUSED:
            neutral, instead = REFUSED[name]
            if value is not None and value != neutral:
                raise UnsupportedModelError(f"generate does not take {name}={shown(value, 40)}: {instead}")
        elif name not in DEFAULTS and name not in WITHOUT_EFFECT:
            raise UnknownNameError("option of generate", name, DEFAULTS)
    return {**DEFAULTS, **{name: value for name, value in asked.items() if name in DEFAULTS and value is not None}}
