"""Find out whether an ONNX model has parts in other files, which an engine would open wherever their paths lead.

A bundle has every byte in files that its manifest lists, so such a model is refused before an engine sees it. Only the
few fields that lead to tensors and operators are looked at; weights are stepped over.
"""

from __future__ import annotations

import io
from contextlib import closing
from pathlib import Path

from roformer_edge.errors import BackendError, BundleIntegrityError
from roformer_edge.protobuf import LENGTH, MalformedError, Source

# message of ONNX -> number of a field -> the message in it: every way that leads to a tensor
_MESSAGES: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse tensor"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse tensor", 23: "sparse tensor"},
    "sparse tensor": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14
_OPERATOR = 4  # of a node
# what a provider compiled before, in a file that an attribute names
_CONTEXT = b"EPContext"
# the deepest nesting that protobuf's own readers follow
_DEEPEST = 100


def refuse_outside_onnx(model: str | Path | bytes, complaint: str) -> None:
    """Make sure that an ONNX model needs no other file: for tensors, wherever they are, or for what a node stands for.

    Args:
        model: The path of the file, or its bytes.
        complaint: The beginning of the message where it is no model.

    Raises:
        BundleIntegrityError: Something lies elsewhere.
        BackendError: The file cannot be read, or is no ONNX model.
    """
    try:
        # read, not mapped: a mapping of a file that is shortened meanwhile would end the process
        with closing(io.BytesIO(model) if isinstance(model, bytes) else Path(model).open("rb", buffering=0)) as stream:
            source = Source(stream)
            _check_message(source, "model", 0, source.size, 0)
    except OSError as error:
        raise BackendError(f"cannot read {model!s:.200}: {error.strerror or error}") from None
    except MalformedError:
        raise BackendError(f"{complaint}: it is damaged, or no ONNX model") from None


def _check_message(source: Source, kind: str, place: int, end: int, depth: int) -> None:
    if depth > _DEEPEST or end > source.size:
        raise MalformedError
    inside = _MESSAGES[kind]
    for field in source.fields(place, end):
        if kind == "tensor" and (
            (field.number == _EXTERNAL_DATA and field.wire == LENGTH)
            or (field.number == _DATA_LOCATION and field.value)
        ):
            _refuse("data of a tensor")
        if field.wire != LENGTH:
            continue
        named = kind == "node" and field.number == _OPERATOR and field.end - field.content == len(_CONTEXT)
        if named and source.read(field.content, field.end) == _CONTEXT:
            _refuse("what a provider compiled")
        if field.number in inside:
            _check_message(source, inside[field.number], field.content, field.end, depth + 1)


def _refuse(what: str) -> None:
    raise BundleIntegrityError(
        f"the model file says that {what} lies in another file, and a bundle reads nothing that its manifest does not "
        "list: make the model anew with everything in it"
    )
