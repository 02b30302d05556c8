"""Beam search over the continuations of one prompt, with the rules of transformers, in numpy."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from roformer_edge.errors import OptionError
from roformer_edge.sampling import Sampling
from roformer_edge.scores import largest, log_softmax

# values of early_stopping
EARLY_STOPPING = (False, True, "never")


@dataclass(frozen=True, kw_only=True)
class BeamOptions:
    """How wide a search is, and when it ends.

    The score of a finished continuation is the sum of its tokens' log-probabilities, divided by their number to the
    power of ``length_penalty``.

    Attributes:
        num_beams: How many continuations are followed at once.
        length_penalty: Above 0 favours long continuations, below 0 short ones.
        early_stopping: ``True``: stop when as many continuations as beams are finished. ``False``: go on until none
            that is open could have a better score at its present length; ``"never"``: at any length.

    Raises:
        OptionError: A number is out of range.
    """

    num_beams: int = 1
    length_penalty: float = 1.0
    early_stopping: bool | str = False

    def __post_init__(self) -> None:
        if type(self.num_beams) is not int or self.num_beams < 1:
            raise OptionError("num_beams", self.num_beams)
        if not isinstance(self.length_penalty, int | float) or not -50 <= self.length_penalty <= 50:
            raise OptionError("length_penalty", self.length_penalty, "a number from -50 to 50")
        if not any(self.early_stopping is value for value in (True, False)) and self.early_stopping != "never":
            raise OptionError("early_stopping", self.early_stopping, "True, False or 'never'")


@dataclass(frozen=True)
class Finished:
    """A continuation that is followed no further.

    Attributes:
        score: See :class:`BeamOptions`.
        ids: Its tokens, without the one that ended it.
        ended: Whether a stop token did.
        stop: That token.
    """

    score: float
    ids: tuple[int, ...]
    ended: bool
    stop: int | None = None


class Beams:
    """The continuations of one prompt; at first there is one, of no tokens.

    Args:
        prompt: The ids of the prompt.
        options: How wide the search is.
        sampling: The repetition penalty and the n-grams that may not come again; nothing is drawn.
        stops: Tokens that end a continuation.
        most: The most tokens of one.

    Attributes:
        open: The new tokens of each that is followed, best first; empty when the search is over.
        finished: The best that are finished, best first, as many as beams at most.
    """

    def __init__(
        self, prompt: Sequence[int], options: BeamOptions, sampling: Sampling, stops: Collection[int], most: int
    ) -> None:
        self._prompt = tuple(prompt)
        self._options = options
        self._sampling = sampling
        self._stops = frozenset(stops)
        self._most = most
        self._scores = np.zeros(1)
        self.open: list[tuple[int, ...]] = [()]
        self.finished: list[Finished] = []

    def advance(self, logits: NDArray[np.float32]) -> list[int]:
        """Take every open continuation one token further.

        Args:
            logits: float32 ``[open, vocabulary]``.

        Returns:
            For each that is open now, which of the former ones it continues.
        """
        width = self._options.num_beams
        sums = self._scores[:, np.newaxis] + np.stack(
            [
                self._sampling.adjust(log_softmax(row.astype(np.float64)), (*self._prompt, *ids))
                for row, ids in zip(logits, self.open, strict=True)
            ]
        )
        # as many more than beams as can end at once, so that there are always enough that go on
        best = largest(sums.ravel(), max(2, 1 + len(self._stops)) * width)
        length = len(self.open[0]) + 1
        full = len(self.finished) == width
        goes_on: list[tuple[float, int, tuple[int, ...]]] = []
        found = list(self.finished)
        for rank, (former, token) in enumerate(divmod(int(place), logits.shape[1]) for place in best):
            score, ids = float(sums[former, token]), (*self.open[former], token)
            if np.isneginf(score):  # no token may follow
                continue
            if token not in self._stops and length < self._most:
                goes_on.append((score, former, ids))
            elif rank < width and not (full and self._options.early_stopping is True):
                ended = token in self._stops
                score /= length**self._options.length_penalty
                found.append(Finished(score, ids[:-1], True, token) if ended else Finished(score, ids, False))
        self.finished = sorted(found, key=lambda one: -one.score)[:width]
        goes_on = goes_on[:width]
        if self._is_over(goes_on[0][0] if goes_on else -np.inf, length):
            goes_on = []
        self._scores = np.array([score for score, _, _ in goes_on])
        self.open = [ids for _, _, ids in goes_on]
        return [former for _, former, _ in goes_on]

    def _is_over(self, best: float, length: int) -> bool:
        """Tell whether no open continuation, the best of which has this sum at this length, need be followed."""
        if np.isneginf(best):  # there is none
            return True
        if len(self.finished) < self._options.num_beams:
            return False
        if self._options.early_stopping is True:
            return True
        penalty = self._options.length_penalty
        reached = self._most if self._options.early_stopping == "never" and penalty > 0 else length
        return bool(best / reached**penalty <= self.finished[-1].score)
