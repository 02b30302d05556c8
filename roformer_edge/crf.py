"""A conditional random field over the labels of tokens: which labels may stand side by side, and how gladly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True, eq=False)
class Crf:
    """A linear chain over the tokens of a text, ``[CLS]`` and ``[SEP]`` included.

    The score of a sequence of labels is the sum of its logits, of the transitions between neighbours, and of the start
    and end scores at both ends; its probability is the softmax of that over all sequences.

    Attributes:
        start: Score of each label at the first token, float32 ``[L]``.
        end: Score of each label at the last token, float32 ``[L]``.
        transitions: Score of each label (column) after each label (row), float32 ``[L, L]``.
    """

    start: NDArray[np.float32]
    end: NDArray[np.float32]
    transitions: NDArray[np.float32]

    def best_labels(self, logits: NDArray[np.float64]) -> NDArray[np.intp]:
        """Find the most probable sequence of labels, with Viterbi's algorithm.

        Args:
            logits: ``[T, L]``, at least one token.

        Returns:
            Indices of labels, ``[T]``; of sequences of one score that with the lower last label, and so on backwards.
        """
        came_from = np.zeros(logits.shape, np.intp)
        scores = self.start + logits[0]
        for token in range(1, len(logits)):
            reached = scores[:, None] + self.transitions
            came_from[token] = reached.argmax(axis=0)
            scores = reached.max(axis=0) + logits[token]
        labels = np.empty(len(logits), np.intp)
        labels[-1] = (scores + self.end).argmax()
        for token in range(len(logits) - 1, 0, -1):
            labels[token - 1] = came_from[token, labels[token]]
        return labels

    def marginals(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Compute the probability of each label at each token over all sequences, with forward and backward sums.

        Args:
            logits: ``[T, L]``, at least one token.

        Returns:
            ``[T, L]``; every row sums to 1.
        """
        forward, backward = np.empty_like(logits), np.empty_like(logits)
        forward[0] = self.start + logits[0]
        for token in range(1, len(logits)):
            forward[token] = _log_sum(forward[token - 1][:, None] + self.transitions, axis=0) + logits[token]
        backward[-1] = self.end
        for token in range(len(logits) - 2, -1, -1):
            backward[token] = _log_sum(self.transitions + logits[token + 1] + backward[token + 1], axis=1)
        joint = forward + backward
        return np.asarray(np.exp(joint - _log_sum(joint, axis=1)[:, None]))


def _log_sum(values: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    largest = values.max(axis=axis, keepdims=True)
    return np.asarray(np.squeeze(largest, axis) + np.log(np.exp(values - largest).sum(axis=axis)))
