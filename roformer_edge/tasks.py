"""The one list of tasks. Exporters, runtime, validation and the command line read a task's facts from here.

Adding a task is one row of ``TASKS``, one head in each model file, one pipeline and one measure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from roformer_edge.errors import UnknownNameError
from roformer_edge.signatures import Signature, TensorSpec

if TYPE_CHECKING:
    from roformer_edge.sentence import SentenceHead


class Task(NamedTuple):
    """What is particular to one task.

    Attributes:
        name: The task's name, as in the Hugging Face pipelines.
        model_class: The Hugging Face architecture that answers it, as written in ``config.json``.
        inputs: The graph's inputs; the dtype is the widest one offered, exporters may narrow it.
        outputs: The graph's outputs. The axes ``labels``, ``vocabulary`` and ``hidden`` have the model's own sizes.
        tolerance: Largest absolute difference of the outputs allowed between a float32 graph and its reference.
        fields: The keys of one JSON line that hold the input texts.
        optional: Keys of input texts that a line may leave out.
        sample: An input that the runtime takes, as Python source, for model cards.
        causal: Whether a position sees only those before it (``is_decoder`` in the config).
        masked: Whether an input holds the mask token.
        words: The key of a line that may hold a list of words in place of ``text``, or none.
        windowed: Which text of a row is read in overlapping windows where it is longer than the model takes: 0 for the
            first, 1 for its pair; ``None`` where long texts are refused or cut.
        echoed: What of the inputs a printed answer repeats -> under which name. Contexts are long, and choices stand in
            the answer.
        answer: The name under which an answer that is no object is printed.
        pad_left: Whether shorter texts of a batch are filled up before their first token: where the answer is read off
            the last position, that must be a token.
        sentence: How one vector of a text is made of its states, where that is the output; see :meth:`pooled`.
    """

    name: str
    model_class: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    tolerance: float
    fields: tuple[str, ...]
    optional: tuple[str, ...] = ()
    sample: str = '"今天天气很好"'
    causal: bool = False
    pad_left: bool = False
    masked: bool = False
    words: str | None = None
    windowed: int | None = None
    echoed: Mapping[str, str] = MappingProxyType({"text": "text", "text_pair": "text_pair", "question": "question"})
    answer: str = "answers"
    sentence: SentenceHead | None = None

    def pooled(self, sentence: SentenceHead | None) -> Task:
        """Return the task whose output is one vector of a text; the task itself where there is nothing to make it."""
        if sentence is None:
            return self
        from roformer_edge.sentence import VECTOR

        return self._replace(outputs=(_output(VECTOR, "batch", str(sentence.width)),), sentence=sentence)

    @property
    def signature(self) -> Signature:
        """The inputs and outputs as one signature."""
        return Signature(inputs=self.inputs, outputs=self.outputs)

    @property
    def gives_states(self) -> bool:
        """Whether the output is the state of every token, of which one vector can be made."""
        return any(spec.name == "last_hidden_state" for spec in self.outputs)

    @property
    def labelled(self) -> bool:
        """Whether the answers are labels of the config."""
        return any("labels" in spec.axes for spec in self.outputs)


def _inputs(*axes: str) -> tuple[TensorSpec, ...]:
    names = ("input_ids", "attention_mask", "token_type_ids")
    return tuple(TensorSpec(name=name, dtype="int64", axes=axes) for name in names)


def _output(name: str, *axes: str) -> TensorSpec:
    return TensorSpec(name=name, dtype="float32", axes=axes)


_TEXT = _inputs("batch", "sequence")
_TOLERANCE = 1e-4

_ROWS = (
    Task(
        name="feature-extraction",
        model_class="RoFormerModel",
        inputs=_TEXT,
        outputs=(_output("last_hidden_state", "batch", "sequence", "hidden"),),
        tolerance=_TOLERANCE,
        fields=("text",),
        optional=("text_pair",),
        answer="features",
    ),
    Task(
        name="fill-mask",
        model_class="RoFormerForMaskedLM",
        inputs=_TEXT,
        outputs=(_output("logits", "batch", "sequence", "vocabulary"),),
        tolerance=_TOLERANCE,
        fields=("text",),
        sample='"今天[MASK]气很好"',
        masked=True,
    ),
    Task(
        name="text-generation",
        model_class="RoFormerForCausalLM",
        inputs=_TEXT,
        outputs=(_output("logits", "batch", "sequence", "vocabulary"),),
        tolerance=_TOLERANCE,
        fields=("text",),
        causal=True,
        echoed={"text": "prompt"},  # "text" is the whole text in the answer
    ),
    Task(
        name="text-classification",
        model_class="RoFormerForSequenceClassification",
        inputs=_TEXT,
        outputs=(_output("logits", "batch", "labels"),),
        tolerance=_TOLERANCE,
        fields=("text",),
        optional=("text_pair",),
    ),
    Task(
        name="token-classification",
        model_class="RoFormerForTokenClassification",
        inputs=_TEXT,
        outputs=(_output("logits", "batch", "sequence", "labels"),),
        tolerance=_TOLERANCE,
        fields=("text",),
        words="tokens",
        windowed=0,
        answer="entities",
    ),
    Task(
        name="question-answering",
        model_class="RoFormerForQuestionAnswering",
        inputs=_TEXT,
        outputs=(_output("start_logits", "batch", "sequence"), _output("end_logits", "batch", "sequence")),
        tolerance=_TOLERANCE,
        fields=("question", "context"),
        windowed=1,
        sample='("谁打开了灯？", "妈妈打开了客厅的灯。")',
    ),
    Task(
        name="multiple-choice",
        model_class="RoFormerForMultipleChoice",
        inputs=_inputs("batch", "choices", "sequence"),
        outputs=(_output("logits", "batch", "choices"),),
        tolerance=_TOLERANCE,
        fields=("context", "choices"),
        optional=("question",),
        sample='("春眠不觉晓", "下一句是什么？", ["处处闻啼鸟", "千里共婵娟"])',
        pad_left=True,
    ),
)

TASKS: dict[str, Task] = {row.name: row for row in _ROWS}
# for type checkers; a test compares it with the table
TaskName = Literal[
    "feature-extraction",
    "fill-mask",
    "text-generation",
    "text-classification",
    "token-classification",
    "question-answering",
    "multiple-choice",
]


def get_task(name: str) -> Task:
    """Return the row of ``TASKS`` with this name.

    Raises:
        UnknownNameError: No such task; the message lists the tasks there are.
    """
    if name not in TASKS:
        raise UnknownNameError("task", name, TASKS)
    return TASKS[name]


def task_of(architectures: Sequence[str]) -> Task | None:
    """Find the task that the first known of these model classes answers, whatever framework it is of."""
    classes = {row.model_class: row for row in _ROWS}
    names = (name.removeprefix("TF").removeprefix("Flax") for name in architectures)
    return next((classes[name] for name in names if name in classes), None)


def input_rows(task: Task, values: Mapping[str, Any]) -> list[tuple[str, str | None]]:
    """Turn the fields of one example into rows for the tokenizer: texts, each with its pair or without.

    One text is a row, with its pair where it has one. A question and its context are a pair. Of several choices each is
    a row: the context, and as its pair the choice, with the question before it where there is one (as transformers'
    examples train such models).

    Args:
        task: Names the fields.
        values: The fields by name.
    """
    if "choices" in task.fields:
        question = values.get("question", "")
        return [(values["context"], question + choice) for choice in values["choices"]]
    first, *rest = (values[field] for field in (*task.fields, *task.optional) if field in values)
    return [(first, rest[0] if rest else None)]
