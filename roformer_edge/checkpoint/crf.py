"""Find a conditional random field over token labels in a checkpoint, by the names that packages give its scores."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from fnmatch import fnmatchcase

from roformer_edge.checkpoint.tensors import StoredTensors
from roformer_edge.crf import Crf
from roformer_edge.errors import CheckpointError, UnsupportedModelError, shown

# package -> the names of its transitions [from, to], start scores and end scores; whatever attribute the layer is kept
# under stands before them
_PACKAGES = {
    "pytorch-crf": ("transitions", "start_transitions", "end_transitions"),
    "TorchCRF": ("trans_matrix", "start_trans", "end_trans"),
}
# the transitions of bert4keras' layer are what is stored times the layer's lr_multiplier, which no file holds
_KERAS = "conditional_random_field*.trans*"


def find_crfs(names: Collection[str]) -> list[tuple[str, str, str]]:
    """Find the conditional random fields among stored tensors.

    Args:
        names: Canonical names.

    Returns:
        For each the names of its transitions, start scores and end scores.
    """
    found = []
    for transitions, start, end in _PACKAGES.values():
        layers = [name.removesuffix(transitions) for name in names if f".{name}".endswith(f".{transitions}")]
        triples = [(layer + transitions, layer + start, layer + end) for layer in layers]
        found += [triple for triple in triples if set(triple) <= set(names)]
    return found


def read_crf(tensors: StoredTensors, names: Collection[str], labels: int) -> Crf | None:
    """Read the conditional random field of a token classifier, if it has one.

    Args:
        tensors: What is stored.
        names: The names among which it may be.
        labels: Number of labels of the classifier.

    Raises:
        CheckpointError: It is of another shape than the labels ask for.
        UnsupportedModelError: There is more than one, or one whose scores the file does not hold whole.
    """
    found = find_crfs(names)
    if len(found) > 1:
        layers = ", ".join(sorted(triple[0] for triple in found))
        raise UnsupportedModelError(f"there are {len(found)} conditional random fields: {shown(layers)}")
    if not found:
        _refuse_keras(names)
        return None
    shapes: Sequence[tuple[int, ...]] = ((labels, labels), (labels,), (labels,))
    for name, expected in zip(found[0], shapes, strict=True):
        if tensors.shapes[name] != expected:
            raise CheckpointError(
                f"'{shown(name)}' is {shown(list(tensors.shapes[name]))}, expected {list(expected)} for {labels} "
                "labels; a conditional random field with labels of its own for start and end is not supported"
            )
    transitions, start, end = (tensors.read(name) for name in found[0])
    return Crf(start=start, end=end, transitions=transitions)


def _refuse_keras(names: Collection[str]) -> None:
    for name in names:
        if fnmatchcase(name, _KERAS):
            raise UnsupportedModelError(
                f"'{shown(name)}' is the transitions of bert4keras' ConditionalRandomField, divided by its "
                "lr_multiplier, which no file holds: multiply them by it, and store them as crf.transitions beside "
                "crf.start_transitions and crf.end_transitions of zeros"
            )
