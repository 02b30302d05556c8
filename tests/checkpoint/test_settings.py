"""Every key of config.json and generation_config.json is obeyed, known to be without effect, or reported."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from roformer_edge.checkpoint.finding import find_checkpoint
from roformer_edge.checkpoint.loading import load_architecture
from roformer_edge.errors import ConfigError

CAUSAL = "RoFormerForCausalLM"


@pytest.fixture
def causal(checkpoint_directory, tiny_config):
    def make(config: dict | None = None, generation: object = None):
        directory = checkpoint_directory(architecture=CAUSAL, config=tiny_config.replace(is_decoder=True))
        path = directory / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | (config or {})))
        if generation is not None:
            (directory / "generation_config.json").write_text(json.dumps(generation))
        return directory

    return make


def test_unknown_keys_are_named(causal):
    directory = causal({"rope_scaling": {"factor": 2}, "an_unknown_key\x1b[0m": 1})
    checkpoint = load_architecture(directory, "RoFormerForMaskedLM")
    assert checkpoint.notes == ("config.json: unknown keys without effect: an_unknown_key\\x1b[0m, rope_scaling",)


def test_of_very_many_unknown_keys_a_few_are_named(causal):
    directory = causal({f"{'k' * 1000}{number}": 1 for number in range(100)})
    (note,) = load_architecture(directory, CAUSAL).notes
    assert note.endswith("and 92 more")
    assert len(note) < 1200


# what transformers 4.57.6 writes with use_diff=False, for a RoFormer as it is made
WRITTEN = {
    "_name_or_path": "", "architectures": None, "bad_words_ids": None, "begin_suppress_tokens": None,
    "bos_token_id": None, "cross_attention_hidden_size": None, "decoder_start_token_id": None,
    "diversity_penalty": 0.0, "do_sample": False, "dtype": "float32", "early_stopping": False,
    "encoder_no_repeat_ngram_size": 0, "eos_token_id": None, "exponential_decay_length_penalty": None,
    "finetuning_task": None, "forced_bos_token_id": None, "forced_eos_token_id": None, "is_encoder_decoder": False,
    "length_penalty": 1.0, "max_length": 20, "min_length": 0, "no_repeat_ngram_size": 0, "num_beam_groups": 1,
    "num_beams": 1, "num_return_sequences": 1, "output_attentions": False, "output_hidden_states": False,
    "output_scores": False, "prefix": None, "problem_type": None, "pruned_heads": {}, "remove_invalid_values": False,
    "repetition_penalty": 1.0, "return_dict": True, "return_dict_in_generate": False, "sep_token_id": None,
    "suppress_tokens": None, "task_specific_params": None, "temperature": 1.0, "tf_legacy_loss": False,
    "tie_encoder_decoder": False, "tokenizer_class": None, "top_k": 50, "top_p": 1.0, "torchscript": False,
    "transformers_version": "4.57.6", "typical_p": 1.0, "use_bfloat16": False,
}  # fmt: skip
# what its GenerationConfig has
GENERATION = {
    "_from_model_config": True, "assistant_confidence_threshold": 0.4, "assistant_early_exit": None,
    "assistant_lookbehind": 10, "bad_words_ids": None, "begin_suppress_tokens": None, "bos_token_id": None,
    "cache_config": None, "cache_implementation": None, "constraints": None, "decoder_start_token_id": None,
    "disable_compile": False, "diversity_penalty": 0.0, "do_sample": False, "dola_layers": None,
    "early_stopping": False, "encoder_no_repeat_ngram_size": 0, "encoder_repetition_penalty": 1.0,
    "eos_token_id": None, "epsilon_cutoff": 0.0, "eta_cutoff": 0.0, "exponential_decay_length_penalty": None,
    "force_words_ids": None, "forced_bos_token_id": None, "forced_eos_token_id": None, "guidance_scale": None,
    "is_assistant": False, "length_penalty": 1.0, "low_memory": None, "max_length": 20,
    "max_matching_ngram_size": None, "max_new_tokens": None, "max_time": None, "min_length": 0, "min_new_tokens": None,
    "min_p": None, "no_repeat_ngram_size": 0, "num_assistant_tokens": 20,
    "num_assistant_tokens_schedule": "constant", "num_beam_groups": 1, "num_beams": 1, "num_return_sequences": 1,
    "output_attentions": False, "output_hidden_states": False, "output_logits": None, "output_scores": False,
    "pad_token_id": 0, "penalty_alpha": None, "prefill_chunk_size": None, "prompt_lookup_num_tokens": None,
    "remove_invalid_values": False, "renormalize_logits": False, "repetition_penalty": 1.0,
    "return_dict_in_generate": False, "return_legacy_cache": None, "sequence_bias": None, "stop_strings": None,
    "suppress_tokens": None, "target_lookbehind": 10, "temperature": 1.0, "token_healing": False, "top_k": 50,
    "top_p": 1.0, "transformers_version": "4.57.6", "typical_p": 1.0, "use_cache": True, "watermarking_config": None,
}  # fmt: skip


@pytest.mark.parametrize("architecture", [CAUSAL, "RoFormerForMaskedLM"])
def test_what_transformers_writes_is_worth_no_word(causal, architecture):
    assert load_architecture(causal(WRITTEN, GENERATION), architecture).notes == ()


@pytest.mark.parametrize(
    "changes", [{"do_sample": True}, {"temperature": 0.7}, {"num_beams": 4}, {"stop_strings": ["。"]}, {"new_key": 1}]
)
@pytest.mark.parametrize("place", ["config.json", "generation_config.json"])
def test_settings_of_generation_that_are_not_kept_are_said_where_text_is_generated(causal, place, changes):
    directory = causal(changes, None) if place == "config.json" else causal({}, changes)
    key = next(iter(changes))
    if place == "config.json" and key in ("stop_strings", "new_key"):
        assert load_architecture(directory, CAUSAL).notes == (f"config.json: unknown keys without effect: {key}",)
        return
    (note,) = load_architecture(directory, CAUSAL).notes
    assert note.startswith(f"settings of generation that are not kept (give them in the call): {key} ")
    assert load_architecture(directory, "RoFormerForMaskedLM").notes == ()


@pytest.mark.parametrize("stops", [7, [7, 9]])
def test_stop_tokens_are_those_of_the_generation_config(causal, stops):
    directory = causal({"eos_token_id": 3}, {"eos_token_id": stops})
    assert load_architecture(directory, CAUSAL).config.extra["eos_token_id"] == stops
    assert load_architecture(directory, "RoFormerForMaskedLM").config.extra["eos_token_id"] == 3
    assert load_architecture(causal({"eos_token_id": 3}, {}), CAUSAL).config.extra["eos_token_id"] == 3


@pytest.mark.parametrize("content", [[], 3, {"eos_token_id": "x"}, {"eos_token_id": [1, None]}])
def test_a_malformed_generation_config(causal, content):
    with pytest.raises(ConfigError, match=r"generation_config\.json: "):
        load_architecture(causal({}, content), CAUSAL)


def test_contradictory_labels_are_said(causal):
    directory = causal({"label2id": {"no": 0, "maybe": 1, "yes": 2}})
    (note,) = load_architecture(directory, CAUSAL).notes
    assert note == "config.json: label2id names other labels than off, on, dim; id2label counts"


class TestInThePlaceOfAConfig:
    def test_of_tensorflow_1(self, checkpoint_directory, tiny_config):
        directory = checkpoint_directory()
        (directory / "config.json").rename(directory / "bert_config.json")
        assert load_architecture(directory, "RoFormerForSequenceClassification").config == tiny_config

    @pytest.mark.parametrize("nested", [True, False])
    def test_of_paddlenlp_2(self, tmp_path, nested):
        """As its save_pretrained wrote it before it had a config.json."""
        golden = Path(__file__).parent / "golden" / "paddle_tokens"
        shutil.copy(golden / "model_state.pdparams", tmp_path)
        values = json.loads((golden / "config.json").read_text())
        kept = ("vocab_size", "embedding_size", "hidden_size", "num_hidden_layers", "num_attention_heads")
        kept += ("intermediate_size", "hidden_act", "max_position_embeddings", "type_vocab_size", "pad_token_id")
        encoder = {key: values[key] for key in kept} | {"init_class": "RoFormerModel"}
        whole = {"init_args": [encoder], "num_classes": 3, "init_class": "RoFormerForTokenClassification"}
        (tmp_path / "model_config.json").write_text(json.dumps(whole if nested else encoder))
        files = find_checkpoint(tmp_path)
        assert files.architectures == (("RoFormerForTokenClassification",) if nested else ("RoFormerModel",))
        checkpoint = load_architecture(files, files.architectures[0])
        assert checkpoint.config.num_labels == (3 if nested else 2)
        assert checkpoint.config.unknown_keys == ()

    def test_nothing(self, tmp_path):
        with pytest.raises(ConfigError, match=r"cannot read .*config\.json"):
            load_architecture(tmp_path, CAUSAL)
