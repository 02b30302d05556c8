"""Choose the next token from logits and join tokens to a text: the rules of the reference models, in numpy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from roformer_edge.errors import OptionError
from roformer_edge.scores import softmax

Logits = NDArray[np.float64]

# letters of scripts that write no spaces between words begin here (CJK radicals)
_IDEOGRAPHS = 0x2E80


# beyond these, logits divided or multiplied are no numbers any more
_SMALLEST = 1e-30


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How the next token is chosen from logits; neutral values switch a step off.

    Attributes:
        do_sample: Draw at random; otherwise take the most likely token.
        temperature: Divides the logits when sampling; below 1 favours likely tokens.
        top_k: Sample among the k most likely tokens; 0 means all.
        top_p: Sample among the fewest tokens whose probabilities sum to at least this; 1 means all.
        repetition_penalty: Above 1 makes every token that the row already holds less likely.
        no_repeat_ngram_size: No sequence of so many tokens comes twice in a row; 0 allows all.

    Raises:
        OptionError: A number is out of range.
    """

    do_sample: bool = False
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    repetition_penalty: float = 1.0
    no_repeat_ngram_size: int = 0

    def __post_init__(self) -> None:
        for name in ("temperature", "repetition_penalty"):
            value = getattr(self, name)
            if not isinstance(value, int | float) or not _SMALLEST <= value <= 1 / _SMALLEST:
                raise OptionError(name, value, f"a number above 0, from {_SMALLEST:g} to {1 / _SMALLEST:g}")
        for name in ("top_k", "no_repeat_ngram_size"):
            if not isinstance(getattr(self, name), int) or getattr(self, name) < 0:
                raise OptionError(name, getattr(self, name), "a whole number of at least 0")
        if not isinstance(self.top_p, int | float) or not 0 < self.top_p <= 1:
            raise OptionError("top_p", self.top_p, "a number above 0 and at most 1")

    def next_token(self, logits: NDArray[np.float32], ids: Sequence[int], random: np.random.Generator | None) -> int:
        """Choose the next token.

        Args:
            logits: float32 ``[vocabulary]``.
            ids: The ids of the tokens so far.
            random: The source of randomness, for sampling; ``None`` for a new one.

        Returns:
            Its id. Of equally likely tokens the first, where none is drawn.
        """
        if not self.do_sample and self.repetition_penalty == 1.0 and self.no_repeat_ngram_size == 0:
            return int(logits.argmax())  # a vocabulary is wide, and there is nothing to compute
        values = self.adjust(logits.astype(np.float64), ids)
        if not self.do_sample:
            return int(values.argmax())
        values = keep_top_p(keep_top_k(values / self.temperature, self.top_k), self.top_p)
        return draw(softmax(values), np.random.default_rng() if random is None else random)

    def adjust(self, logits: Logits, ids: Sequence[int]) -> Logits:
        """Apply what depends on the tokens so far: the repetition penalty, and n-grams that may not come again.

        Args:
            logits: float64 ``[vocabulary]``, or logarithms of probabilities.
            ids: The ids of the tokens so far.
        """
        values = penalise(logits, ids, self.repetition_penalty)
        banned = repeating(ids, self.no_repeat_ngram_size)
        if len(banned):
            values = np.array(values)
            values[banned] = -np.inf
        return values


def repeating(ids: Sequence[int], size: int) -> NDArray[np.int64]:
    """Find the tokens that would complete a sequence of ``size`` tokens which ``ids`` hold already; none for 0."""
    if not 0 < size <= len(ids):
        return np.zeros(0, np.int64)
    held = np.lib.stride_tricks.sliding_window_view(np.asarray(ids, np.int64), size)
    begun = np.asarray(ids[len(ids) - size + 1 :], np.int64)
    return np.asarray(held[(held[:, :-1] == begun).all(axis=1), -1])


def penalise(logits: Logits, ids: Sequence[int], penalty: float) -> Logits:
    """Apply a repetition penalty: divide the positive logits of the tokens ``ids`` by it, and multiply the negative.

    Args:
        logits: float64 ``[vocabulary]``.
        ids: The ids of the tokens so far; one that occurs twice counts once.
        penalty: Above 1 makes those tokens less likely; 1 changes nothing.
    """
    if penalty == 1.0:
        return logits
    held = np.unique(np.asarray(ids))
    found = logits[held]
    penalised = np.array(logits)
    penalised[held] = np.where(found < 0, found * penalty, found / penalty)
    return penalised


def keep_top_k(logits: Logits, k: int) -> Logits:
    """Apply the top-k filter: set all logits below the k-th largest to minus infinity.

    Args:
        logits: float64 ``[vocabulary]``.
        k: The number of tokens that stay; more stay where several equal the k-th largest. 0 keeps all.
    """
    if not 0 < k < len(logits):
        return logits
    return np.where(logits < np.partition(logits, -k)[-k], -np.inf, logits)


def keep_top_p(logits: Logits, p: float) -> Logits:
    """Apply the top-p filter: set all logits outside the nucleus to minus infinity.

    The nucleus is the smallest set of the most likely tokens whose probabilities sum to at least ``p``; the most likely
    token is always in it.

    Args:
        logits: float64 ``[vocabulary]``.
        p: The probability mass that stays; 1 keeps all.
    """
    if p == 1.0:
        return logits
    order = np.argsort(logits, kind="stable")
    # summed from the least likely up, as transformers does, so that rounding drops the same tokens
    dropped = np.cumsum(softmax(logits[order])) <= 1 - p
    dropped[-1] = False
    kept = np.array(logits)
    kept[order[dropped]] = -np.inf
    return kept


def draw(probabilities: NDArray[np.float64], random: np.random.Generator) -> int:
    """Draw one index at random.

    Args:
        probabilities: float64, of any sum; an index of probability 0 is never drawn.
        random: The source of randomness, asked for one number.
    """
    possible = np.flatnonzero(probabilities)
    sums = np.cumsum(probabilities[possible])
    # of a number just below 1 the product may be rounded up to the whole sum
    place = min(int(np.searchsorted(sums, random.random() * sums[-1], side="right")), len(possible) - 1)
    return int(possible[place])


def join_tokens(tokens: Sequence[str], before: str = "") -> str:
    """Join tokens that follow the text ``before`` to a text.

    Tokens stand side by side, as Chinese is written; between two words of an alphabet, or numbers, there is a space,
    except before a token that continues a word (``##``).
    """
    text, last = "", before[-1:]
    for token in tokens:
        piece = token.removeprefix("##")
        if piece == token and _is_letter(last) and _is_letter(piece[:1]):
            text += " "
        text += piece
        last = piece[-1:] or last
    return text


def _is_letter(character: str) -> bool:
    return character.isalnum() and ord(character) < _IDEOGRAPHS
