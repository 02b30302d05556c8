"""What can be chosen about a deployment, and what it gives."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from roformer_edge.bundle.manifest import Manifest
from roformer_edge.config import MOST_POSITIONS
from roformer_edge.deploy.targets import choices_for, get_target
from roformer_edge.errors import OptionError, UnknownNameError, advice
from roformer_edge.formats import DEFAULT_FORMAT, Format, FormatName, get_format
from roformer_edge.quantize.observers import get_observer
from roformer_edge.quantize.recipe import AUTO, SCHEMES
from roformer_edge.records import to_values
from roformer_edge.runtime.session import MOST_THREADS
from roformer_edge.sentence import POOLER, POOLINGS, TOKENS
from roformer_edge.tasks import TaskName
from roformer_edge.validate.data.fields import BY_NAME, FieldNames
from roformer_edge.validate.gates import parse_gate
from roformer_edge.validate.language import checked_language
from roformer_edge.validate.report import Report, checked_budget

if TYPE_CHECKING:
    from roformer_edge.deploy.candidates import Selection
    from roformer_edge.deploy.search import Searched  # needs the export extra

# for type checkers: what is in no table is an error when the options are made or used
PresetName = Literal["x86", "x86-vnni", "arm", "auto"]
ObserverName = Literal["minmax", "percentile", "mse"]
TokenizerName = Literal["auto", "slow", "fast", "bert", "plain"]
IndexDtype = Literal["int64", "int32"]

# Examples that models are chosen by, at most: more of them cost time at each of some dozens of trials.
MOST_TUNED = 1000
# tokens, below which truncation leaves nothing of a text
_SHORTEST = 3


@dataclass(frozen=True, kw_only=True)
class DeployOptions:
    """What can be chosen about a deployment.

    Attributes:
        revision: A branch, tag or commit of a source that is a name on a model hub; ``None`` for ``main``.
        task: A key of ``tasks.TASKS``; ``None`` for the one that the source's own files name.
        format: The format of the model file; a key of ``formats.FORMATS``. ``None`` for ``formats.DEFAULT_FORMAT``, or
            with ``for_this_machine`` for the best of all.
        runtime: What the bundle is to run on, one of the format's ``runtimes``; ``None`` for the first.
        lengths: Numbers of tokens that the model is made for, ascending; texts are padded to the next. Empty for a
            model that takes any number.
        recipe: A key of ``quantize.recipe.RECIPES``, or the path of a recipe in JSON, such as the ``recipe.json`` of a
            bundle; or ``"auto"`` to search for the smallest, then quickest that keeps ``max_drop`` on one half of the
            evaluation data. The other half tells what is lost. ``None`` for ``defaults.RECIPE``, or with
            ``for_this_machine`` for the best of ``defaults.TRIED_RECIPES``.
        schemes: Keys of ``quantize.recipe.SCHEMES`` that ``auto`` may choose from; all that the format can say by
            default.
        keep_float: Shell-style patterns of scopes to leave in float32 whatever the recipe says.
        preset: A key of ``quantize.presets.PRESETS``: integer types that suit the target's processor; ``None`` for the
            one that the recipe's file names, or else the one that is right on every processor, or with
            ``for_this_machine`` the better of that and this machine's.
        observer: A key of ``quantize.observers.OBSERVERS``, for recipes with calibrated ranges; ``None`` for the one
            that the recipe's file names, or else ``defaults.OBSERVER``.
        index_dtype: The type of the graph's inputs, ``"int64"`` or ``"int32"``; ``None`` for the format's own.
        tokenizer: ``"slow"``, ``"fast"``, or ``"auto"`` for the one that the checkpoint was trained with.
        max_length: The most tokens of a text, in place of the source's own number of positions. The rotary table is
            cut, or grows by its formula; how well a model reads longer texts than it was trained on is another matter.
        calibration: A file of the task's inputs to calibrate on; the first ``calibration_texts`` are used.
        calibration_texts: How many texts (or pairs) at most; ``None`` for ``defaults.CALIBRATION_TEXTS``.
        prune_vocab: A file of the task's inputs: tokens that these texts do not need are left out, but for single
            characters, special and added tokens. Their answers stay the same; other texts may be cut into more tokens.
        evaluation: A file of labelled examples to measure the loss on.
        fields: Which key of either file is which field.
        slices: What to cut the evaluation data by, in the report: ``"length"``, or keys of the data.
        max_drop: Largest loss of the task's metric allowed, in percentage points.
        baseline: The ``report.json`` of an earlier deployment or validation on the same data, to compare with.
        gates: What is asked of figures, such as ``"macro_f1 drop <= 0.5"``; see ``validate.gates``.
        max_size: Largest model file that ``auto`` may end in, in megabytes (of a million bytes).
        report: Folder for the report's files.
        language: The language of its page, a key of ``validate.language.LANGUAGES``; ``None`` for English.
        truncation: Cut texts that are longer than the model allows, instead of refusing them.
        overwrite: Replace a bundle that is there already.
        ignore_weights: Shell-style patterns of names of the checkpoint's tensors to leave out though they may change
            answers, such as ``"lstm.*"``.
        pooling: For feature extraction, how one vector of a text is made in the graph: a key of ``sentence.POOLINGS``,
            ``"pooler"`` for the one that the checkpoint holds, or ``"tokens"`` for none, the states of all tokens;
            ``None`` for what the source's own files say.
        keep_weights: Put the canonical arrays beside the graph of a float32 bundle, so that it can be quantised later.
        for_this_machine: Try the formats, recipes and presets that are left open, time them on this machine in turns,
            at the lengths of the texts of ``evaluation`` or ``calibration``, and make the quickest that keeps
            ``max_drop`` on half of the evaluation data; without a budget, the quickest whose outputs lie no further
            from the float32 network's than those of what would be made otherwise.
        threads: Threads of the engine in those timings; ``None`` for as many as :func:`~roformer_edge.load` takes.
    """

    revision: str | None = None
    task: TaskName | None = None
    format: FormatName | None = None
    runtime: str | None = None
    lengths: tuple[int, ...] = ()
    recipe: str | None = None
    schemes: tuple[str, ...] = ()
    keep_float: tuple[str, ...] = ()
    preset: PresetName | None = None
    observer: ObserverName | None = None
    index_dtype: IndexDtype | None = None
    tokenizer: TokenizerName = "auto"
    max_length: int | None = None
    calibration: Path | None = None
    calibration_texts: int | None = None
    prune_vocab: Path | None = None
    evaluation: Path | None = None
    fields: FieldNames = BY_NAME
    slices: tuple[str, ...] = ()
    max_drop: float | None = None
    gates: tuple[str, ...] = ()
    baseline: Path | None = None
    max_size: float | None = None
    report: Path | None = None
    language: str | None = None
    truncation: bool = False
    overwrite: bool = False
    ignore_weights: tuple[str, ...] = ()
    pooling: str | None = None
    keep_weights: bool = False
    for_this_machine: bool = False
    threads: int | None = None

    @classmethod
    def for_target(cls, target: str, **asked: Any) -> DeployOptions:
        """Choose format, runtime, recipe and lengths that suit a kind of device.

        Args:
            target: A key of ``targets.TARGETS``.
            asked: Fields that were chosen; recipe and lengths may be others than the target's if it can compute them.

        Raises:
            UnknownNameError: No such target.
            OptionError: The target cannot compute what was chosen, or it is to be chosen for this machine.
        """
        if asked.get("for_this_machine"):
            machine = advice(python="for_this_machine", command="--for-this-machine")
            raise OptionError("target", target, f"left out with {machine}, which chooses by measurement")
        return cls(**(asked | choices_for(get_target(target), asked)))

    def __post_init__(self) -> None:
        self.row.minimum_runtime(self.runtime)
        _check_lengths(self.lengths)
        if self.observer is not None:
            get_observer(self.observer)
        if self.calibration_texts is not None and not _counts(self.calibration_texts, 1):
            raise OptionError("calibration_texts", self.calibration_texts)
        check_max_length(self.max_length)
        if self.pooling not in (None, TOKENS, POOLER, *POOLINGS):
            raise UnknownNameError("pooling", str(self.pooling), (TOKENS, POOLER, *POOLINGS))
        if self.max_drop is not None:
            checked_budget(self.max_drop)
        for gate in self.gates:
            parse_gate(gate)
        if self.language is not None:
            checked_language(self.language)
            if self.report is None:
                report = advice(python="report", command="--report")
                raise OptionError("language", self.language, f"left out without a report ({report})")
        self._refuse_without_effect()
        self._check_machine()
        self._check_search()

    @property
    def row(self) -> Format:
        """The format that was asked for, or else the usual one."""
        return get_format(self.format or DEFAULT_FORMAT)

    @property
    def halved(self) -> bool:
        """Whether one half of the evaluation data is there to choose by, and the other to tell what is lost."""
        return self.recipe == AUTO or (self.for_this_machine and self.max_drop is not None)

    def _check_machine(self) -> None:
        """Refuse what contradicts a choice for this machine, and what has no effect without one."""
        if self.threads is not None and not (_counts(self.threads, 1) and self.threads <= MOST_THREADS):
            raise OptionError("threads", self.threads, f"a whole number from 1 to {MOST_THREADS}")
        machine = advice(python="for_this_machine", command="--for-this-machine")
        if not self.for_this_machine:
            if self.threads is not None:
                raise OptionError("threads", self.threads, f"left out without {machine}")
            return
        if self.recipe == AUTO:
            raise OptionError("recipe", self.recipe, f"one recipe, or left out, with {machine}")
        for name in ("runtime", "lengths"):  # of one format
            if self.format is None and getattr(self, name) not in (None, ()):
                raise OptionError(name, getattr(self, name), f"left out with {machine}, unless one format is asked for")

    def _check_search(self) -> None:
        """Refuse a search without what it goes by, and what bounds a search where there is none."""
        if self.max_size is not None and not (math.isfinite(self.max_size) and self.max_size > 0):
            raise OptionError("max_size", self.max_size, "a number of megabytes above 0")
        for scheme in self.schemes:
            if scheme not in SCHEMES:
                raise UnknownNameError("quantisation scheme", scheme, SCHEMES)
        if self.recipe == AUTO and (self.evaluation is None or self.max_drop is None):
            evaluation = advice(python="evaluation", command="--eval")
            budget = advice(python="max_drop", command="--max-drop")
            allowed = f"another one without labelled data ({evaluation}) and a budget ({budget}) to choose by"
            raise OptionError("recipe", self.recipe, allowed)
        if self.recipe != AUTO:
            for name in ("max_size", "schemes"):
                if getattr(self, name) not in (None, ()):
                    raise OptionError(name, getattr(self, name), f"left out without the recipe {AUTO!r}")

    def _refuse_without_effect(self) -> None:
        """Refuse options that nothing would come of."""
        evaluation = advice(python="evaluation", command="--eval")
        calibration = advice(python="calibration", command="--calibration")
        if self.evaluation is None:
            for name in ("max_drop", "gates", "baseline", "report", "slices"):
                if getattr(self, name) not in (None, ()):
                    raise OptionError(name, getattr(self, name), f"left out without labelled data ({evaluation})")
        if self.calibration is None:
            for name in ("observer", "calibration_texts"):
                if getattr(self, name) is not None:
                    raise OptionError(name, getattr(self, name), f"left out without calibration data ({calibration})")
        if self.calibration is None and self.evaluation is None:
            without = f"left out without data ({evaluation} or {calibration})"
            if self.truncation:
                raise OptionError("truncation", self.truncation, without)
            if self.fields.given and self.prune_vocab is None:
                raise OptionError("fields", self.fields, without)


def _counts(value: object, least: int) -> bool:
    return type(value) is int and value >= least


def check_max_length(value: int | None) -> None:
    """Check the most tokens of a text, where it is asked for.

    Raises:
        OptionError: It is no number that a text can be cut to.
    """
    if value is not None and not _counts(value, _SHORTEST):
        raise OptionError(
            "max_length", value, f"a whole number of at least {_SHORTEST}, for [CLS], one token and [SEP]"
        )
    if value is not None and value > MOST_POSITIONS:
        raise OptionError("max_length", value, f"{MOST_POSITIONS} at most")


def _check_lengths(lengths: tuple[int, ...]) -> None:
    whole = all(type(length) is int and length >= _SHORTEST for length in lengths)
    if not whole or sorted(set(lengths)) != list(lengths):
        raise OptionError("lengths", lengths, f"ascending whole numbers of at least {_SHORTEST}")
    if lengths and lengths[-1] > MOST_POSITIONS:
        raise OptionError("lengths", lengths, f"{MOST_POSITIONS} at most")


@dataclass(frozen=True, kw_only=True, repr=False)
class Deployment:
    """What a deployment made.

    Attributes:
        bundle: Where it lies.
        manifest: What it is.
        report: What was lost, where evaluation data was given.
        report_files: The files of the report.
        warnings: What may make the bundle worse than it could be.
        searched: How the recipe was found, where it was searched for.
        selection: What was tried for this machine, where that was asked for.
    """

    bundle: Path
    manifest: Manifest
    report: Report | None
    report_files: tuple[Path, ...]
    warnings: tuple[str, ...] = ()
    searched: Searched | None = None
    selection: Selection | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return what was made as values that ``json.dumps`` takes; the report stands in its files."""
        manifest = self.manifest
        return {
            "bundle": str(self.bundle),
            "task": manifest.task,
            "format": manifest.format,
            "recipe": manifest.recipe.name,
            "bytes": manifest.total_bytes,
            "parity": to_values(manifest.parity),
            "measured": manifest.measured and to_values(manifest.measured),
            "gates": [] if self.report is None else to_values(self.report.all_gates),
            "notes": list(manifest.notes),
            "warnings": list(self.warnings),
            "search": self.searched and to_values(self.searched),
            "selection": self.selection and to_values(self.selection),
            "report": [str(path) for path in self.report_files],
        }

    def __repr__(self) -> str:
        manifest = self.manifest
        drop = f", drop={manifest.measured.drop:.4g}" if manifest.measured else ""
        return (
            f"Deployment({str(self.bundle)!r}, task={manifest.task!r}, format={manifest.format!r}, "
            f"recipe={manifest.recipe.name!r}, bytes={manifest.total_bytes}{drop})"
        )
