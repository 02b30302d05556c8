"""Feature extraction: how near the candidate's sentence vectors and their neighbours stay to the reference's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from roformer_edge.errors import ComparisonError
from roformer_edge.sentence import POOLINGS
from roformer_edge.validate.data.examples import Example, spread_sample
from roformer_edge.validate.data.inputs import Inputs, Problem, too_long
from roformer_edge.validate.data.lines import Line
from roformer_edge.validate.differences import DifferenceHistogram, difference_histogram, output_sample, row_cosines
from roformer_edge.validate.excerpts import Excerpt, cut
from roformer_edge.validate.format import decimal, significant
from roformer_edge.validate.language import translate, translate_phrases
from roformer_edge.validate.metrics import Metric, Ratio, spearman
from roformer_edge.validate.predictors import Predictor
from roformer_edge.validate.sections import Distribution, Scatter, Section
from roformer_edge.validate.tasks.measure import Agreement, Comparison, Detail, Effect, Measure, Shown, StatisticRows

if TYPE_CHECKING:
    from roformer_edge.validate.report import Report

Vectors = NDArray[np.float32]
Floats = NDArray[np.float64]

# columns of a row of statistics
COSINE, NEIGHBOURS, RANKS, GOLD, SIMILARITY = 0, 1, 2, 3, 4
# how many neighbours of a text are looked for
NEAREST = 10
# texts among which they are looked for, spread over the data: the work grows with their number
POOL = 1000
_TOGETHER = 256  # texts whose similarities with the others are held at once
# of similarities, below which two neighbours are as near as each other
_TIE = 1e-6
# how the vector of a text is made of its tokens' states, where the graph does not make it
POOLING = "mean"


@dataclass(frozen=True, kw_only=True)
class VectorDetail(Detail):
    """What is known of sentence vectors besides their figures.

    Attributes:
        pooling: What the vector of a text is, in a few words.
        pool: Number of texts among which neighbours were looked for.
        nearest: How many neighbours were looked for.
        worst_cosine: The smallest cosine between both sides' vectors of one text.
        differences: Candidate's minus reference's similarities of pairs of texts.
        sample: Pairs of (reference's, candidate's) similarity of two texts, a sample spread over all.
    """

    pooling: str
    pool: int
    nearest: int
    worst_cosine: float
    differences: DifferenceHistogram
    sample: tuple[tuple[float, float], ...]


class SentenceVectorMeasure(Measure["float | None", Vectors]):
    """Measures sentence vectors; an answer is ``[1, width]``, or ``[2, width]`` for a text and its pair.

    The standard is the reference itself: its vectors, their neighbours and similarities. Where every example is a pair
    with a ``score``, the similarity of the two vectors is also ranked against it, and that is what a budget is for.
    """

    task = "feature-extraction"
    gold_fields = ("score",)
    detail: ClassVar[type[Detail]] = VectorDetail
    moved = "Cosine distance"
    effects: ClassVar[Mapping[Effect, str]] = {
        "broke": "Another nearest neighbour",
        "drifted": "Same nearest neighbour, vectors moved most",
    }
    metrics = (
        Ratio(name="cosine similarity", numerator=lambda rows: rows[:, COSINE]),
        Ratio(name=f"recall of {NEAREST} neighbours", numerator=lambda rows: rows[:, NEIGHBOURS]),
        Ratio(name="rank correlation of similarities", numerator=lambda rows: rows[:, RANKS]),
    )
    against_gold: ClassVar[Metric] = Metric(
        name="Spearman", formula=lambda rows, weights: spearman(rows[:, GOLD], rows[:, SIMILARITY], weights)
    )

    def __init__(self, labels: Sequence[str] = ()) -> None:
        super().__init__(labels)
        self._vector = POOLINGS[POOLING]

    def read_gold(self, line: Line) -> float | None:
        """Read the gold similarity of a pair under ``score``, where there is one."""
        named = line.fields.chosen("score") is not None or "score" in line.values
        return line.number_of("score") if named and line.holds("text_pair") else None

    def metrics_of(self, examples: Sequence[Example]) -> Sequence[Metric]:
        """Put Spearman's correlation with gold similarities first, where the examples have any."""
        scored = sum(example.gold is not None for example in examples)
        if scored not in (0, len(examples)):
            raise ComparisonError(f"{scored} of {len(examples)} examples are pairs with a score; give all or none one")
        return (self.against_gold, *self.metrics) if scored else self.metrics

    def method_of(self, pipeline: Any) -> str:
        """Say how the vector of a text is made."""
        return POOLINGS[POOLING] if pipeline.sentence is None else str(pipeline.sentence.description)

    def check_sides(self, reference: Predictor, candidate: Predictor) -> None:
        """Refuse sides that are known to make vectors in different ways; there are no labels to be compared."""
        first, second = reference.method, candidate.method
        if first and second and first != second:
            raise ComparisonError(
                f"{reference.name} makes {first} of a text, and {candidate.name} makes {second}: vectors of "
                "one kind are compared"
            )
        self._vector = first or second or POOLINGS[POOLING]

    def find_problem(self, tokenizer: Any, limit: int, inputs: Inputs, *, truncation: bool) -> Problem | None:
        """Find texts that are too long; a text and its pair are read one by one."""
        tokens = max(len(tokenizer.encode_text(text).ids) for text in inputs.values())
        return None if truncation or tokens <= limit else too_long(tokens, limit)

    def ask(self, pipeline: Any, inputs: Sequence[Inputs], *, batch_size: int, truncation: bool) -> Sequence[Vectors]:
        """Ask for the vector of every text, and of its pair by itself."""
        texts = [text for value in inputs for text in value.values()]
        pooling = POOLING if pipeline.sentence is None else None
        vectors = iter(pipeline(texts, pooling=pooling, batch_size=batch_size, truncation=truncation))
        return [np.stack([next(vectors) for _ in value]) for value in inputs]

    def collect(self, side: Predictor, inputs: Sequence[Inputs], answers: Sequence[Any]) -> Sequence[Vectors]:
        """Collect the vectors, all of one width."""
        super().collect(side, inputs, answers)
        arrays = [np.asarray(answer, dtype=np.float32) for answer in answers]
        for number, (array, value) in enumerate(zip(arrays, inputs, strict=True), 1):
            if array.ndim != 2 or len(array) != len(value) or array.shape[1:] != arrays[0].shape[1:]:
                raise ComparisonError(
                    f"{side.name} gave vectors of shape {array.shape} for the {len(value)} texts of example {number}"
                )
            if not np.isfinite(array).all():
                raise ComparisonError(f"{side.name} gave vectors that are not finite for example {number}")
        return arrays

    def statistics(
        self, examples: Sequence[Example], answers: Sequence[Vectors], reference: Sequence[Vectors]
    ) -> StatisticRows:
        """Compute the nearness to the reference, gold score and similarity, float64 ``[examples, 5]``."""
        near = compare_neighbours(np.concatenate(reference), np.concatenate(answers))
        sizes = [len(answer) for answer in answers]
        columns = [_by_example(values, sizes).mean(axis=1) for values in (near.cosines, near.recall, near.ranks)]
        gold = [0.0 if example.gold is None else example.gold for example in examples]
        similarity = [float(row_cosines(v[:1].astype(float), v[-1:].astype(float))[0]) for v in answers]
        return np.stack([*columns, np.array(gold), np.array(similarity)], axis=1)

    def compare(
        self, examples: Sequence[Example], reference: Sequence[Vectors], candidate: Sequence[Vectors]
    ) -> Comparison:
        """Tell whether the nearest neighbours are the same; a text moved by one minus the cosine of its vectors."""
        near = compare_neighbours(np.concatenate(reference), np.concatenate(candidate))
        sizes = [len(answer) for answer in reference]
        same: NDArray[np.bool_] = np.asarray(_by_example(near.same_nearest, sizes).all(axis=1))
        moved = 1 - _by_example(near.cosines, sizes).min(axis=1)
        return Comparison(
            scores=(np.ones(len(examples)), np.asarray(same, dtype=np.float64)),
            same=same,
            difference=np.maximum(moved, 0.0),
            margin=np.where(same, 0.0, np.maximum(moved, 0.0)),
        )

    def agree(self, reference: Sequence[Vectors], candidate: Sequence[Vectors], comparison: Comparison) -> Agreement:
        """Count how many examples have the same nearest neighbours."""
        return Agreement(equal=int(comparison.same.sum()), total=len(comparison.same), noun="nearest neighbour")

    def written(self, examples: Sequence[Example], answers: Sequence[Vectors]) -> list[str]:
        """Write the nearest other text of every text; of a pair both, a bar between them."""
        texts = [text for example in examples for text in example.inputs.values()]
        nearest = iter(_nearest(np.concatenate(answers)).tolist())
        found = [["–" if (at := next(nearest)) < 0 else texts[at] for _ in answer] for answer in answers]
        return [" | ".join(one) for one in found]

    def written_gold(self, examples: Sequence[Example], reference: Sequence[Vectors]) -> list[str]:
        """Write the gold similarities, where there are any."""
        return ["" if example.gold is None else f"{example.gold:g}" for example in examples]

    def show(
        self, row: int, examples: Sequence[Example], reference: Sequence[Vectors], candidate: Sequence[Vectors]
    ) -> Shown:
        """Show the nearest other text on either side, with its similarity."""
        texts = [text for example in examples for text in example.inputs.values()]
        node = sum(len(answer) for answer in reference[:row])
        gold = examples[row].gold

        def nearest(answers: Sequence[Vectors]) -> Excerpt:
            units, pool = _units(np.concatenate(answers)), _pool(len(texts))
            similar = units[pool] @ units[node]
            similar[pool == node] = -np.inf
            best = int(similar.argmax())
            alone = not np.isfinite(similar[best])
            return Excerpt(text="–") if alone else Excerpt(text=cut(texts[pool[best]]), score=float(similar[best]))

        return Shown(
            gold=Excerpt(text="–" if gold is None else significant(gold)),
            reference=nearest(reference),
            candidate=nearest(candidate),
        )

    def make_detail(
        self, examples: Sequence[Example], reference: Sequence[Vectors], candidate: Sequence[Vectors], seed: int
    ) -> VectorDetail:
        """Compute how far similarities moved."""
        ours, theirs = np.concatenate(reference), np.concatenate(candidate)
        pool = _pool(len(ours))
        above = np.triu_indices(len(pool), 1) if len(pool) > 1 else (np.array([0]), np.array([0]))
        similar = [(_units(side)[pool] @ _units(side)[pool].T)[above].astype(np.float32) for side in (ours, theirs)]
        return VectorDetail(
            pooling=self._vector,
            pool=len(pool),
            nearest=max(1, min(NEAREST, len(pool) - 1)),
            worst_cosine=float(row_cosines(ours.astype(np.float64), theirs.astype(np.float64)).min()),
            differences=difference_histogram(similar[0], similar[1]),
            sample=output_sample(similar[0], similar[1], seed),
        )

    @classmethod
    def sections(cls, report: Report) -> Sequence[Section]:
        """Show how far the similarities of pairs of texts moved."""
        detail = report.detail
        assert isinstance(detail, VectorDetail)
        return [
            Section(
                title=translate("How far the similarities moved"),
                lede=translate(
                    "Cosines of the vectors of two texts, among {number} texts; a vector is {pooling}. The worst "
                    "vector keeps a cosine of {cosine} with the reference’s.",
                    number=f"{detail.pool:,}",
                    pooling=translate_phrases(detail.pooling),
                    cosine=decimal(detail.worst_cosine, 4),
                ),
                blocks=(
                    Distribution(
                        histogram=detail.differences,
                        title=translate("Differences of similarities, candidate minus reference"),
                        caption=translate("Candidate minus reference, pairs of texts"),
                    ),
                    Scatter(
                        pairs=detail.sample,
                        title=translate("Similarities of the candidate over those of the reference"),
                        caption=translate(
                            "Candidate (up) over reference (across), {number} pairs of texts, the largest moves among "
                            "them; equal on the diagonal",
                            number=f"{len(detail.sample):,}",
                        ),
                    ),
                ),
            )
        ]


@dataclass(frozen=True, kw_only=True)
class Nearness:
    """How near the candidate's vectors stay to the reference's; arrays ``[texts]``.

    Attributes:
        cosines: Between both sides' vectors of a text.
        recall: Share of the reference's nearest neighbours that the candidate finds.
        ranks: Spearman's correlation of both sides' similarities with the other texts.
        same_nearest: Whether the nearest neighbour is the same.
    """

    cosines: Floats
    recall: Floats
    ranks: Floats
    same_nearest: NDArray[np.bool_]


def compare_neighbours(reference: Vectors, candidate: Vectors) -> Nearness:
    """Compare the vectors ``[texts, width]`` of two sides, and which texts are near each other.

    Neighbours are looked for among ``POOL`` texts, spread over all. A neighbour that the candidate finds counts where
    it is as near to the text, on the reference's side, as the last of the reference's neighbours: of texts that are
    equally near it does not matter which one is found. A text without others is as near as can be.
    """
    ours, theirs, pool = _units(reference), _units(candidate), _pool(len(reference))
    recall, ranks = np.ones(len(ours)), np.ones(len(ours))
    same = np.ones(len(ours), dtype=np.bool_)
    for start in range(0, len(ours), _TOGETHER):
        part = slice(start, start + _TOGETHER)
        rows = zip(ours[part] @ ours[pool].T, theirs[part] @ theirs[pool].T, strict=True)
        for node, similarities in enumerate(rows, start):
            first, second = (values[pool != node] for values in similarities)
            if not len(first):
                continue
            number = min(NEAREST, len(first))
            last = np.partition(first, -number)[-number]
            found = np.argpartition(second, -number)[-number:]
            recall[node] = float((first[found] >= last - _TIE).mean())
            same[node] = first[second.argmax()] >= first.max() - _TIE
            if len(first) > 1:
                ranks[node] = _rank_correlation(first, second)
    return Nearness(
        cosines=row_cosines(reference.astype(np.float64), candidate.astype(np.float64)),
        recall=recall,
        ranks=ranks,
        same_nearest=same,
    )


def _nearest(vectors: Vectors) -> NDArray[np.intp]:
    """Find the nearest other text of each, among the pool; -1 where there is no other."""
    units, pool = _units(vectors), _pool(len(vectors))
    found = np.full(len(units), -1, dtype=np.intp)
    for start in range(0, len(units), _TOGETHER):
        similar = units[start : start + _TOGETHER] @ units[pool].T
        similar[pool[np.newaxis, :] == np.arange(start, start + len(similar))[:, np.newaxis]] = -np.inf
        best = similar.argmax(axis=1)
        known = np.isfinite(similar[np.arange(len(similar)), best])
        found[start : start + len(similar)] = np.where(known, pool[best], -1)
    return found


def _rank_correlation(first: Floats, second: Floats) -> float:
    """Compute Spearman's correlation of two columns; 0 where one is constant."""
    ranks = []
    for values in (first, second):
        _, group, count = np.unique(values, return_inverse=True, return_counts=True)
        # equal values share the mean of their ranks
        middle = np.cumsum(count) - (count - 1) / 2
        ranks.append(middle[group] - (len(values) + 1) / 2)
    lengths = np.sqrt((ranks[0] @ ranks[0]) * (ranks[1] @ ranks[1]))
    return float(ranks[0] @ ranks[1] / lengths) if lengths else 0.0


def _units(vectors: Vectors) -> Floats:
    """Scale vectors to length 1, float64; a zero vector stays one."""
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1.0))


def _pool(texts: int) -> NDArray[np.intp]:
    return np.array(spread_sample(range(texts), POOL), dtype=np.intp)


def _by_example(values: NDArray[Any], sizes: Sequence[int]) -> NDArray[Any]:
    """Values of texts as ``[examples, 2]``; of an example with one text the value twice."""
    ends = np.cumsum(sizes)
    return np.stack([values[ends - sizes], values[ends - 1]], axis=1)
