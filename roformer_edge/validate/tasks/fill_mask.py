"""Fill-mask: how often and how surely hidden tokens are guessed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from roformer_edge.errors import ComparisonError
from roformer_edge.validate.data.examples import Example
from roformer_edge.validate.data.inputs import Inputs, Problem, inputs_of, too_long
from roformer_edge.validate.data.lines import Line, shown
from roformer_edge.validate.excerpts import Excerpt, Mark, around
from roformer_edge.validate.tasks.language_model import (
    GuessedRow,
    LanguageModel,
    TokenGuesses,
    guess,
    perplexity,
    token_accuracy,
)
from roformer_edge.validate.tasks.measure import Shown

# Of the tokens of a text without masks so many are hidden, as in the training of such models.
HIDDEN_SHARE = 0.15


class MaskedTokenMeasure(LanguageModel):
    """Measures how hidden tokens are guessed.

    A text with masks comes with an ``answers`` for each of them. Of a text without masks 15 % of the tokens, and at
    least one, are hidden at once; which ones depends on the text alone, so every side and every run hides the same.
    """

    task = "fill-mask"
    gold_fields = ("answers",)
    guessed = "guess"
    metrics = (token_accuracy("masked-token accuracy"), perplexity("pseudo-perplexity"))

    def read(self, line: Line) -> tuple[Inputs, None]:
        """Read the text, with the tokens that its masks hide where the line has any."""
        inputs = inputs_of(line, self.row)
        if not line.holds("answers"):
            return inputs, None
        single = isinstance(line.value("answers"), str) and not (line.flat and line.value("answers").startswith("["))
        return {**inputs, "answers": [line.string("answers")] if single else line.strings("answers")}, None

    def find_problem(self, tokenizer: Any, limit: int, inputs: Inputs, *, truncation: bool) -> Problem | None:
        """Find too many tokens, masks without an answer each, or an answer that is no token."""
        ids = tokenizer.encode_text(inputs["text"]).ids
        if len(ids) > limit and not truncation:
            return too_long(len(ids), limit)
        masks, answers = list(ids).count(tokenizer.mask_token_id), inputs.get("answers")
        if answers is None and masks:
            return Problem(
                reason=f"{masks} of {tokenizer.mask_token} and no answer", remedy='give "answers", one for each'
            )
        if answers is not None and len(answers) != masks:
            return Problem(
                reason=f"{masks} of {tokenizer.mask_token}, and {len(answers)} in answers", remedy="give one for each"
            )
        for token in answers or ():
            if tokenizer.convert_tokens_to_ids(token) == tokenizer.unk_token_id:
                return Problem(reason=f"the answer {shown(token)} is no token of the vocabulary", remedy="hide a token")
        return None

    def ask(
        self, pipeline: Any, inputs: Sequence[Inputs], *, batch_size: int, truncation: bool
    ) -> Sequence[TokenGuesses]:
        """Ask for what the graph makes of every hidden token."""
        rows = [self._row(pipeline.model, value, truncation=truncation) for value in inputs]
        return guess(pipeline.model, rows, batch_size)

    def _row(self, model: Any, inputs: Inputs, *, truncation: bool) -> GuessedRow:
        tokenizer, text = model.tokenizer, inputs["text"]
        problem = self.find_problem(tokenizer, model.limits.max_length, inputs, truncation=truncation)
        if problem is not None:
            raise ComparisonError(f"{text!r:.60}: {problem.reason}; {problem.remedy}")
        encoding = model.encode(text, truncation=truncation)
        ids = list(encoding.ids)
        if "answers" in inputs:
            # a text that was cut has lost the masks behind the cut
            positions = [index for index, token in enumerate(ids) if token == tokenizer.mask_token_id]
            expected = [tokenizer.convert_tokens_to_ids(token) for token in inputs["answers"][: len(positions)]]
        else:
            unknown = tokenizer.unk_token_id
            known = [n for n, of in enumerate(encoding.sequence_ids) if of is not None and ids[n] != unknown]
            positions = draw_positions(known, text)
            expected = [ids[index] for index in positions]
            for index in positions:
                ids[index] = tokenizer.mask_token_id
        places = [encoding.offsets[index] for index in positions]
        return GuessedRow(ids=ids, type_ids=encoding.type_ids, positions=positions, expected=expected, places=places)

    def show(
        self,
        row: int,
        examples: Sequence[Example],
        reference: Sequence[TokenGuesses],
        candidate: Sequence[TokenGuesses],
    ) -> Shown:
        """Show the text with its hidden tokens filled in, by gold and by both sides."""
        text, ours, theirs = examples[row].inputs["text"], reference[row], candidate[row]
        return Shown(
            gold=filled(text, ours.places, ours.expected),
            reference=filled(text, ours.places, ours.best, ours.expected),
            candidate=filled(text, theirs.places, theirs.best, theirs.expected),
        )


def draw_positions(known: Sequence[int], text: str) -> list[int]:
    """Choose the known positions that are hidden: a share of them, drawn by a generator that the text seeds."""
    if not known:
        return []
    seed = int.from_bytes(hashlib.sha256(text.encode("utf-8")).digest()[:8], "big")
    number = max(1, round(HIDDEN_SHARE * len(known)))
    chosen = np.random.default_rng(seed).choice(len(known), size=number, replace=False)
    return sorted(known[index] for index in chosen.tolist())


def filled(
    text: str,
    places: Sequence[tuple[int, int]],
    tokens: Sequence[str],
    expected: Sequence[str] | None = None,
) -> Excerpt:
    """Fill some places of a text with tokens, marked, right or wrong where ``expected`` says so."""
    pieces, marks, at, length = [], [], 0, 0
    for number, ((start, end), token) in enumerate(zip(places, tokens, strict=True)):
        piece = token.removeprefix("##")
        pieces += [text[at:start], piece]
        length += start - at
        right = None if expected is None else token == expected[number]
        marks.append(Mark(start=length, end=length + len(piece), right=right))
        length, at = length + len(piece), end
    whole = Excerpt(text="".join([*pieces, text[at:]]), marks=tuple(marks))
    return around(whole, [(mark.start, mark.end) for mark in marks])
