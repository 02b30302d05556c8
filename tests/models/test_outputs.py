from __future__ import annotations

import pytest

from roformer_edge.config import RoFormerConfig
from roformer_edge.models.outputs import LogitsOutput

OUTPUT: LogitsOutput[int] = LogitsOutput(logits=1, attentions=(2, 3))


def test_it_reads_like_a_dictionary_of_what_is_there():
    assert dict(OUTPUT) == dict(OUTPUT.items()) == {"logits": 1, "attentions": (2, 3)}
    assert list(OUTPUT) == ["logits", "attentions"]
    assert OUTPUT.values() == OUTPUT.to_tuple() == (1, (2, 3))
    assert len(OUTPUT) == 2
    assert "loss" not in OUTPUT
    assert (OUTPUT["loss"], OUTPUT.get("loss", 0), OUTPUT.get("logits")) == (None, 0, 1)


def test_and_like_a_tuple():
    assert OUTPUT[0] == 1
    assert OUTPUT[-1] == (2, 3)
    assert OUTPUT[:1] == (1,)


def test_a_field_that_does_not_exist():
    with pytest.raises(KeyError, match=r"logit .*logits, attentions"):
        OUTPUT["logit"]
    with pytest.raises(KeyError):
        OUTPUT["to_tuple"]


def test_the_call_decides_before_the_config():
    config = RoFormerConfig(extra={"return_dict": False})
    assert OUTPUT.as_asked(None, config) == (1, (2, 3))
    assert OUTPUT.as_asked(True, config) is OUTPUT
    assert OUTPUT.as_asked(False, RoFormerConfig()) == (1, (2, 3))
    assert OUTPUT.as_asked(None, RoFormerConfig()) is OUTPUT
