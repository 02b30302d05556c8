"""The options of ``generate``: merged, and refused by name."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from roformer_edge.errors import UnknownNameError, UnsupportedModelError
from roformer_edge.models.generation_options import DEFAULTS, REFUSED, WITHOUT_EFFECT, GenerationConfig, resolve


def test_the_call_counts_before_the_config_before_the_defaults():
    found = resolve(GenerationConfig(num_beams=3, top_k=7), {"top_k": 9})
    assert found == {**DEFAULTS, "num_beams": 3, "top_k": 9}
    assert resolve({"num_beams": 3}, {}) == {**DEFAULTS, "num_beams": 3}
    assert resolve(None, {"top_k": None}) == DEFAULTS


def test_of_two_lengths_the_one_of_the_call_counts():
    assert resolve({"max_length": 50}, {"max_new_tokens": 3})["max_length"] is None
    assert resolve({"max_new_tokens": 5}, {"max_length": 30})["max_new_tokens"] is None
    assert resolve({"max_new_tokens": 5, "max_length": 30}, {})["max_length"] is None
    assert resolve({"max_length": 20}, {})["max_length"] is None  # what every config of transformers says
    assert resolve({"max_length": 30}, {})["max_length"] == 30


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_followed(name: str):
    neutral, instead = REFUSED[name]
    assert resolve({name: neutral}, {name: None}) == DEFAULTS
    assert len(instead) > 10
    for config, given in (({name: "other"}, {}), (None, {name: "other"})):
        with pytest.raises(UnsupportedModelError, match=f"generate does not take {name}='?other"):
            resolve(config, given)


def test_names_that_do_not_exist():
    assert resolve(None, dict.fromkeys(WITHOUT_EFFECT, 1)) == DEFAULTS
    with pytest.raises(UnknownNameError, match=r"'num_beam'.*did you mean num_beams"):
        resolve(None, {"num_beam": 2})


def test_a_config_is_set_and_read():
    config = GenerationConfig(do_sample=True)
    config.temperature = 0.5
    assert config.update(top_k=3) == {}
    assert resolve(config, {}) == {**DEFAULTS, "do_sample": True, "temperature": 0.5, "top_k": 3}
    assert GenerationConfig(**config.to_dict()).to_dict() == config.to_dict()
    assert "temperature" in repr(config)


@pytest.mark.oracle
def test_every_option_of_transformers_is_accounted_for(oracle_python: Path):
    """Followed, without effect or refused; and a fresh config of transformers asks for nothing."""
    program = "import json, transformers; print(json.dumps(transformers.GenerationConfig().to_dict()))"
    done = subprocess.run([oracle_python, "-c", program], capture_output=True, text=True, check=True)
    theirs = json.loads(done.stdout.splitlines()[-1])
    assert len(theirs) > 50
    assert theirs.keys() <= {*DEFAULTS, *WITHOUT_EFFECT, *REFUSED}
    assert resolve(theirs, {}) == {**DEFAULTS, "output_logits": None}
