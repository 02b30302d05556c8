"""Results of the torch models as dictionaries."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch

from roformer_edge.models.torch.outputs import TorchLogitsOutput, TorchSpanOutput

LOGITS = torch.arange(6.0).view(2, 3)


def test_fields_that_are_there_are_items():
    output = TorchLogitsOutput(logits=LOGITS)
    assert isinstance(output, dict)
    assert (list(output), len(output)) == (["logits"], 1)
    assert output["logits"] is output.logits is output[0] is output.to_tuple()[0]
    assert output[1:] == ()
    assert (output.loss, output.get("loss", 3)) == (None, 3)
    assert {**output} == dict(output) == dict(output.items()) == {"logits": LOGITS}
    with pytest.raises(KeyError, match="nothing"):
        output["nothing"]


def test_order_is_that_of_the_fields():
    output = TorchSpanOutput(end_logits=LOGITS, start_logits=LOGITS + 1, loss=torch.tensor(1.0))
    assert list(output) == ["loss", "start_logits", "end_logits"]
    assert [float(value.sum()) for value in output.values()] == [1.0, 21.0, 15.0]


def test_it_is_made_of_a_mapping_or_of_pairs_and_set():
    """As accelerate, DataParallel and pipelines do."""
    output = TorchLogitsOutput({"logits": LOGITS, "loss": torch.tensor(2.0)})
    assert type(output)(output.items()).loss == 2
    output["loss"] = torch.tensor(3.0)
    assert (output.loss, output["loss"]) == (3, 3)
    output["input_ids"] = [1]
    assert output["input_ids"] == [1]


def test_copies():
    output = TorchLogitsOutput(logits=LOGITS)
    for other in (pickle.loads(pickle.dumps(output)), copy.deepcopy(output), copy.copy(output)):
        assert type(other) is TorchLogitsOutput
        assert torch.equal(other["logits"], LOGITS)
        assert torch.equal(other.logits, LOGITS)
