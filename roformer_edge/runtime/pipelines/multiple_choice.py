"""Multiple choice: a context, a question and several choices in, the choice that fits best out."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np

from roformer_edge.config import RoFormerConfig
from roformer_edge.errors import TextError, UnsupportedModelError
from roformer_edge.records import Result
from roformer_edge.runtime.inference import EncodedRow, EncodingTokenizer, Limits
from roformer_edge.runtime.pipelines.base import Pipeline
from roformer_edge.runtime.session import Session
from roformer_edge.runtime.texts import check_text, split_fields
from roformer_edge.scores import largest, softmax
from roformer_edge.tasks import Task, input_rows

# (context, question or None, choices), or a mapping with these keys
Question = tuple[str, str | None, Sequence[str]] | Mapping[str, Any]

_FIELDS = ("context", "question", "choices")
# Summaries of a row that its padding on the left does not change; the others read the first position or all of them.
_AT_THE_END = ("last", "last_token")


@dataclass(frozen=True, kw_only=True)
class Choice(Result):
    """One of the choices.

    Attributes:
        index: Its place among them, from 0.
        text: The choice.
        score: Its probability; those of all choices sum to 1.
    """

    index: int
    text: str
    score: float


@dataclass(frozen=True)
class _Asked:
    choices: Sequence[str]
    rows: Sequence[EncodedRow]


class MultipleChoice(Pipeline):
    """Chooses; see :class:`~roformer_edge.runtime.pipelines.base.Pipeline` for what it is made of.

    Rows are padded on the left, because the model reads its answer off the last position. Where padding would change
    answers all the same (``rotary_value``, or a ``summary_type`` of ``first`` or ``mean`` in the config), only rows of
    one length are computed together, and nothing is padded.

    Raises:
        UnsupportedModelError: Such a model as a graph of fixed lengths, which cannot do without padding.
    """

    task = "multiple-choice"
    single = (tuple, Mapping)
    form = "a tuple of context, question and choices, a dict with these keys"
    noun = "input"

    def __init__(
        self, session: Session, tokenizer: EncodingTokenizer, config: RoFormerConfig, *, limits: Limits | None = None
    ) -> None:
        super().__init__(session, tokenizer, config, limits=limits)
        lengths = self._model.lengths
        if self._model.limits.alike and lengths:
            raise UnsupportedModelError(
                f"padding changes the answers of this model (rotary_value {config.rotary_value}, summary_type "
                f"{_summary(config)!r}), and its graph pads to lengths of {lengths}; export it for any length"
            )

    @overload
    def __call__(
        self, inputs: Question, top_k: None = None, *, batch_size: int | None = None, truncation: bool = False
    ) -> Choice: ...
    @overload
    def __call__(
        self, inputs: Question, top_k: int, *, batch_size: int | None = None, truncation: bool = False
    ) -> list[Choice]: ...
    @overload
    def __call__(
        self, inputs: list[Question], top_k: None = None, *, batch_size: int | None = None, truncation: bool = False
    ) -> list[Choice]: ...
    @overload
    def __call__(
        self, inputs: list[Question], top_k: int, *, batch_size: int | None = None, truncation: bool = False
    ) -> list[list[Choice]]: ...
    @overload
    def __call__(
        self, inputs: Iterator[Question], top_k: None = None, *, batch_size: int | None = None, truncation: bool = False
    ) -> Iterator[Choice]: ...
    @overload
    def __call__(
        self, inputs: Iterator[Question], top_k: int, *, batch_size: int | None = None, truncation: bool = False
    ) -> Iterator[list[Choice]]: ...

    def __call__(
        self,
        inputs: Question | Iterable[Question],
        *more: Any,
        top_k: int | None = None,
        batch_size: int | None = None,
        truncation: bool = False,
    ) -> Any:
        """Choose once, or many times.

        What the tokenizer is given for each choice is the rule of :func:`roformer_edge.tasks.input_rows`.

        Args:
            inputs: A tuple ``(context, question, choices)`` or a dict with these keys; a list of such; or an iterator.
                The question may be ``None`` (or left out of the dict); there is at least one choice.
            more: ``top_k``, where it is not given by name.
            top_k: ``None`` for the best choice alone; a number for a list of that many, best first.
            batch_size: The most inputs that are computed at once; ``None`` for as many as change no answer.
            truncation: Cut texts that are longer than the model allows, instead of refusing them: of the two texts
                that go in together the longer one.

        Raises:
            TextError: Something is not a text, or holds NUL or a lone surrogate, or there is no choice.
            TextTooLongError: Too many tokens for the model, and ``truncation`` is not set.
            OptionError: ``top_k`` or ``batch_size`` is not a whole number of at least 1.
            BackendError: The engine failed.
        """
        top_k = self._top_k(more, top_k)

        def read(value: object, where: str) -> _Asked:
            question = check_question(value, where)
            rows = [
                self._model.encode(pair, truncation=truncation, where=f"choice {number} of {where}")
                for number, pair in enumerate(input_rows(self._model.task, question))
            ]
            return _Asked(question["choices"], rows)

        def respond(asked: Sequence[_Asked], size: int) -> Iterator[Choice | list[Choice]]:
            groups = self._run_groups([question.rows for question in asked], size)
            for question, outputs in zip(asked, groups, strict=True):
                scores = softmax(np.concatenate([row["logits"] for row in outputs]).astype(np.float64))
                best = [
                    Choice(index=index, text=question.choices[index], score=float(scores[index]))
                    for index in map(int, largest(scores, top_k or 1))
                ]
                yield best[0] if top_k is None else best

        return self._respond(inputs, read, respond, batch_size)

    @classmethod
    def _bound(cls, limits: Limits, task: Task, config: RoFormerConfig) -> Limits:
        if _summary(config) in _AT_THE_END and not config.rotary_value:
            return limits
        return dataclasses.replace(limits, alike=True)


def _summary(config: RoFormerConfig) -> str:
    return str(config.extra.get("summary_type", "last"))


def check_question(value: object, where: str) -> dict[str, Any]:
    """Take context, question (empty where there is none) and choices of an input by name, each checked.

    Raises:
        TextError: One of them is missing or is no text.
    """
    context, question, choices = split_fields(value, _FIELDS, where)
    checked = {
        "context": check_text(context, f"the context of {where}"),
        "question": "" if question is None else check_text(question, f"the question of {where}"),
    }
    if not isinstance(choices, (list, tuple)) or not choices:
        raise TextError(f"the choices of {where} must be a list of one text or more, found {choices!r:.60}")
    texts = [check_text(choice, f"choice {number} of {where}") for number, choice in enumerate(choices)]
    return {**checked, "choices": texts}
