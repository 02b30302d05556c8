"""Text generation: how surely a causal language model expects each next token of a text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from roformer_edge.errors import TextTooLongError, advice
from roformer_edge.runtime.inference import encode_within
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

    Unknown tokens are read, but not guessed: nobody wants them to be written. A RoFormer-sim writes another sentence
    than the one that it was given: it is measured by how it expects the text itself after the text.
    """

    task = "text-generation"
    guessed = "next token"
    metrics = (token_accuracy("next-token accuracy"), perplexity("perplexity"))

    def ask(
        self, pipeline: Any, inputs: Sequence[Inputs], *, batch_size: int, truncation: bool
    ) -> Sequence[TokenGuesses]:
        """Ask for what the graph expects at every position."""
        rows = [self._row(pipeline, value["text"], truncation=truncation) for value in inputs]
        return guess(pipeline.model, rows, batch_size)

    def _row(self, pipeline: Any, text: str, *, truncation: bool) -> GuessedRow:
        model, prefix = pipeline.model, pipeline.prefix_lm
        encoding, limit = model.encode(text, truncation=truncation), model.limits.max_length
        if prefix and 2 * len(encoding.ids) - 1 > limit:
            if not truncation:
                raise TextTooLongError(
                    f"the text has {len(encoding.ids)} tokens, and twice as many do not fit into the {limit} that the "
                    f"model takes; leave it out, or {advice(python='truncation=True', command='--truncate')} cuts it"
                )
            encoding = encode_within(model.tokenizer, text, None, (limit + 1) // 2)
        written = encoding.ids[1:]
        before = encoding.ids if prefix else encoding.ids[:1]
        places = [index for index, token in enumerate(written) if token != model.tokenizer.unk_token_id]
        return GuessedRow(
            ids=[*before, *written],
            type_ids=[0] * len(before) + [int(prefix)] * len(written),
            positions=[len(before) - 1 + index for index in places],
            expected=[written[index] for index in places],
            places=[encoding.offsets[index + 1] for index in places],
        )

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
