"""Largest differences between what a model returned and the arrays of a file, whatever the framework."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def flatten(name: str, value: object) -> dict[str, np.ndarray]:
    """Nested tuples as names like ``hidden_states.1``; transformers' caches as tuples; ``None`` is dropped."""
    if hasattr(value, "to_legacy_cache"):
        value = value.to_legacy_cache()
    if isinstance(value, (tuple, list)):
        return {key: array for i, part in enumerate(value) for key, array in flatten(f"{name}.{i}", part).items()}
    if value is None:
        return {}
    return {name: np.asarray(value.detach() if hasattr(value, "detach") else value)}


def flatten_output(output: object) -> dict[str, np.ndarray]:
    """All arrays of an output by name."""
    return {key: array for name in output for key, array in flatten(name, output[name]).items()}


def differences(output: object, expected: dict[str, np.ndarray]) -> dict[str, float]:
    """Kind of output (``logits``, ``hidden_states`` ...) -> largest absolute difference.

    Names and shapes must be the same, with one exception: the original computes the cross-attentions of a masked
    language model and leaves them out of its answer.
    """
    found = flatten_output(output)
    if "cross_attentions.0" not in expected:
        found = {name: array for name, array in found.items() if not name.startswith("cross_attentions.")}
    assert found.keys() == expected.keys(), sorted(found.keys() ^ expected.keys())
    worst: dict[str, float] = {}
    for name, array in expected.items():
        assert found[name].shape == array.shape, (name, found[name].shape, array.shape)
        kind = name.partition(".")[0]
        worst[kind] = max(worst.get(kind, 0.0), float(np.abs(found[name] - array).max()))
    return worst


def without(kinds: tuple[str, ...], arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays of other kinds."""
    return {name: array for name, array in arrays.items() if name.partition(".")[0] not in kinds}


def difference_of_weights(found: dict[str, np.ndarray], state: dict[str, np.ndarray]) -> float:
    """Between canonical arrays and a torch state dict, whose bare encoder has no prefix."""
    of_state = {name: state[name] if name in state else state[name.removeprefix("roformer.")] for name in found}
    return max(float(np.abs(array - of_state[name]).max()) for name, array in found.items())


def refusal_of_a_third(file: Path) -> str:
    """What is said of a checkpoint whose weight file holds its first third only; the file is whole again afterwards."""
    from roformer_edge.checkpoint.loading import load_architecture
    from roformer_edge.errors import CheckpointError

    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 3])
    try:
        dict(load_architecture(file.parent, "RoFormerForMaskedLM").arrays)
    except CheckpointError as error:
        return str(error)
    finally:
        file.write_bytes(whole)
    return "nothing"
