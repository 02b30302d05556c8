"""What the runtime asks of an inference engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args

from roformer_edge.errors import OptionError, UnknownNameError
from roformer_edge.records import Result
from roformer_edge.runtime.delegates import Wish
from roformer_edge.signatures import DEFAULT, Signature

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from roformer_edge.runtime.weight_cache import WeightCache

# how much of the graph an engine may rewrite when it loads it
Optimization = Literal["none", "basic", "extended", "all"]
OPTIMIZATIONS: tuple[Optimization, ...] = get_args(Optimization)
# engines start as many as they are told, and a slip of the finger would stop the machine
MOST_THREADS = 1024
# in place of a number of threads: find it by measuring
AUTO = "auto"
Threads = int | Literal["auto"] | None


@dataclass(frozen=True, kw_only=True)
class SessionOptions:
    """How an engine is to run.

    Attributes:
        threads: The threads of one operation; ``None`` takes one a physical core that the process may use.
        delegates: What is to compute, most wanted first; see :mod:`roformer_edge.runtime.delegates`. ``None`` is the
            processor.
        arena: Keep freed memory for the next run. It saves time, and the process stays as large as its largest batch.
        spinning: Let threads wait busily for each other within a run; between runs they sleep. Switch it off where
            other programs want the same cores.
        optimization: One of ``OPTIMIZATIONS``.
        weight_cache: Where weights as the engine packs them are kept for its next start.

    Raises:
        UnknownNameError: ``optimization`` is none of them.
        OptionError: ``threads`` is not a whole number from 1 to ``MOST_THREADS``, or ``delegates`` is empty or
            holds something else than names and their options.
    """

    threads: int | None = None
    delegates: tuple[Wish, ...] | None = None
    arena: bool = True
    spinning: bool = True
    optimization: Optimization = "all"
    weight_cache: WeightCache | None = None

    def __post_init__(self) -> None:
        if self.optimization not in OPTIMIZATIONS:
            raise UnknownNameError("optimization level", self.optimization, OPTIMIZATIONS)
        if self.threads is not None and not _is_number_of_threads(self.threads):
            raise OptionError("threads", self.threads, f"a whole number from 1 to {MOST_THREADS}")
        if self.delegates is not None and not (self.delegates and all(map(_is_wish, self.delegates))):
            allowed = "names, each alone or in a tuple with a dict of its options; left out to run on the processor"
            raise OptionError("delegate", self.delegates, allowed)


@dataclass(frozen=True, kw_only=True)
class BackendReport(Result):
    """What computes a graph, and why it is not what was asked for.

    Attributes:
        engine: The package of the engine.
        version: The version of the engine.
        asked: What was asked for, most wanted first.
        used: What computes: one of ``asked``, or what is usual.
        on_processor: Whether that is the processor.
        fallbacks: One line for everything that was asked for and is not used, with the reason.
        notes: What else is worth knowing, a line each.
        remarks: What would suit this machine better, where nothing is wrong, a line each.
        threads: The threads of one operation; ``None`` where the engine chooses.
        thread_times: Where the number was to be found by measuring: numbers of threads, each with the shortest time of
            a text in milliseconds. Empty where nothing was measured.
        partitions: The number of parts of the graph that a delegate took over; ``None`` where the engine does not tell.
        self_test: The largest difference from the recorded answers; ``None`` where they were not compared.
    """

    engine: str
    version: str
    asked: tuple[str, ...] = ()
    used: str
    on_processor: bool = True
    fallbacks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    threads: int | None = None
    thread_times: tuple[tuple[int, float], ...] = ()
    partitions: int | None = None
    self_test: float | None = None


def check_threads(threads: object) -> None:
    """Refuse what is no number of threads, nor asks to find one.

    Raises:
        OptionError: What was found and what is allowed.
    """
    if threads not in (None, AUTO) and not _is_number_of_threads(threads):
        raise OptionError("threads", threads, f"a whole number from 1 to {MOST_THREADS}, or {AUTO!r}")


def _is_number_of_threads(value: object) -> bool:
    return type(value) is int and 1 <= value <= MOST_THREADS


def _is_wish(value: object) -> bool:
    # engines may print what is wrong with others, and go on with the processor as if nothing had happened
    if isinstance(value, tuple) and len(value) == 2:
        return isinstance(value[0], str) and isinstance(value[1], Mapping)
    return isinstance(value, str)


class Session(Protocol):
    """A loaded graph. ``run`` may be called from several threads at once.

    Attributes:
        signatures: The ways in which the graph can be called, by name; one of them is ``default``.
        report: What computes it.
    """

    @property
    def signatures(self) -> Mapping[str, Signature]: ...  # noqa: D102 - described above

    @property
    def report(self) -> BackendReport: ...  # noqa: D102 - described above

    def run(self, feeds: Mapping[str, NDArray[Any]], signature: str = DEFAULT) -> dict[str, NDArray[np.float32]]:
        """Run the graph once.

        Args:
            feeds: Arrays by input name. One that the graph does not take is dropped; ``attention_mask`` is filled in
                with ones where it is missing, and ``token_type_ids`` with zeros; integers are cast to what the graph
                takes.
            signature: The name of the signature to call.

        Returns:
            Arrays by output name.

        Raises:
            BackendError: The feeds do not fit the signature, the engine failed, or the session is closed.
        """

    def close(self) -> None:
        """Free the graph's memory."""
