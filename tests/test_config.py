"""The config: the relatives of RoFormer that it knows, refuses, or must not mistake for one another."""

from __future__ import annotations

import copy
import json
import pickle

import pytest

from roformer_edge.config import RoFormerConfig, check_vocabulary
from roformer_edge.errors import ConfigError, UnknownNameError, UnsupportedModelError, VocabularyError

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

    @pytest.mark.parametrize("keys", [{"norm_type": "rms_norm"}, {"use_bias": False}])
    def test_norms_and_biases_are_two_things(self, keys):
        """As in pip's roformer; the weights tell which are there."""
        config = RoFormerConfig.from_dict(keys)
        assert config.is_v2 is ("norm_type" in keys)
        assert config.use_bias is ("use_bias" not in keys)
        assert RoFormerConfig.from_json(config.to_json()) == config

    def test_another_norm(self):
        with pytest.raises(ConfigError, match="unknown norm_type 'batch_norm'; choose one of: layer_norm, rms_norm"):
            RoFormerConfig(norm_type="batch_norm")


class TestPoolers:
    def test_those_of_googles_config_are_no_pooler_of_ours(self):
        config = RoFormerConfig.from_dict({**GOOGLE, "embedding_size": 384})
        assert config.hidden_size == 384
        assert config.unknown_keys == ()
        assert RoFormerConfig.from_json(config.to_json()) == config

    def test_keys_of_other_packages_say_nothing_about_the_weights(self):
        """pip's roformer writes the first three into every config."""
        keys = {"pooler_activation": "linear", "use_bias": True, "norm_type": "layer_norm", "with_pooler": True}
        config = RoFormerConfig.from_dict({**GOOGLE, **keys})
        assert config.unknown_keys == ()

    @pytest.mark.parametrize(
        ("keys", "function"),
        [({}, "tanh"), ({"pooler_activation": "linear"}, "linear"), ({"pool_act": "gelu_python"}, "gelu")],
    )
    def test_the_function_after_a_pooler(self, keys, function):
        assert RoFormerConfig.from_dict(keys).pooler_activation == function

    def test_an_unknown_function_after_a_pooler(self):
        with pytest.raises(ConfigError, match="unknown pooler_activation 'cube'; choose one of: gelu, gelu_python"):
            _ = RoFormerConfig.from_dict({"pooler_activation": "cube"}).pooler_activation


class TestActivations:
    def test_aliases_keep_their_name_and_name_their_function(self):
        config = RoFormerConfig.from_dict({"hidden_act": "gelu_fast"})
        assert (config.hidden_act, config.activation) == ("gelu_fast", "gelu_tanh")
        assert json.loads(config.to_json())["hidden_act"] == "gelu_fast"

    @pytest.mark.parametrize("name", ["prelu", "xielu", "cube", ""])
    def test_others_are_refused(self, name):
        with pytest.raises(ConfigError, match=f"unknown hidden_act '{name}'; choose one of: gelu, "):
            RoFormerConfig.from_dict({"hidden_act": name})


class TestPrunedHeads:
    def test_they_are_kept_and_counted(self, tmp_path):
        config = RoFormerConfig.from_dict({"pruned_heads": {"0": [2, 1, 2], "11": [0], "3": []}})
        assert config.pruned_heads == {0: (1, 2), 11: (0,)}
        assert [config.heads_of(layer) for layer in (0, 1, 3, 11)] == [10, 12, 12, 11]
        config.save_pretrained(tmp_path)
        assert json.loads((tmp_path / "config.json").read_text())["pruned_heads"] == {"0": [1, 2], "11": [0]}
        assert RoFormerConfig.from_pretrained(tmp_path) == config

    @pytest.mark.parametrize("keys", [{}, {"pruned_heads": {}}, {"pruned_heads": None}])
    def test_none(self, keys):
        config = RoFormerConfig.from_dict(keys)
        assert config.pruned_heads == {}
        assert "pruned_heads" not in config.to_dict()

    @pytest.mark.parametrize(
        ("value", "message"),
        [
            ([1], "must be an object"),
            ({"a": [1]}, "numbers of layers to lists of heads"),
            ({"0": 1}, "numbers of layers to lists of heads"),
            ({"0": ["1"]}, "must list heads by number"),
            ({"0": [True]}, "must list heads by number"),
            ({"12": [1]}, r"names heads \[1\] of layer 12, and there are 12 heads in each of 12 layers"),
            ({"0": [12]}, r"names heads \[12\] of layer 0"),
            ({"0": [-1]}, r"names heads \[-1\] of layer 0"),
            ({"0": list(range(12))}, "cuts every head out of layer 0"),
        ],
    )
    def test_impossible_ones_are_refused(self, value, message):
        with pytest.raises(ConfigError, match=message):
            RoFormerConfig.from_dict({"pruned_heads": value})


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
        for config in (RoFormerConfig(**given), RoFormerConfig().replace(**given)):
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

    def test_a_file_is_read_as_transformers_reads_it(self):
        """tests/checkpoint/test_oracle.py compares; of these keys transformers takes the names in id2label alone."""
        assert RoFormerConfig.from_dict({"label2id": {"yes": 1, "no": 0}}).labels == ("LABEL_0", "LABEL_1")
        assert RoFormerConfig.from_dict({"id2label": {"0": "a"}, "num_labels": 3}).labels == ("a",)
        assert RoFormerConfig.from_dict({"id2label": {}, "num_labels": 0}).num_labels == 2


def test_quantised_weights_are_no_source():
    with pytest.raises(UnsupportedModelError, match=r"quantization_config is set: .*start from the float checkpoint"):
        RoFormerConfig.from_dict({"quantization_config": {"bits": 4}})


@pytest.mark.parametrize(
    "values", [{"model_type": "\x1b[2J"}, {"hidden_act": "\n" * 10**6}, {"vocab_size": "\x1b" * 999}]
)
def test_values_of_a_file_are_shown_escaped_and_cut(values):
    with pytest.raises((ConfigError, UnsupportedModelError)) as caught:
        RoFormerConfig.from_dict(values)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 800


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


class TestVocabulary:
    def test_one_id_a_row(self):
        assert check_vocabulary(RoFormerConfig(vocab_size=50000), 50000, "vocab.txt") == ()

    @pytest.mark.parametrize(("size", "rows"), [(21248, 21128), (40, 37), (50000, 12000), (64, 1)])
    def test_rows_to_spare(self, size, rows):
        (note,) = check_vocabulary(RoFormerConfig(vocab_size=size), rows, "vocab.txt")
        assert note == (
            f"vocab.txt has ids up to {rows - 1} and the model {size} embeddings: rows from {rows} on are never used"
        )

    def test_an_id_without_a_row(self):
        with pytest.raises(VocabularyError, match=r"vocab\.txt has ids up to 40 and the model 40 embeddings"):
            check_vocabulary(RoFormerConfig(vocab_size=40), 41, "vocab.txt")
