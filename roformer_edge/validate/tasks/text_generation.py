"""Text generation: how surely a causal language model expects each next token of a text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from roformer_edge.validate.data.examples import Example
from roformer_edge.validate.data.inputs import Inputs
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

_MARKED = 12  # positions of a text that are marked at most


class NextTokenMeasure(LanguageModel):
    """Measures how each token of a text is expected from those before it, the token that ends the text included.

    Unknown tokens are read, but not guessed: nobody wants them to be written.
    """

    task = "text-generation"
    guessed = "next token"
    metrics = (token_accuracy("next-token accuracy"), perplexity("perplexity"))

    def ask(
        self, pipeline: Any, inputs: Sequence[Inputs], *, batch_size: int, truncation: bool
    ) -> Sequence[TokenGuesses]:
        """Ask for what the graph expects at every position."""
        model = pipeline.model
        unknown = model.tokenizer.unk_token_id
        rows = []
        for value in inputs:
            encoding = model.encode(value["text"], truncation=truncation)
            ids = list(encoding.ids)
            positions = [index for index in range(len(ids) - 1) if ids[index + 1] != unknown]
            rows.append(
                GuessedRow(
                    ids=ids,
                    type_ids=encoding.type_ids,
                    positions=positions,
                    expected=[ids[index + 1] for index in positions],
                    places=[encoding.offsets[index + 1] for index in positions],
                )
            )
        return guess(model, rows, batch_size)

    def show(
        self,
        row: int,
        examples: Sequence[Example],
        reference: Sequence[TokenGuesses],
        candidate: Sequence[TokenGuesses],
    ) -> Shown:
        """Show the text; marked are tokens that the sides expect differently, with what each side expects there."""
        text, ours, theirs = examples[row].inputs["text"], reference[row], candidate[row]
        places = list(ours.places)
        if places and places[-1][0] == places[-1][1]:  # what ends the text has no characters in it
            places[-1] = (len(text), len(text) + len(ours.expected[-1]))
            text += ours.expected[-1]
        moved = [abs(a - b) for a, b in zip(ours.log_probabilities, theirs.log_probabilities, strict=True)]
        differing = [index for index in range(len(moved)) if ours.best[index] != theirs.best[index]]
        most = max(range(len(moved)), key=moved.__getitem__, default=None)
        chosen = differing[:_MARKED] or ([] if most is None else [most])

        def marked(answer: TokenGuesses | None) -> Excerpt:
            marks = []
            for index in chosen:
                right = None if answer is None else answer.best[index] == answer.expected[index]
                name = answer.best[index] if answer is not None and not right else ""
                marks.append(Mark(start=places[index][0], end=places[index][1], name=name, right=right))
            return around(Excerpt(text=text, marks=tuple(marks)), [(mark.start, mark.end) for mark in marks])

        return Shown(gold=marked(None), reference=marked(ours), candidate=marked(theirs))
