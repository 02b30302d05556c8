"""A config whose attributes are read and set, as scripts for transformers do."""

from __future__ import annotations

import copy
import json
import pickle
import subprocess

import pytest

from roformer_edge.config import RoFormerConfig
from roformer_edge.errors import ConfigError


class TestAttributes:
    def test_a_field_is_set_with_its_checks(self):
        config = RoFormerConfig(num_labels=3)
        config.problem_type = "regression"
        config.hidden_dropout_prob = 0.25
        assert config == RoFormerConfig(num_labels=3, problem_type="regression", hidden_dropout_prob=0.25)
        with pytest.raises(ConfigError, match="unknown problem_type 'regresion'"):
            config.problem_type = "regresion"
        with pytest.raises(ConfigError, match=r"hidden_dropout_prob must lie in \[0, 1\)"):
            config.hidden_dropout_prob = 1.5
        assert config.problem_type == "regression"

    def test_labels_follow_whichever_is_set(self):
        config = RoFormerConfig()
        config.id2label = {0: "no", 1: "yes", 2: "why"}
        assert (config.num_labels, config.label2id) == (3, {"no": 0, "yes": 1, "why": 2})
        config.label2id = {"off": 0, "on": 1}
        assert (config.labels, config.id2label) == (("off", "on"), {0: "off", 1: "on"})
        config.num_labels = 5
        assert config.labels[-1] == "LABEL_4"

    def test_what_follows_from_fields_cannot_be_set(self):
        with pytest.raises(AttributeError, match="labels of a config cannot be set"):
            RoFormerConfig().labels = ("a",)
        with pytest.raises(AttributeError, match="to_dict of a config cannot be set"):
            RoFormerConfig().to_dict = None

    def test_keys_without_a_field_are_kept_and_read(self):
        config = RoFormerConfig(eos_token_id=102, summary_type="first")
        config.output_attentions = True
        config.bos_token_id = 101
        assert (config.eos_token_id, config.stop_token_ids, config.summary_type) == (102, (102,), "first")
        assert config.output_attentions
        assert RoFormerConfig.from_dict(config.to_dict()).bos_token_id == 101

    def test_a_type_is_kept_by_its_name(self):
        class Dtype:
            def __str__(self):
                return "torch.float16"

        config = RoFormerConfig(torch_dtype=Dtype())
        config.dtype = Dtype()
        assert json.loads(config.to_json_string())["torch_dtype"] == config.dtype == "float16"

    def test_an_unknown_name_is_kept_and_said(self):
        config = RoFormerConfig()
        with pytest.warns(UserWarning, match=r"no field 'problem_typ' \(did you mean problem_type\?\)"):
            config.problem_typ = "regression"
        with pytest.warns(UserWarning, match="no field 'house': it is kept, and changes nothing"):
            made = RoFormerConfig(house="red")
        assert config.problem_type is None
        assert made.to_dict()["house"] == made.house == "red"
        with pytest.raises(AttributeError, match="no attribute 'garden'"):
            _ = made.garden

    def test_what_every_config_of_transformers_has(self):
        config = RoFormerConfig(hidden_size=48, num_attention_heads=4)
        config.update({"num_labels": 4, "hidden_act": "relu"})
        assert (config.num_labels, config.hidden_act) == (4, "relu")
        assert json.loads(config.to_json_string()) == config.to_dict() == config.to_diff_dict()
        assert (config.model_type, config.architectures, config.is_encoder_decoder) == ("roformer", None, False)
        assert (config.num_beams, config.max_length, config.return_dict) == (1, 20, True)
        assert config.get("hidden_size") == 48
        assert config.get("garden", 7) == 7
        assert config.get_text_config(decoder=True) is config

    def test_a_copy_stands_by_itself(self):
        config = RoFormerConfig(extra={"foo": 1})
        for other in (copy.deepcopy(config), copy.copy(config), pickle.loads(pickle.dumps(config))):
            other.problem_type = "regression"
            other.update({"eos_token_id": 2})
            assert (config.problem_type, config.foo, config.eos_token_id, other.foo) == (None, 1, None, 1)


@pytest.mark.oracle
def test_attributes_are_those_of_transformers(oracle_python):
    """What a fresh config of 4.57.6 says, ours says: every attribute, by name and value."""
    program = "import json, transformers; print(json.dumps(vars(transformers.RoFormerConfig()), default=str))"
    done = subprocess.run([oracle_python, "-c", program], capture_output=True, text=True, check=True)
    theirs = json.loads(done.stdout.splitlines()[-1])
    ours = RoFormerConfig()
    private = {name for name in theirs if name.startswith("_")} | {"transformers_version"}
    assert len(theirs) > 60
    for name in theirs.keys() - private - {"id2label"}:
        assert getattr(ours, name) == theirs[name], name
    assert {str(key): value for key, value in ours.id2label.items()} == theirs["id2label"]
