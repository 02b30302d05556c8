"""The config: the relatives of RoFormer that it knows, refuses, or must not mistake for one another."""

from __future__ import annotations

import copy
import json
import pickle

import pytest

from roformer_edge.config import RoFormerConfig
from roformer_edge.errors import ConfigError, UnknownNameError, UnsupportedModelError

V2 = {"norm_type": "rms_norm", "use_bias": False}
# bert_config.json of a TensorFlow 1 archive, as Google's script writes it
GOOGLE = {
    "attention_probs_dropout_prob": 0.1,
    "directionality": "bidi",
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "hidden_size": 384,
    "initializer_range": 0.02,
    "intermediate_size": 1536,
    "max_position_embeddings": 512,
    "num_attention_heads": 6,
    "num_hidden_layers": 6,
    "pooler_fc_size": 768,
    "pooler_num_attention_heads": 12,
    "pooler_num_fc_layers": 3,
    "pooler_size_per_head": 128,
    "pooler_type": "first_token_transform",
    "type_vocab_size": 2,
    "vocab_size": 50000,
}


class TestRoFormerV2:
    def test_the_two_keys_name_it(self):
        config = RoFormerConfig.from_dict(V2)
        assert config.is_v2
        assert config.unknown_keys == ()
        assert not RoFormerConfig().is_v2

    def test_it_is_written_and_read_again(self, tmp_path):
        config = RoFormerConfig.from_dict({**V2, "embedding_size": 768})
        config.save_pretrained(tmp_path)
        assert json.loads((tmp_path / "config.json").read_text()).items() >= V2.items()
        assert RoFormerConfig.from_pretrained(tmp_path) == config

    def test_another_config_does_not_grow_by_its_keys(self):
        assert not V2.keys() & RoFormerConfig().to_dict().keys()

    @pytest.mark.parametrize("keys", [{"norm_type": "rms_norm"}, {"use_bias": False}, {**V2, "use_bias": True}])
    def test_one_key_without_the_other_is_a_contradiction(self, keys):
        with pytest.raises(ConfigError, match="does not go with use_bias"):
            RoFormerConfig.from_dict(keys)

    def test_another_norm(self):
        with pytest.raises(ConfigError, match="unknown norm_type 'batch_norm'; choose one of: layer_norm, rms_norm"):
            RoFormerConfig(norm_type="batch_norm")


class TestPoolers:
    def test_those_of_googles_config_are_no_pooler_of_ours(self):
        config = RoFormerConfig.from_dict({**GOOGLE, "embedding_size": 384})
        assert config.hidden_size == 384
        assert config.unknown_keys == ()
        assert RoFormerConfig.from_json(config.to_json()) == config

    @pytest.mark.parametrize("key", ["pooler_activation", "use_pooler", "use_pooler_output", "with_pooler"])
    def test_roformer_sim_is_refused(self, key):
        with pytest.raises(UnsupportedModelError, match=f"RoFormer-sim config .*'{key}'"):
            RoFormerConfig.from_dict({**GOOGLE, key: "linear"})


class TestLabels:
    """One of the three keys is enough, however a config is made."""

    @pytest.mark.parametrize(
        "given",
        [
            {"num_labels": 2, "id2label": {0: "no", 1: "yes"}, "label2id": {"no": 0, "yes": 1}},
            {"id2label": {"1": "yes", "0": "no"}},
            {"label2id": {"yes": 1, "no": 0}},
            {"id2label": {"0": "no", "1": "yes"}, "label2id": {"no": "0", "yes": "1"}},
        ],
    )
    def test_each_gives_the_others(self, given):
        for config in (RoFormerConfig(**given), RoFormerConfig.from_dict(given), RoFormerConfig().replace(**given)):
            assert config.labels == ("no", "yes")
            assert config.num_labels == 2
            assert config.label2id == {"no": 0, "yes": 1}

    def test_a_number_alone_makes_names(self):
        assert RoFormerConfig(num_labels=3).labels == ("LABEL_0", "LABEL_1", "LABEL_2")
        assert RoFormerConfig(num_labels=3).replace(num_labels=1).labels == ("LABEL_0",)

    def test_other_changes_keep_them(self):
        config = RoFormerConfig(id2label={0: "no", 1: "yes", 2: "why"}).replace(vocab_size=60)
        assert config.labels == ("no", "yes", "why")

    @pytest.mark.parametrize(
        "given",
        [{"num_labels": 3, "id2label": {0: "no", 1: "yes"}}, {"num_labels": 0}, {"id2label": {1: "no", 2: "yes"}}],
    )
    def test_contradictions_are_refused(self, given):
        with pytest.raises(ConfigError, match=r"num_labels|id2label"):
            RoFormerConfig(**given)


class TestAsAValue:
    CONFIG = RoFormerConfig(hidden_size=48, num_attention_heads=4, num_labels=3, extra={"foo": [1]})

    def test_reading_back_gives_an_equal_one(self, tmp_path):
        config = self.CONFIG
        config.save_pretrained(tmp_path)
        for read in (
            RoFormerConfig.from_dict(config.to_dict()),
            RoFormerConfig.from_json(config.to_json()),
            RoFormerConfig.from_pretrained(tmp_path),
            pickle.loads(pickle.dumps(config)),
            copy.deepcopy(config),
        ):
            assert read == config
            assert hash(read) == hash(config)
        assert config.replace(num_labels=2) != config

    def test_embeddings_follow_the_states_they_are_as_wide_as(self, tmp_path):
        self.CONFIG.save_pretrained(tmp_path)
        assert self.CONFIG.embedding_size == 48
        assert RoFormerConfig.from_pretrained(tmp_path, hidden_size=64).embedding_size == 64
        assert self.CONFIG.replace(embedding_size=12).replace(hidden_size=64).embedding_size == 12
        with pytest.raises(ConfigError, match="must be at least 1, found 0"):
            RoFormerConfig(embedding_size=0)

    def test_reading_with_changes(self, tmp_path):
        self.CONFIG.save_pretrained(tmp_path)
        config = RoFormerConfig.from_pretrained(tmp_path, num_labels=5, output_attentions=True, return_dict=False)
        assert (config.num_labels, config.output_attentions, config.use_return_dict) == (5, True, False)
        assert config.extra["foo"] == [1]
        with pytest.raises(UnknownNameError, match=r"unknown config field 'num_label'; choose one of: .*num_labels"):
            RoFormerConfig.from_pretrained(tmp_path, num_label=5)

    def test_a_name_twice_is_read_back(self):
        config = RoFormerConfig(id2label={0: "other", 1: "good", 2: "other"})
        assert RoFormerConfig.from_dict(config.to_dict()) == config

    def test_a_name_of_label2id_alone_is_a_contradiction(self):
        with pytest.raises(ConfigError, match="label2id is not the inverse"):
            RoFormerConfig(id2label={0: "no", 1: "yes"}, label2id={"no": 0, "maybe": 1})


def test_the_summary_of_multiple_choice():
    assert RoFormerConfig().summary_type == "last"
    assert RoFormerConfig(extra={"summary_type": "last_token"}).summary_type == "last_token"
    with pytest.raises(UnknownNameError, match="last, first, mean, last_token"):
        _ = RoFormerConfig(extra={"summary_type": "cls"}).summary_type
    with pytest.raises(UnsupportedModelError, match="projection or an activation"):
        _ = RoFormerConfig(extra={"summary_activation": "tanh"}).summary_type
