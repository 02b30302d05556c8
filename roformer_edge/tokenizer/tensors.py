"""Rows of numbers as the tensors of a framework, and back."""

from __future__ import annotations

from roformer_edge.errors import TextError, UnknownNameError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def to_tensors(name: str, rows: list[Any]) -> Any:
    """Rows of equal length as a tensor.

    Args:
        name: ``"np"``, ``"pt"``, ``"tf"`` or ``"jax"``.
        rows: Lists of numbers, or of pairs of them; or numbers.

    Raises:
        UnknownNameError: There are no such tensors.
        TextError: The rows are of different lengths.
        MissingDependencyError: The framework is not installed.
    """
    if name not in TENSORS:
        raise UnknownNameError("return_tensors", name, TENSORS)
    if len({len(row) if isinstance(row, list | tuple) else 0 for row in rows}) > 1:
        raise TextError("rows of different lengths do not make a tensor; ask for padding=True, or truncation too")
    return TENSORS[name](rows)


def framework_of(value: object) -> str | None:
    """Name the tensors that a value is of, or None for a number or a list; no framework is imported."""
    module = type(value).__module__.partition(".")[0]
    return {"numpy": "np", "torch": "pt", "tensorflow": "tf", "jax": "jax", "jaxlib": "jax"}.get(module)


def to_lists(value: Any) -> Any:
    """Tensors, arrays and lists of them as lists of numbers."""
    if isinstance(value, list | tuple):
        return [to_lists(item) for item in value]
    if framework_of(value) is None:
        return value
    # tensors of TensorFlow have no tolist of their own
    return value.tolist() if hasattr(value, "tolist") else value.numpy().tolist()


def _numpy(rows: Any) -> Any:
    from roformer_edge._extras import require

    numpy = require("numpy", "for return_tensors='np'")
    array = numpy.asarray(rows)
    return array.astype(numpy.int64, copy=False) if _is_empty(rows) or array.dtype.kind == "i" else array


def _torch(rows: Any) -> Any:
    from roformer_edge._extras import require

    torch = require("torch", "for return_tensors='pt'")
    return torch.tensor(rows, dtype=torch.int64 if _is_empty(rows) else None)


def _tensorflow(rows: Any) -> Any:
    from roformer_edge._extras import require

    tensorflow = require("tensorflow", "for return_tensors='tf'")
    return tensorflow.constant(rows, dtype=tensorflow.int32 if _is_empty(rows) else None)


def _jax(rows: Any) -> Any:
    from roformer_edge._extras import require

    jax_numpy = require("jax.numpy", "for return_tensors='jax'")
    return jax_numpy.array(rows, dtype=jax_numpy.int32 if _is_empty(rows) else None)


def _is_empty(rows: Any) -> bool:
    """Tell whether there is no number, from whose kind a framework could tell the type of the tensor."""
    return isinstance(rows, list | tuple) and all(map(_is_empty, rows))


TENSORS = {"np": _numpy, "pt": _torch, "tf": _tensorflow, "jax": _jax}
