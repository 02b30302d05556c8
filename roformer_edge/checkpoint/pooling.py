"""Which vector of a text a checkpoint makes: what was asked for, or what lies in its files."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

from roformer_edge.checkpoint.checks import Wanted
from roformer_edge.checkpoint.finding import CheckpointFiles, FoundWeights, find_weights
from roformer_edge.checkpoint.modules import MODULES_NAME, Layer, Modules
from roformer_edge.checkpoint.names import POOLER as POOLER_MODULE
from roformer_edge.checkpoint.weight_file import Array
from roformer_edge.errors import CheckpointError, UnknownNameError, UnsupportedModelError, advice, shown
from roformer_edge.sentence import POOLER, POOLINGS, TOKENS, SentenceHead, Step


@dataclass(frozen=True, kw_only=True)
class SentenceLayers:
    """The head that makes vectors of texts, if one is wanted, with its own weights.

    Attributes:
        head: Its steps; ``None`` where the states of all tokens are wanted.
        arrays: Canonical name -> array, of layers that lie in files of their own.
        files: These files.
    """

    head: SentenceHead | None = None
    arrays: Mapping[str, Array] = field(default_factory=dict)
    files: tuple[Path, ...] = ()


def choose_pooling(
    files: CheckpointFiles, wanted: Wanted, pooling: str | None
) -> tuple[SentenceLayers, tuple[str, ...]]:
    """Choose how a vector of a text is made of its states.

    Args:
        files: The checkpoint's files.
        wanted: What is asked of it.
        pooling: See :func:`~roformer_edge.checkpoint.loading.load_checkpoint`.

    Returns:
        The head, and sentences on what it is and on what is not used.

    Raises:
        CheckpointError: The weights of a module are missing or of another shape.
        UnknownNameError: No such pooling.
        UnsupportedModelError: A pooler is asked for and none is stored, or a module is not computed here.
    """
    if pooling is None and files.modules is not None:
        return _read_layers(files.modules)
    if pooling in (None, TOKENS):
        return SentenceLayers(), _unused(files, wanted, pooling)
    if pooling not in (POOLER, *POOLINGS):
        raise UnknownNameError("pooling", str(pooling), (TOKENS, POOLER, *POOLINGS))
    hidden = wanted.config.hidden_size
    steps = [Step(kind="pooling", inputs=hidden, width=hidden, poolings=("cls" if pooling == POOLER else pooling,))]
    if pooling == POOLER:
        if not wanted.has_pooler:
            raise UnsupportedModelError(
                f"{wanted.where} holds no pooler ({POOLER_MODULE}), so there is none to ask for"
            )
        activation = wanted.config.pooler_activation
        steps.append(Step(kind="dense", inputs=hidden, width=hidden, module=POOLER_MODULE, activation=activation))
    head = SentenceHead(asked=pooling, steps=tuple(steps))
    return SentenceLayers(head=head), (f"the vector of a text is {head.description}, as asked", *_overruled(files))


def _unused(files: CheckpointFiles, wanted: Wanted, pooling: str | None) -> tuple[str, ...]:
    """Say what might have made vectors where states are wanted."""
    notes = _overruled(files)
    if wanted.has_pooler and pooling is None:
        asked = advice(python=f"pooling={POOLER!r}", command=f"--pooling {POOLER}")
        notes = (
            *notes,
            f"a pooler is stored ({POOLER_MODULE}), and states are given without it; {asked} gives vectors",
        )
    return notes


def _overruled(files: CheckpointFiles) -> tuple[str, ...]:
    if files.root is None:
        return ()
    if files.is_cross_encoder:
        return (f"{MODULES_NAME}: a CrossEncoder; what it does to scores afterwards (activation_fn) is not done here",)
    return (f"{MODULES_NAME} says how vectors of texts are made, and is not followed",)


def _read_layers(modules: Modules) -> tuple[SentenceLayers, tuple[str, ...]]:
    arrays: dict[str, Array] = {}
    files: list[Path] = []
    for layer in modules.layers:
        found = find_weights(layer.directory)
        files += found.files
        arrays |= _read_layer(layer, found)
    said = f"the vector of a text is {modules.head.description} ({MODULES_NAME})"
    return SentenceLayers(head=modules.head, arrays=arrays, files=tuple(files)), (said, *modules.notes)


def _read_layer(layer: Layer, weights: FoundWeights) -> dict[str, Array]:
    with ExitStack() as stack:
        opened = [stack.enter_context(closing(file)) for file in weights.open()]
        places = {name: file for file in opened for name in file.names()}
        expected = dict(layer.shapes.values())
        found = {name: tuple(file.shape(name)) for name, file in places.items()}
        if found != expected:
            raise CheckpointError(
                f"the weights in {layer.directory} do not fit its config.json: found {_listed(found)}, expected "
                f"{_listed(expected)}"
            )
        return {name: places[stored].read(stored) for name, (stored, _) in layer.shapes.items()}


def _listed(shapes: Mapping[str, tuple[int, ...]]) -> str:
    return ", ".join(f"{shown(name)} {list(shape)}" for name, shape in list(shapes.items())[:4]) or "nothing"
