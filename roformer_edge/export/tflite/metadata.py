"""TFLite's own metadata: what tools for phones and viewers such as Netron show of a model.

A small flatbuffer of a schema of its own, in a buffer of the model called ``TFLITE_METADATA``. The files that it names
are those of the bundle: beside the model in a directory, and in the ZIP at the end of a model that was packed as one
file, which is where such tools look for them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import flatbuffers

from roformer_edge._version import __version__
from roformer_edge.bundle.manifest import LABELS_NAME, VOCABULARY_NAME
from roformer_edge.sentence import VECTOR
from roformer_edge.signatures import Signature, TensorSpec
from roformer_edge.tasks import Task

METADATA_NAME = "TFLITE_METADATA"
_IDENTIFIER = b"M001"
# the oldest parser that knows all that is written here
_PARSER = "1.0.0"
# tables of the schema -> their fields, in the order of their numbers, as far as there is something to write
_MODEL = ("name", "description", "version", "subgraphs", "author", "license", "files", "parser")
_SUBGRAPH = ("name", "description", "inputs", "outputs")
_TENSOR = ("name", "description", "dimensions", "content", "process_units", "stats", "files")
_FILE = ("name", "description", "kind")
# kinds of file
_LABELS_OF_AN_AXIS, _VOCABULARY = 2, 5

# tensor, or the first part of its name -> what it holds
_DESCRIPTIONS = {
    "input_ids": "Token ids, special tokens included",
    "attention_mask": "1 at tokens, 0 at padding",
    "token_type_ids": "0 at the tokens of a text, 1 at those of its pair",
    "position_ids": "The numbers of the tokens, from 0",
    "positions": "The positions whose outputs are wanted",
    "past_key_values": "Keys or values of earlier tokens; none at first",
    "present": "Keys or values of all tokens, for the next call",
    "logits": "Scores before the softmax",
    "start_logits": "Scores of the first token of an answer",
    "end_logits": "Scores of the last token of an answer",
    "last_hidden_state": "A vector for every token",
    VECTOR: "One vector of the text",
}
# tensor -> the file that explains its numbers, and the kind of file
_FILES = {"input_ids": (VOCABULARY_NAME, _VOCABULARY), "logits": (LABELS_NAME, _LABELS_OF_AN_AXIS)}


def write_metadata(task: Task, signatures: Mapping[str, Signature]) -> bytes:
    """Describe a model.

    Args:
        task: What it is for.
        signatures: The signatures in the order of its graphs.
    """
    builder = _Builder(task)
    return builder.finish([builder.subgraph(name, signature) for name, signature in signatures.items()])


class _Builder:
    """Writes tables from the inside out, as flatbuffers are."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._builder = flatbuffers.Builder(4096)

    def finish(self, subgraphs: Sequence[int]) -> bytes:
        fields = {
            "name": self._text(f"RoFormer, {self._task.name}"),
            "description": self._text("Made by roformer-edge; the bundle's manifest says of what and how"),
            "version": self._text(__version__),
            "subgraphs": self._vector(subgraphs),
            "parser": self._text(_PARSER),
        }
        self._builder.Finish(self._table(_MODEL, fields), file_identifier=_IDENTIFIER)
        return bytes(self._builder.Output())

    def subgraph(self, name: str, signature: Signature) -> int:
        inputs = self._vector([self._tensor(spec) for spec in signature.inputs])
        outputs = self._vector([self._tensor(spec) for spec in signature.outputs])
        return self._table(_SUBGRAPH, {"name": self._text(name), "inputs": inputs, "outputs": outputs})

    def _tensor(self, spec: TensorSpec) -> int:
        fields = {
            "name": self._text(spec.name),
            "description": self._text(_DESCRIPTIONS[spec.name.partition(".")[0]]),
            "dimensions": self._vector([self._text(axis) for axis in spec.axes]),
        }
        file, kind = _FILES.get(spec.name, ("", 0))
        if file and (kind != _LABELS_OF_AN_AXIS or self._task.labelled):
            fields["files"] = self._vector([self._table(_FILE, {"name": self._text(file)}, kind=kind)])
        return self._table(_TENSOR, fields)

    def _text(self, value: str) -> int:
        return int(self._builder.CreateString(value))

    def _vector(self, offsets: Sequence[int]) -> int:
        self._builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self._builder.PrependUOffsetTRelative(offset)
        return int(self._builder.EndVector())

    def _table(self, names: Sequence[str], fields: Mapping[str, int], *, kind: int = 0) -> int:
        self._builder.StartObject(len(names))
        for name, offset in fields.items():
            self._builder.PrependUOffsetTRelativeSlot(names.index(name), offset, 0)
        if kind:
            self._builder.PrependInt8Slot(names.index("kind"), kind, 0)
        return int(self._builder.EndObject())
