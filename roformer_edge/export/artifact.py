"""What an exporter makes, whatever the format: something that can be run at once and written as bytes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from numpy.typing import NDArray

from roformer_edge.quantize.presets import Preset
from roformer_edge.quantize.recipe import Recipe
from roformer_edge.signatures import Signature
from roformer_edge.tasks import Task

if TYPE_CHECKING:
    from roformer_edge.export.network.weights import Weights

# feeds by input name, integers [rows, sequence] or [batch, choices, sequence], to arrays by name
Run: TypeAlias = Callable[[Mapping[str, NDArray[Any]]], dict[str, NDArray[Any]]]


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """What can be chosen about an export.

    Attributes:
        recipe: Which parts are quantised, and how.
        preset: Integer types that suit the processor.
        index_dtype: The type of the graph's inputs, ``int64`` or ``int32``; ``None`` for what is usual in the format.
        observer: How calibration turns the values it saw into a range; a key of ``observers.OBSERVERS``.
        runtime: What the model is to run on, one of the format's ``runtimes``; ``None`` for the first.
        lengths: Numbers of tokens that the model is made for, ascending; empty for any number.
    """

    recipe: Recipe
    preset: Preset
    index_dtype: str | None = None
    observer: str = "percentile"
    runtime: str | None = None
    lengths: tuple[int, ...] = ()


def output_mark(site: str) -> str:
    """Return the mark of what the product makes whose input is calibrated as ``site``."""
    return f"{site}/output"


class Artifact(Protocol):
    """A model in some format, still in memory."""

    @property
    def signatures(self) -> Mapping[str, Signature]: ...  # noqa: D102 - the ways to call the model, by name

    @property
    def marks(self) -> Collection[str]: ...  # noqa: D102 - the names that :meth:`open` knows

    def pieces(self) -> Iterable[bytes | memoryview]:
        """Write the model file piece by piece."""

    def open(self, marks: Sequence[str] = ()) -> Run:
        """Make it ready to run.

        Args:
            marks: Names of inner values to return beside the outputs, each float32 ``[rows, sequence, width]`` or
                ``[rows, width]``: inputs of products under the names that they are calibrated by
                (``Product.input``), outputs of products where the format rounds those too (:func:`output_mark`), and
                what the network marked (``"layer.0"`` ...).
        """


class Builder(Protocol):
    """Makes the artifact of one format; every format has one."""

    def __call__(self, weights: Weights, task: Task, options: ExportOptions) -> Artifact:
        """Build.

        Raises:
            ExportError: The format cannot say what was decided.
        """
