"""Choose the number of threads by measuring, for ``load(..., threads="auto")``.

More threads are not always quicker: on short texts they wait for each other longer than they compute, and other
programs may want the same cores.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from time import perf_counter

from roformer_edge.runtime.inference import EncodedRow, TextModel
from roformer_edge.runtime.session import Session

# all measuring together, but for the loading of graphs
SECONDS = 1.0
# More threads are chosen where they need at most this part of the time: a core that is left free is worth something.
WORTH = 0.95
# so many runs at least of each, however long they take; those before do not count
_RUNS = 3
_WARM_UP = 2
# tokens of the text where the bundle has recorded none
_TOKENS = 64


def choose_threads(
    model: TextModel, row: EncodedRow, cores: int, open_session: Callable[[int], Session]
) -> tuple[tuple[int, float], ...]:
    """Measure one text with 1 thread and more, and leave the model with the session that is quickest.

    Two sessions at a time take turns, the best one so far and the next, so that a machine that slows down for a while
    slows both down, and no more than two graphs are in memory. The shortest time of each counts.

    Args:
        model: A model whose session computes with one thread; its session is replaced, and closed, where another one is
            quicker.
        row: The text.
        cores: The most threads.
        open_session: Opens the same graph with a number of threads.

    Returns:
        Numbers of threads, each with the shortest time in milliseconds; empty where there is no choice.
    """
    # of outputs over a vocabulary one position is read, as in use
    call = model.call_for([row], positions=lambda read: [len(read.ids) - 1])

    def measure(session: Session) -> float:
        start = perf_counter()
        session.run(call.feeds, call.signature)
        return 1000 * (perf_counter() - start)

    best, *others = thread_counts(cores)
    times: dict[int, float] = {}
    for count in others:
        sessions = (model.session, open_session(count))
        now, then = _shortest(sessions, measure, SECONDS / len(others))
        times[best] = min(now, times.get(best, inf))
        times[count] = then
        if then <= WORTH * now:
            best, model.session = count, sessions[1]
            sessions[0].close()
        else:
            sessions[1].close()
    return tuple(sorted(times.items()))


def thread_counts(cores: int) -> tuple[int, ...]:
    """List the numbers of threads to try: all up to four, and doubled from there, to as many as there are cores."""
    counts = {count for count in (1, 2, 3, 4) if count <= cores}
    count = 8
    while count < cores:
        counts.add(count)
        count *= 2
    return tuple(sorted({*counts, cores}))


@dataclass(frozen=True)
class AnyRow:
    """A text of which nothing is known but its length.

    Attributes:
        ids: Token ids.
        type_ids: Segment numbers.
    """

    ids: Sequence[int]
    type_ids: Sequence[int]


def typical_row(lengths: Sequence[int], model: TextModel) -> AnyRow:
    """Make a text of a typical length: the middle one of those recorded, or 64 tokens.

    Args:
        lengths: Lengths in tokens of the texts that the bundle has recorded.
        model: The model that is to take it.
    """
    length = sorted(lengths)[len(lengths) // 2] if lengths else _TOKENS
    length = min(length, model.limits.max_length)
    return AnyRow([number % len(model.tokenizer) for number in range(length)], [0] * length)


def _shortest(sessions: Sequence[Session], measure: Callable[[Session], float], seconds: float) -> tuple[float, ...]:
    """Run sessions in turns for some time, and return the shortest time of each."""
    times: list[list[float]] = [[] for _ in sessions]
    end = perf_counter() + seconds
    while perf_counter() < end or len(times[0]) < _WARM_UP + _RUNS:
        for found, session in zip(times, sessions, strict=True):
            found.append(measure(session))
    return tuple(min(found[_WARM_UP:]) for found in times)
