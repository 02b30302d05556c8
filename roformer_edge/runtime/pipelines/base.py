"""What the pipelines of all tasks share.

One input, a collection or an iterator in; one answer, a list or a generator out; windows of inputs, sorted by length
and answered together; the inputs before a bad one answered first.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeVar

from roformer_edge.bundle.manifest import Manifest, RecipeReference
from roformer_edge.config import RoFormerConfig
from roformer_edge.errors import BundleError, OptionError, TextError, VocabularyError
from roformer_edge.runtime.inference import (
    EncodedRow,
    EncodingTokenizer,
    Limits,
    OffsetEncoding,
    Outputs,
    Pick,
    TextModel,
)
from roformer_edge.runtime.packing import window_size, windows
from roformer_edge.runtime.session import BackendReport, Session
from roformer_edge.tasks import Task, get_task

if TYPE_CHECKING:
    from typing_extensions import Self

    from roformer_edge.sentence import SentenceHead

Q = TypeVar("Q")
A = TypeVar("A")
# (an input, what it is called in messages) -> what is computed of it
Read = Callable[[object, str], Q]
# (a few of those, batch size) -> their answers, in order
Respond = Callable[[Sequence[Q], int], Iterable[A]]

# Numbers in one output of a batch, 64 MB as float32: with logits over a vocabulary that comes before the token budget.
OUTPUT_BUDGET = 1 << 24


class Origin(NamedTuple):
    """Where a pipeline was loaded from.

    Attributes:
        bundle: The bundle's directory or file, with all folders above it.
        manifest: What the bundle says of itself.
        again: Loads the same bundle with the same options, and refuses one that was put in its place.
    """

    bundle: Path
    manifest: Manifest
    again: Callable[[], Pipeline]


class Part(Iterator[object]):
    """Gives inputs that stand in the midst of others, so that messages count them from there.

    Args:
        inputs: Some of the inputs.
        first: The number of the first of them.
    """

    def __init__(self, inputs: Iterable[object], first: int) -> None:
        self.first = first
        self._inputs = iter(inputs)

    def __next__(self) -> object:
        return next(self._inputs)


class Pipeline(ABC):
    """Answers one task. Calls from several threads at once are safe.

    A pipeline is called with one input, a list (or another collection) of inputs, or an iterator over them, and gives
    one answer, a list, or a generator. The generator reads 32 batches ahead and holds no more than that; with
    ``batch_size=1`` it answers each input before it reads the next. An input that cannot be used, or an iterator that
    fails, is an error where its turn comes, after the answers to those before it.

    Where no batch size is asked for, the answer to an input is the same alone, in a list and in any order (in floating
    point up to rounding): an ``int8-dynamic`` bundle then computes one input at a time. Larger batches of such a bundle
    are quicker, and change its scores a little.

    A pipeline that was loaded from a bundle can be copied and pickled: what comes of it is loaded from the same bundle
    with the same options, in whichever process. A process that is forked from one that has pipelines loads theirs anew,
    when they are first asked something.

    Args:
        session: The loaded graph.
        tokenizer: The tokenizer of the model.
        config: The config of the model.
        limits: Lengths and batches; by default the model's positions bound the length.
        sentence: How the graph makes one vector of a text, where it does.

    Attributes:
        notes: What was found when the bundle was loaded, for :meth:`backend_report`.
        remarks: What would suit the machine better, for the same.
        self_test: The largest difference from the recorded answers; ``None`` where they were not compared.
        thread_times: What was measured to choose the number of threads, for :meth:`backend_report`.
        origin: Where it was loaded from; ``None`` where it was made of its parts.
        closed: Whether it was closed.
    """

    task: ClassVar[str]
    # the types of one input; anything else that can be iterated holds several
    single: ClassVar[tuple[type, ...]] = (str, tuple)
    # what one input is and what it is called, for messages
    form: ClassVar[str] = "a str"
    noun: ClassVar[str] = "text"

    def __init__(
        self,
        session: Session,
        tokenizer: EncodingTokenizer,
        config: RoFormerConfig,
        *,
        limits: Limits | None = None,
        sentence: SentenceHead | None = None,
    ) -> None:
        task = get_task(self.task).pooled(sentence)
        limits = limits or Limits(max_length=config.max_position_embeddings, pad_id=config.pad_token_id or 0)
        self._model = TextModel(session, tokenizer, task, self._bound(limits, task, config))
        self._types = config.type_vocab_size
        self.notes: tuple[str, ...] = ()
        self.remarks: tuple[str, ...] = ()
        self.self_test: float | None = None
        self.thread_times: tuple[tuple[int, float], ...] = ()
        self.origin: Origin | None = None
        self.closed = False

    @abstractmethod
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Answer one input, a collection of inputs or an iterator over them."""

    @property
    def provider(self) -> str:
        """Where the engine really runs the graph."""
        return self._model.session.report.used

    @property
    def fallbacks(self) -> tuple[str, ...]:
        """What was asked of the engine and is not used, with the reason; empty when all went as asked."""
        return self._model.session.report.fallbacks

    def backend_report(self) -> BackendReport:
        """Tell what computes the graph, and why it is not what was asked for."""
        report = self._model.session.report
        return dataclasses.replace(
            report,
            notes=(*report.notes, *self.notes),
            remarks=self.remarks,
            self_test=self.self_test,
            thread_times=self.thread_times,
        )

    @property
    def bundle(self) -> Path:
        """The bundle that it was loaded from."""
        return self._loaded.bundle

    @property
    def manifest(self) -> Manifest:
        """What that bundle says of itself."""
        return self._loaded.manifest

    @property
    def recipe(self) -> RecipeReference:
        """The name and the digest of the quantisation recipe that was applied."""
        return self._loaded.manifest.recipe

    @property
    def _loaded(self) -> Origin:
        if self.origin is None:
            raise BundleError(
                f"this {type(self).__name__} was made of a session, and belongs to no bundle; load() one instead"
            )
        return self.origin

    @property
    def max_length(self) -> int:
        """The most tokens of one text or pair, special tokens included."""
        return self._model.limits.max_length

    @property
    def model(self) -> TextModel:
        """The tokenizer and the graph, for those who want ids or raw outputs."""
        return self._model

    def close(self) -> None:
        """Free the graph's memory; calls fail from here on."""
        self.closed = True
        self._model.session.close()

    def __reduce__(self) -> tuple[Callable[[], Pipeline], tuple[()]]:
        return self._loaded.again, ()

    def __repr__(self) -> str:
        facts = [f"max_length={self.max_length}"]
        if self.origin is not None:
            manifest = self.origin.manifest
            facts = [
                repr(str(self.origin.bundle)),
                *(
                    f"{name}={value!r}"
                    for name, value in (("format", manifest.format), ("recipe", manifest.recipe.name))
                ),
                *([f"labels={len(manifest.labels)}"] if manifest.labels else []),
                *facts,
            ]
        return f"{type(self).__name__}({', '.join([*facts, *(['closed'] if self.closed else [])])})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @classmethod
    def holds_several(cls, inputs: object, options: Mapping[str, object]) -> bool:
        """Tell whether a collection holds several inputs and is no input itself.

        Args:
            inputs: What is asked.
            options: The options of the call.
        """
        return isinstance(inputs, Iterable) and not isinstance(inputs, (str, bytes, Mapping, *cls.single))

    # for the pipelines

    @classmethod
    def _bound(cls, limits: Limits, task: Task, config: RoFormerConfig) -> Limits:
        """Bound the limits as this task needs."""
        if not any("vocabulary" in spec.axes for spec in task.outputs):
            return limits
        return dataclasses.replace(limits, output_budget=max(1, OUTPUT_BUDGET // config.vocab_size))

    def _reader(self, *, truncation: bool) -> Read[OffsetEncoding]:
        """Make what reads a text or a pair."""

        def read(value: object, where: str) -> OffsetEncoding:
            encoding = self._model.encode(value, truncation=truncation, where=where)
            if self._types < 2 and any(encoding.type_ids):
                raise TextError(f"{where} is a pair, and the model was made for single texts (type_vocab_size 1)")
            return encoding

        return read

    def _respond(self, inputs: object, read: Read[Q], respond: Respond[Q, A], batch_size: int | None) -> Any:
        """Give one answer for one input, a list for a collection, a generator for an iterator."""
        batch_size = self._batch_size(batch_size)
        if isinstance(inputs, self.single):
            (answer,) = respond([read(inputs, f"the {self.noun}")], 1)
            return answer
        answers = self._stream(self._iterate(inputs), read, respond, batch_size)
        return answers if isinstance(inputs, Iterator) else list(answers)

    def _top_k(self, positional: Sequence[object], named: int | None) -> int | None:
        """Return how many answers are asked for: the argument after what is asked, or the one of that name.

        Raises:
            TextError: What is asked came in several arguments.
            OptionError: Not a whole number of at least 1.
        """
        if not positional and named is None:
            return None
        if len(positional) + (named is not None) > 1 or any(isinstance(value, (str, list)) for value in positional):
            raise TextError(
                f"what is asked is one argument, {self.form}, or a list or an iterator of such, and top_k another; "
                f"found {len(positional) + 1} arguments"
            )
        asked: Any = next(iter(positional), named)
        if asked is not None:
            check_count("top_k", asked)
        return asked  # type: ignore[no-any-return]  # checked

    def _batch_size(self, asked: int | None) -> int:
        """Choose the batch size asked for, or the largest with which inputs do not change each other's answers."""
        size = self._model.limits.batch_size if asked is None else asked
        check_count("batch_size", size)
        return size

    def _stream(self, inputs: Iterator[object], read: Read[Q], respond: Respond[Q, A], batch_size: int) -> Iterator[A]:
        """Give the answers in order, window by window."""
        first = inputs.first if isinstance(inputs, Part) else 0
        questions = (read(value, f"{self.noun} {number}") for number, value in enumerate(inputs, first))
        for window in windows(questions, window_size(batch_size)):
            yield from respond(window, batch_size)

    def _iterate(self, inputs: object) -> Iterator[object]:
        if isinstance(inputs, (str, bytes, Mapping)) or not isinstance(inputs, Iterable):
            raise TextError(
                f"what is asked must be {self.form}, a list or an iterator of such, found {type(inputs).__name__}"
            )
        return iter(inputs)

    def _run_groups(
        self, groups: Sequence[Sequence[EncodedRow]], batch_size: int, pick: Pick | None = None
    ) -> Iterator[list[Outputs]]:
        """Run inputs that are several rows each, ``batch_size`` inputs at once; the outputs of the rows of each."""
        most = max(map(len, groups), default=1)
        rows = iter(self._model.run([row for group in groups for row in group], batch_size * most, pick))
        for group in groups:
            yield [next(rows) for _ in group]


def check_count(name: str, value: object) -> None:
    """Refuse what is no whole number of at least 1.

    Raises:
        OptionError: The name, what was found and what is allowed.
    """
    if not isinstance(value, int) or value < 1:
        raise OptionError(name, value)


def check_shared(name: str, value: object) -> None:
    """Refuse what is no number of tokens that windows may share.

    Raises:
        OptionError: The name, what was found and what is allowed.
    """
    if not isinstance(value, int) or value < 0:
        raise OptionError(name, value, "a whole number of at least 0")


def check_threshold(value: object) -> None:
    """Refuse what is no score that others could be over.

    Raises:
        OptionError: What was found and what is allowed.
    """
    if value is not None and not (isinstance(value, (int, float)) and 0 <= value <= 1):
        raise OptionError("threshold", value, "a number from 0 to 1")


def known_token(token_id: int | None, name: str, task: str) -> int:
    """Return the id of a special token that a task cannot do without.

    Raises:
        VocabularyError: The tokenizer has none.
    """
    if token_id is None:
        raise VocabularyError(
            f"the tokenizer has no {name} token, which {task} needs; set one and make the bundle anew"
        )
    return token_id
