"""What both kinds of language model share: tokens that are guessed, how often rightly and how surely."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from roformer_edge.errors import ComparisonError
from roformer_edge.validate.data.examples import Example
from roformer_edge.validate.data.lines import Line
from roformer_edge.validate.differences import DifferenceHistogram, difference_histogram, output_sample
from roformer_edge.validate.language import translate
from roformer_edge.validate.metrics import Metric, Ratio, Weights, ratio
from roformer_edge.validate.sections import Breakdown, Distribution, Part, Scatter, Section
from roformer_edge.validate.tasks.measure import Agreement, Comparison, Detail, Measure, StatisticRows

if TYPE_CHECKING:
    from roformer_edge.validate.report import Report

Floats = NDArray[np.float64]

# columns of a row of statistics: tokens guessed rightly, tokens, and the negative log-likelihood of all of them
RIGHT, TOKENS, LOSS = 0, 1, 2
# positions whose logits over the vocabulary are looked at together: 16 of 50,000 float32 numbers are 3 MB
_TOGETHER = 16

# kind of a token -> how a report calls it
KINDS = {
    "ideograph": "one ideograph",
    "word": "a word of several",
    "latin": "letters and digits",
    "mark": "punctuation and others",
}


class TokenGuesses(NamedTuple):
    """What a side made of the tokens that it was to guess in one text.

    Attributes:
        expected: The tokens that stand there.
        best: The tokens that the side finds likeliest.
        log_probabilities: Natural logarithms of the probabilities of the expected tokens.
        places: Their characters ``(start, end)`` in the text.
    """

    expected: tuple[str, ...]
    best: tuple[str, ...]
    log_probabilities: tuple[float, ...]
    places: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class GuessedRow:
    """A row of the graph, where tokens are to be guessed in it, and which are right.

    Attributes:
        ids, type_ids: What the graph takes.
        positions: The positions of the logits that guess, ascending.
        expected: The id of the right token for each position.
        places: The characters of each.
    """

    ids: Sequence[int]
    type_ids: Sequence[int]
    positions: Sequence[int]
    expected: Sequence[int]
    places: Sequence[tuple[int, int]]


@dataclass(frozen=True, kw_only=True)
class KindScores:
    """Tokens of one kind, a key of ``KINDS``: how many there are, and how many either side guessed rightly."""

    token_kind: str
    tokens: int
    reference: int
    candidate: int


@dataclass(frozen=True, kw_only=True)
class LanguageModelDetail(Detail):
    """What is known of a language model besides its figures.

    Attributes:
        kinds: The tokens by kind.
        differences: Candidate's minus reference's log-probabilities of the expected tokens.
        sample: Pairs of (reference's, candidate's) log-probability, a sample spread over all.
    """

    kinds: tuple[KindScores, ...]
    differences: DifferenceHistogram
    sample: tuple[tuple[float, float], ...]


def perplexity(name: str) -> Metric:
    """Make a metric of the exponential of the mean negative log-likelihood of a token; lower is better."""

    def value(rows: StatisticRows, weights: Weights) -> Floats:
        return np.exp(ratio(weights @ rows[:, LOSS], weights @ rows[:, TOKENS]))

    return Metric(name=name, unit="number", higher_is_better=False, formula=value)


def token_accuracy(name: str) -> Ratio:
    """Make a metric of the share of tokens that are guessed rightly."""
    return Ratio(name=name, numerator=lambda rows: rows[:, RIGHT], denominator=lambda rows: rows[:, TOKENS])


class LanguageModel(Measure[Any, TokenGuesses]):
    """Measures how tokens are guessed; an answer is :class:`TokenGuesses`."""

    detail: ClassVar[type[Detail]] = LanguageModelDetail
    layout = "stack"
    # what is guessed, for agreements and headings
    guessed: ClassVar[str]

    def read_gold(self, line: Line) -> None:
        """Nothing: the text is its own gold answer."""

    def statistics(
        self, examples: Sequence[Example], answers: Sequence[TokenGuesses], reference: Sequence[TokenGuesses]
    ) -> StatisticRows:
        """Count tokens guessed rightly and all, with their negative log-likelihood, float64 ``[examples, 3]``."""
        rows = [
            (
                sum(best == expected for best, expected in zip(answer.best, answer.expected, strict=True)),
                len(answer.expected),
                -sum(answer.log_probabilities),
            )
            for answer in answers
        ]
        return np.array(rows, dtype=np.float64)

    def compare(
        self, examples: Sequence[Example], reference: Sequence[TokenGuesses], candidate: Sequence[TokenGuesses]
    ) -> Comparison:
        """Compare the shares of tokens guessed rightly; a text moved by the largest change of a log-probability."""
        pairs = list(zip(reference, candidate, strict=True))
        for number, (ours, theirs) in enumerate(pairs, 1):
            if ours.expected != theirs.expected:
                raise ComparisonError(
                    f"reference and candidate cut example {number} into different tokens, so that they guess different "
                    f"ones: {_few(ours.expected)} and {_few(theirs.expected)}"
                )
        moved = np.array([_largest(ours.log_probabilities, theirs.log_probabilities) for ours, theirs in pairs])
        rows = [self.statistics(examples, answers, reference) for answers in (reference, candidate)]
        same = np.array([ours.best == theirs.best for ours, theirs in pairs])
        return Comparison(
            scores=(ratio(rows[0][:, RIGHT], rows[0][:, TOKENS]), ratio(rows[1][:, RIGHT], rows[1][:, TOKENS])),
            same=same,
            difference=moved,
            margin=np.where(same, 0.0, moved),
        )

    def agree(
        self, reference: Sequence[TokenGuesses], candidate: Sequence[TokenGuesses], comparison: Comparison
    ) -> Agreement:
        """Count how many tokens are guessed alike."""
        pairs = [
            pair
            for ours, theirs in zip(reference, candidate, strict=True)
            for pair in zip(ours.best, theirs.best, strict=True)
        ]
        return Agreement(equal=sum(ours == theirs for ours, theirs in pairs), total=len(pairs), noun=self.guessed)

    def written(self, examples: Sequence[Example], answers: Sequence[TokenGuesses]) -> list[str]:
        """Write the tokens that were guessed."""
        return [" ".join(answer.best) for answer in answers]

    def written_gold(self, examples: Sequence[Example], reference: Sequence[TokenGuesses]) -> list[str]:
        """Write the tokens that stand there."""
        return [" ".join(answer.expected) for answer in reference]

    def make_detail(
        self,
        examples: Sequence[Example],
        reference: Sequence[TokenGuesses],
        candidate: Sequence[TokenGuesses],
        seed: int,
    ) -> LanguageModelDetail:
        """Count tokens by kind, and compute how far the log-probabilities moved."""
        kinds: dict[str, list[tuple[bool, bool]]] = {name: [] for name in KINDS}
        for ours, theirs in zip(reference, candidate, strict=True):
            for expected, first, second in zip(ours.expected, ours.best, theirs.best, strict=True):
                kinds[kind_of(expected)].append((first == expected, second == expected))
        flat = [
            np.array([value for answer in answers for value in answer.log_probabilities] or [0.0], dtype=np.float32)
            for answers in (reference, candidate)
        ]
        return LanguageModelDetail(
            kinds=tuple(
                KindScores(
                    token_kind=name,
                    tokens=len(rows),
                    reference=sum(row[0] for row in rows),
                    candidate=sum(row[1] for row in rows),
                )
                for name, rows in kinds.items()
            ),
            differences=difference_histogram(flat[0], flat[1]),
            sample=output_sample(flat[0], flat[1], seed),
        )

    @classmethod
    def sections(cls, report: Report) -> Sequence[Section]:
        """Show accuracy by kind of token, and how far the log-probabilities moved."""
        detail = report.detail
        assert isinstance(detail, LanguageModelDetail)
        parts = tuple(
            Part(
                name=translate(KINDS[row.token_kind]),
                count=row.tokens,
                reference=row.reference / row.tokens,
                candidate=row.candidate / row.tokens,
            )
            for row in detail.kinds
            if row.tokens
        )
        return [
            Section(
                title=translate("By kind of token"),
                blocks=(
                    Breakdown(
                        noun=translate("token"),
                        counted=translate("tokens"),
                        figure=translate("accuracy"),
                        parts=parts,
                    ),
                ),
            ),
            Section(
                title=translate("How far the log-probabilities moved"),
                lede=translate("Of the tokens that were to be guessed; natural logarithms."),
                blocks=(
                    Distribution(
                        histogram=detail.differences,
                        title=translate("Differences of log-probabilities, candidate minus reference"),
                        caption=translate("Candidate minus reference, all tokens"),
                    ),
                    Scatter(
                        pairs=detail.sample,
                        title=translate("Log-probabilities of the candidate over those of the reference"),
                        caption=translate(
                            "Candidate (up) over reference (across), {number} tokens, the largest moves among them; "
                            "equal on the diagonal",
                            number=f"{len(detail.sample):,}",
                        ),
                    ),
                ),
            ),
        ]


def guess(model: Any, rows: Sequence[GuessedRow], batch_size: int) -> list[TokenGuesses]:
    """Run rows through a pipeline's graph and keep what it makes of the tokens to be guessed.

    Args:
        model: A pipeline's ``model`` with an output ``logits`` over the vocabulary.
        rows: The rows.
        batch_size: The most of them in one run.
    """
    tokenizer = model.tokenizer
    vocabulary = len(tokenizer)
    outputs = model.run(
        rows,
        batch_size,
        lambda row, found: _at_positions(row, found["logits"], vocabulary),
        positions=lambda row: row.positions,
    )
    answers = []
    for row, found in zip(rows, outputs, strict=True):
        best = [int(index) for index in found["best"]]
        answers.append(
            TokenGuesses(
                expected=tuple(tokenizer.convert_ids_to_tokens(list(row.expected))),
                best=tuple(tokenizer.convert_ids_to_tokens(best)),
                log_probabilities=tuple(float(value) for value in found["log_probabilities"]),
                places=tuple(row.places),
            )
        )
    return answers


def _at_positions(row: Any, logits: NDArray[np.float32], vocabulary: int) -> Mapping[str, NDArray[np.float32]]:
    """Best token and log-probability of the expected one, float32 ``[positions]``; ids below 2^24 are exact in it."""
    best, found = [np.zeros(0)], [np.zeros(0)]
    for start in range(0, len(row.positions), _TOGETHER):
        part = slice(start, start + _TOGETHER)
        # ids that no token has are left out
        values = logits[part, :vocabulary]
        values = values - values.max(axis=1, keepdims=True)
        expected = values[np.arange(len(values)), list(row.expected[part])].astype(np.float64)
        found.append(expected - np.log(np.exp(values).sum(axis=1, dtype=np.float64)))
        best.append(values.argmax(axis=1).astype(np.float64))
    return {
        "best": np.concatenate(best).astype(np.float32),
        "log_probabilities": np.concatenate(found).astype(np.float32),
    }


def kind_of(token: str) -> str:
    """Name the kind of a token, a key of ``KINDS``."""
    text = token.removeprefix("##")
    if all("\u3400" <= character <= "\u9fff" for character in text):
        return "ideograph" if len(text) == 1 else "word"
    return "latin" if text.isalnum() else "mark"


def _largest(ours: Sequence[float], theirs: Sequence[float]) -> float:
    return max((abs(a - b) for a, b in zip(ours, theirs, strict=True)), default=0.0)


def _few(tokens: Sequence[str]) -> str:
    return repr(" ".join(tokens[:8]))
