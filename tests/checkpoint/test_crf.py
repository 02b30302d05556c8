from __future__ import annotations

import numpy as np
import pytest

from roformer_edge.checkpoint.loading import load_architecture
from roformer_edge.errors import CheckpointError, UnsupportedModelError

TOKENS = "RoFormerForTokenClassification"
SCORES = {
    "transitions": np.arange(9, dtype=np.float32).reshape(3, 3),
    "start": np.array([1, 2, 3], np.float32),
    "end": np.array([-1, -2, -3], np.float32),
}
PYTORCH_CRF = ("crf.transitions", "crf.start_transitions", "crf.end_transitions")


def with_crf(names: tuple[str, str, str], **others: np.ndarray):
    def add(arrays):
        arrays |= dict(zip(names, SCORES.values(), strict=True))
        arrays |= {name.replace("__", "."): array for name, array in others.items()}

    return add


@pytest.mark.parametrize(
    "names",
    [
        PYTORCH_CRF,
        ("layers.crf_layer.transitions", "layers.crf_layer.start_transitions", "layers.crf_layer.end_transitions"),
        ("crf.trans_matrix", "crf.start_trans", "crf.end_trans"),
        ("module.crf.transitions", "module.crf.start_transitions", "module.crf.end_transitions"),
        ("transitions", "start_transitions", "end_transitions"),
    ],
    ids=["pytorch-crf", "another attribute", "TorchCRF", "wrapped", "parameters of the model itself"],
)
def test_the_scores_are_read(checkpoint_directory, names):
    checkpoint = load_architecture(checkpoint_directory(with_crf(names), TOKENS), TOKENS)
    assert checkpoint.crf is not None
    for name, array in SCORES.items():
        found = getattr(checkpoint.crf, name)
        assert found.dtype == np.float32
        assert np.array_equal(found, array)
    assert (checkpoint.unused, checkpoint.notes) == ((), ())


def test_without_one(checkpoint_directory):
    assert load_architecture(checkpoint_directory(architecture=TOKENS), TOKENS).crf is None


def test_of_another_task_it_is_a_head_that_is_not_used(checkpoint_directory):
    directory = checkpoint_directory(with_crf(PYTORCH_CRF))
    checkpoint = load_architecture(directory, "RoFormerForSequenceClassification")
    assert checkpoint.crf is None
    assert set(checkpoint.unused) == set(PYTORCH_CRF)
    assert checkpoint.notes == (
        "3 tensors of other heads not used: crf.end_transitions, crf.start_transitions, crf.transitions",
    )


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"crf__transitions": np.zeros((5, 5))}, CheckpointError, r"'crf.transitions' is \[5, 5\], expected \[3, 3\]"),
        ({"crf__end_transitions": np.zeros(4)}, CheckpointError, r"'crf.end_transitions' is \[4\], expected \[3\]"),
        ({"crf___constraint_mask": np.zeros((5, 5))}, CheckpointError, r"no place for.*: crf\._constraint_mask"),
        (
            {
                "b__trans_matrix": np.zeros((3, 3)),
                "b__start_trans": np.zeros(3),
                "b__end_trans": np.zeros(3),
            },
            UnsupportedModelError,
            r"2 conditional random fields: b\.trans_matrix, crf\.transitions",
        ),
    ],
)
def test_one_that_is_more_than_its_scores_is_refused(checkpoint_directory, change, error, message):
    arrays = {name: np.asarray(array, np.float32) for name, array in change.items()}
    with pytest.raises(error, match=message):
        load_architecture(checkpoint_directory(with_crf(PYTORCH_CRF, **arrays), TOKENS), TOKENS)


def test_transitions_alone_may_be_of_either_direction(checkpoint_directory):
    def add(arrays):
        arrays["crf.transitions"] = SCORES["transitions"]

    with pytest.raises(
        CheckpointError, match=r"may change its answers: crf\.transitions; .*ignore_weights=\['crf\.\*'\]"
    ):
        load_architecture(checkpoint_directory(add, TOKENS), TOKENS)


def test_transitions_of_bert4keras_lack_their_factor(checkpoint_directory):
    def add(arrays):
        arrays["conditional_random_field_1.trans.weight"] = SCORES["transitions"]

    with pytest.raises(UnsupportedModelError, match="divided by its lr_multiplier, which no file holds"):
        load_architecture(checkpoint_directory(add, TOKENS), TOKENS)


def test_it_may_be_left_out(checkpoint_directory):
    directory = checkpoint_directory(with_crf(PYTORCH_CRF), TOKENS)
    checkpoint = load_architecture(directory, TOKENS, ignore_weights=["crf.*"])
    assert checkpoint.crf is None
    assert set(checkpoint.unused) == set(PYTORCH_CRF)
    assert any("3 tensors left out, as asked" in note for note in checkpoint.notes)
