"""Trials for a search: schemes -> built artifact -> answers of the runtime -> what was lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

from roformer_edge.errors import RecipeError
from roformer_edge.export.artifact import Artifact
from roformer_edge.formats import Format, resolve
from roformer_edge.quantize.recipe import Decision
from roformer_edge.quantize.search import Outcome, Schemes
from roformer_edge.runtime.session import Session, SessionOptions
from roformer_edge.scopes import Scope
from roformer_edge.temporary import scratch_folder, writable
from roformer_edge.validate.data.examples import spread_sample
from roformer_edge.validate.options import CompareOptions
from roformer_edge.validate.predictors import Predictor
from roformer_edge.validate.scoring import Standard
from roformer_edge.validate.timing import time_side_by_side

# inputs that a model is timed on
_TIMED = 40


class ArtifactTrials:
    """Builds artifacts and measures each as a bundle of it would be: the same engine, one input at a time.

    Implements ``roformer_edge.quantize.search.Trials``.

    Args:
        build: Makes an artifact of a decision for every scope; see ``exporter.Prepared``.
        scopes: All scopes of the model.
        row: The format of the artifacts.
        side_of: Makes one side of a comparison of a session.
        standard: What all are measured against.
        sampled: Examples that :meth:`error` looks at.
        threads: The threads of the engine.
    """

    def __init__(
        self,
        build: Callable[[Mapping[str, Decision]], Artifact],
        scopes: Sequence[Scope],
        row: Format,
        side_of: Callable[[Session], Predictor],
        standard: Standard,
        *,
        sampled: int,
        threads: int = 1,
    ) -> None:
        self._build, self._row, self._side_of, self._threads = build, row, side_of, threads
        self._scopes = {scope.name: scope for scope in scopes}
        self._standard, self._sample = standard, standard.sample(sampled)

    def error(self, schemes: Schemes) -> float:
        """Measure how far outputs move on some of the examples; see ``Trials``."""
        with self._opened(schemes) as (side, _):
            return self._sample.score(side).error

    def judge(self, schemes: Schemes) -> Outcome:
        """Measure on all examples; see ``Trials``."""
        with self._opened(schemes) as (side, size):
            score = self._standard.score(side)
            return Outcome(bytes=size, error=score.error, drop=score.drop, high=score.high)

    def latencies(self, models: Sequence[Schemes]) -> Sequence[float]:
        """Time models in turn on some of the examples: medians in milliseconds; see ``Trials``."""
        inputs = spread_sample([example.inputs for example in self._sample.examples], _TIMED)
        options = CompareOptions(task=self._standard.measure.task)
        with ExitStack() as stack:
            sides = [stack.enter_context(self._opened(schemes))[0] for schemes in models]
            first, *others = (
                (timing.reference.p50, timing.candidate.p50)
                for timing in time_side_by_side(sides, inputs, options, lambda _: None)
            )
            return [*first, *(candidate for _, candidate in others)]

    @contextmanager
    def _opened(self, schemes: Schemes) -> Iterator[tuple[Predictor, int]]:
        """Build a model and open it as one side of a comparison, with the bytes of its file."""
        unknown = self._scopes.keys() - schemes.keys()
        if unknown:
            raise RecipeError(f"nothing is decided for {', '.join(sorted(unknown))}")
        decisions = {
            name: Decision(scope=scope, scheme=schemes[name], reason="tried") for name, scope in self._scopes.items()
        }
        with opened_in_engine(self._build(decisions), self._row, self._threads) as (session, size):
            yield self._side_of(session), size


@contextmanager
def opened_in_engine(artifact: Artifact, row: Format, threads: int | None) -> Iterator[tuple[Session, int]]:
    """Open an artifact as a bundle of it would be, for the time of the block.

    Args:
        artifact: The model.
        row: Its format.
        threads: The threads of the engine.

    Returns:
        What runs it, and the bytes of its file.
    """
    with scratch_folder() as folder:
        path = folder / row.file_name
        with writable(path), path.open("wb") as file:
            file.writelines(artifact.pieces())
        size = path.stat().st_size
        del artifact  # what its arrays took is the engine's now
        session: Session = resolve(row.backend)(path, SessionOptions(threads=threads), row.session)
        try:
            yield session, size
        finally:
            session.close()
