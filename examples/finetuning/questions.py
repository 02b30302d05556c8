"""Question answering over windows: what is asked, then a stretch of the text, ``[CLS] question [SEP] text [SEP]``.

A text is too long for a small model to read at once while it learns, so it is trained on windows of the text, and a
window without the answer points at ``[CLS]``. The answer to a question is the surest span of all its windows.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from roformer_edge.tokenizer import RoFormerTokenizer

Arrays = dict[str, Any]
Row = dict[str, Any]
LONGEST_QUESTION = 32
LONGEST_ANSWER = 40


class Reader:
    """Rows of questions as windows of ``length`` tokens."""

    def __init__(self, tokenizer: RoFormerTokenizer, length: int) -> None:
        self.tokenizer, self.length = tokenizer, length
        self._read: dict[str, tuple[list[int], list[tuple[int, int]]]] = {}

    def train(self, rows: Sequence[Row], *, seed: int, negative: float = 0.25) -> Arrays:
        """One window of each row, at random around its answer; a share ``negative`` of the windows is without it."""
        rng = random.Random(seed)
        found, spans = [], []
        for row in rows:
            answer = rng.choice(row["answers"])
            question, (ids, places) = self._question(row), self._text(row["context"])
            first = next((n for n, (_, end) in enumerate(places) if end > answer["start"]), 0)
            end = answer["start"] + len(answer["text"])
            last = next((n for n, place in enumerate(places) if place[1] >= end), first)
            room = self.length - len(question) - 3
            starts = range(max(0, last - room + 1), min(first, max(0, len(ids) - room)) + 1)
            start = rng.choice(starts) if starts else first
            if rng.random() < negative and len(ids) > room:
                start = rng.randrange(len(ids) - room + 1)
            found.append(self._row(question, ids[start : start + room]))
            shift = len(question) + 2 - start
            inside = start <= first and last < start + room
            spans.append((first + shift, last + shift) if inside else (0, 0))
        starts_, ends = np.array(spans, dtype=np.int32).T
        return {**_stack(found), "start_positions": starts_, "end_positions": ends}

    def windows(self, rows: Sequence[Row]) -> tuple[Arrays, list[tuple[int, int]]]:
        """All windows of all rows, half of each shared with the next; and of which row and from which token each is."""
        found, origins = [], []
        for number, row in enumerate(rows):
            question, (ids, _) = self._question(row), self._text(row["context"])
            room = self.length - len(question) - 3
            for start in range(0, max(1, len(ids) - room // 2), room // 2):
                found.append(self._row(question, ids[start : start + room]))
                origins.append((number, start))
        return _stack(found), origins

    def answers(self, rows: Sequence[Row], origins: Sequence[tuple[int, int]], starts: Any, ends: Any) -> list[str]:
        """The answer of every row from the logits ``[windows, tokens]`` of all windows."""
        best = [(-np.inf, "")] * len(rows)
        for (number, shift), start, end in zip(origins, starts, ends, strict=True):
            question, (ids, places) = self._question(rows[number]), self._text(rows[number]["context"])
            first = len(question) + 2
            count = min(self.length - first - 1, len(ids) - shift)
            starting, ending = (_log_softmax(logits[[0, *range(first, first + count)]])[1:] for logits in (start, end))
            scores = starting[:, None] + ending
            allowed = np.triu(np.tril(np.ones((count, count), dtype=bool), LONGEST_ANSWER))
            place = int(np.where(allowed, scores, -np.inf).argmax())
            score = scores.flat[place]
            if score > best[number][0]:
                one, two = divmod(place, count)
                text = rows[number]["context"][places[shift + one][0] : places[shift + two][1]]
                best[number] = (score, text)
        return [text for _, text in best]

    def _row(self, question: list[int], text: list[int]) -> tuple[list[int], list[int], list[int]]:
        tokenizer = self.tokenizer
        ids = [tokenizer.cls_token_id, *question, tokenizer.sep_token_id, *text, tokenizer.sep_token_id]
        types = [0] * (len(question) + 2) + [1] * (len(text) + 1)
        padding = [0] * (self.length - len(ids))
        return ids + [tokenizer.pad_token_id] * len(padding), types + padding, [1] * len(ids) + padding

    def _question(self, row: Row) -> list[int]:
        return self._text(row["question"])[0][:LONGEST_QUESTION]

    def _text(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        if text not in self._read:
            row = self.tokenizer(text, add_special_tokens=False).encodings[0]
            self._read[text] = (row.ids, row.offsets)
        return self._read[text]


def _log_softmax(logits: Any) -> Any:
    """Over the tokens of one window and its ``[CLS]``: a window that holds no answer is sure of that."""
    return logits - np.logaddexp.reduce(logits)


def _stack(rows: Sequence[tuple[list[int], list[int], list[int]]]) -> Arrays:
    ids, types, mask = (np.array(column, dtype=np.int32) for column in zip(*rows, strict=True))
    return {"input_ids": ids, "token_type_ids": types, "attention_mask": mask}


def cloze(rows: Sequence[Row], *, times: int, seed: int) -> list[Row]:
    """Questions that need no annotation: a clause of the text with a gap, whose answer is what fills the gap.

    They teach a model to look for the place that the question is about, which a few thousand real questions do not.
    """
    rng = random.Random(seed)
    contexts = sorted({row["context"] for row in rows})
    made = []
    for context in rng.choices(contexts, k=times * len(rows)):
        clauses = list(re.finditer(r"[^，。；！？、：]{6,40}", context))
        if clauses:
            clause = rng.choice(clauses)
            size = rng.randint(2, min(10, len(clause[0]) - 4))
            at = rng.randrange(len(clause[0]) - size + 1)
            # some characters are missing, as a real question is no copy
            before, after = (
                "".join(character for character in part if rng.random() > 0.15)
                for part in (clause[0][:at], clause[0][at + size :])
            )
            asked = before + rng.choice(["什么", "谁", "哪里", "多少", "哪"]) + after + "？"
            answer = {"text": clause[0][at : at + size], "start": clause.start() + at}
            made.append({"context": context, "question": asked, "answers": [answer]})
    return made
