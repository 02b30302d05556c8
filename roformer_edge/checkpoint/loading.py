"""From a checkpoint directory to a config and canonical arrays, with nothing left to chance.

What is missing, unexpected or of another shape is an error that lists it; nothing is ever filled with random numbers.
What is not used is listed, and what decided between contradictions is said.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from roformer_edge.checkpoint.checks import Wanted, check_rotary_table, check_tensors, list_wanted
from roformer_edge.checkpoint.crf import find_crfs, read_crf
from roformer_edge.checkpoint.finding import CheckpointFiles, find_checkpoint
from roformer_edge.checkpoint.leftovers import account_for, count, refuse_unmerged, some
from roformer_edge.checkpoint.names import DECODER_WEIGHT, POOLER, WORD_EMBEDDINGS
from roformer_edge.checkpoint.pooling import choose_pooling
from roformer_edge.checkpoint.reconcile import fit_epsilon, fit_labels, fit_parts, fit_prefix
from roformer_edge.checkpoint.settings import apply_generation, config_notes
from roformer_edge.checkpoint.tensors import LazyArrays, StoredTensors
from roformer_edge.checkpoint.weight_file import Array
from roformer_edge.config import RoFormerConfig
from roformer_edge.crf import Crf
from roformer_edge.errors import OptionError
from roformer_edge.sentence import TOKENS, SentenceHead
from roformer_edge.tasks import Task

if TYPE_CHECKING:
    from typing_extensions import Self

T = TypeVar("T")

_TOKEN_CLASSIFIER = "RoFormerForTokenClassification"
_CAUSAL_MODEL = "RoFormerForCausalLM"
_BARE_MODEL = "RoFormerModel"


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """The weights of one model, ready to be read one by one.

    Its weight files are opened once, when it is loaded, and closed by :meth:`close`, at the end of a ``with`` block, or
    with the last reference to it; going through ``arrays`` again opens nothing.

    Attributes:
        config: The architecture, as the weights have it.
        arrays: Canonical name -> float32 array. A tensor is read from its file every time it is asked for and never
            kept. The rotary table is always there: as stored (it carries the rounding of the type it was stored in),
            else by formula. A pooler is there where one is stored.
        files: The weight files, in reading order.
        source_directory: Where they lie.
        unused: Canonical names of stored tensors that the architecture has no place for, such as other heads.
        notes: What is worth saying aloud: sentences on keys and tensors that are not used, and on contradictions
            between config and weights, with what counts.
        dtype: The type that the word embeddings are stored in.
        crf: The transitions between labels, where a token classifier has them.
        sentence: How one vector of a text is made of its states, where that is asked for or the checkpoint's own word;
            the weights of its layers are in ``arrays``.
    """

    config: RoFormerConfig
    arrays: Mapping[str, Array]
    files: tuple[Path, ...]
    source_directory: Path
    unused: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    dtype: str = "float32"
    crf: Crf | None = field(default=None, compare=False)
    sentence: SentenceHead | None = None

    @property
    def has_pooler(self) -> bool:
        """Whether a pooler is stored: ``roformer.pooler.dense``, after which comes ``config.pooler_activation``."""
        return f"{POOLER}.weight" in self.arrays

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the bytes of all weight files in order, as hexadecimal; one pass, when first asked for."""
        digest = hashlib.sha256()
        for path in self.files:
            with path.open("rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
        return digest.hexdigest()

    def close(self) -> None:
        """Close the weight files; ``arrays`` cannot be read afterwards."""
        if isinstance(self.arrays, LazyArrays):
            self.arrays.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def load_checkpoint(
    source: str | Path | CheckpointFiles,
    task: Task | None,
    *,
    max_length: int | None = None,
    ignore_weights: Sequence[str] = (),
    pooling: str | None = None,
) -> Checkpoint:
    """Open a checkpoint directory and check that it holds what its config and ``task`` require.

    Args:
        source: A directory that :func:`~roformer_edge.checkpoint.finding.find_checkpoint` takes, or what it made of it.
        task: The head that must be there; ``None`` asks for the encoder only.
        max_length: Number of positions to take in place of the config's; see
            :func:`~roformer_edge.checkpoint.rotary_table.fit_rotary_table`.
        ignore_weights: Shell-style patterns of canonical names of tensors to leave out though they may change answers.
        pooling: For feature extraction, how one vector of a text is made: a key of ``sentence.POOLINGS``, ``POOLER``,
            or ``TOKENS`` for none; ``None`` for what modules of sentence-transformers say, and else none.

    Raises:
        CheckpointError: Weights are missing, truncated, mis-shaped, unexpected or unsafe to open, or the head is
            missing. Numbers that are not finite are reported when their tensor is read.
        ConfigError: ``config.json`` is missing or malformed.
        UnsupportedModelError: The config is that of another architecture, or the weights ask for what is not computed.
        MissingDependencyError: The weights are in a format whose package is not installed.
    """
    files = source if isinstance(source, CheckpointFiles) else find_checkpoint(source)
    architecture = _BARE_MODEL if task is None else task.model_class
    if task is None or architecture != _BARE_MODEL:
        if pooling is not None:
            raise OptionError("pooling", pooling, "left out where no features are extracted")
        pooling = TOKENS
    elif max_length is None and files.text_settings is not None and files.text_settings.max_length is not None:
        max_length = min(files.text_settings.max_length, files.config.max_position_embeddings)
    changes = {} if max_length is None else {"max_position_embeddings": max_length}
    return load_architecture(files, architecture, changes=changes, ignore_weights=ignore_weights, pooling=pooling)


def load_architecture(
    source: str | Path | CheckpointFiles,
    architecture: str,
    *,
    config: RoFormerConfig | None = None,
    changes: Mapping[str, Any] | None = None,
    head: str = "stored",
    ignore_weights: Sequence[str] = (),
    pooling: str | None = TOKENS,
) -> Checkpoint:
    """Open a checkpoint as :func:`load_checkpoint` does, by the name of the model class.

    Args:
        source: What :func:`load_checkpoint` takes.
        architecture: The model class, such as ``"RoFormerForMaskedLM"``.
        config: Used instead of the directory's ``config.json``.
        changes: Fields of the config to replace.
        head: What is asked of the head, one of :data:`~roformer_edge.checkpoint.checks.HEADS`; what is left out of it
            ``arrays`` lacks.
        ignore_weights: What :func:`load_checkpoint` takes.
        pooling: What :func:`load_checkpoint` takes.
    """
    files = source if isinstance(source, CheckpointFiles) else find_checkpoint(source)
    changes, stated, notes = changes or {}, None, _Notes()
    if config is None:
        config, stated = files.config, {**files.values, **changes}
        notes.add(config_notes(config, files.values))
        if architecture == _CAUSAL_MODEL:
            config = notes.take(apply_generation(config, files.generation))
    config = config.replace(**changes)
    with ExitStack() as stack:  # closes what was opened where a check fails
        opened = [stack.enter_context(closing(file)) for file in files.weights.open()]
        adapter = files.open_adapter()
        if adapter is not None:
            stack.enter_context(closing(adapter))
        notes.add(files.weights.notes)
        notes.add([note for file in opened for note in file.notes])
        tensors = StoredTensors(opened, adapter)
        ignored = tensors.leave_out(ignore_weights)
        stored = tensors.shapes
        config = notes.take(fit_parts(config, stored))
        config = notes.take(fit_prefix(config, architecture, stored))
        config = notes.take(fit_epsilon(config, opened))
        if stated is not None and head in ("stored", "may_miss"):
            config = notes.take(fit_labels(config, stated, architecture, stored))
        refuse_unmerged(stored, files.base)
        wanted = list_wanted(files.base, config, architecture, stored, head=head)
        check_tensors(wanted, stored)
        tensors.check_single(list(wanted.shapes))
        notes.add(check_rotary_table(wanted, tensors, asked="max_position_embeddings" in changes))
        crf, unused = notes.take(_leftovers(wanted, tensors))
        if ignored:
            notes.add([f"{count(ignored)} left out, as asked: {some(ignored)}"])
        layers = notes.take(choose_pooling(files, wanted, pooling))
        stack.pop_all()
    return Checkpoint(
        config=config,
        arrays=LazyArrays(tensors, wanted.shapes, layers.arrays),
        files=(*files.weights.files, *(adapter.files if adapter else ()), *layers.files),
        source_directory=files.directory,
        unused=tuple(sorted({*unused, *ignored})),
        notes=tuple(notes.sentences),
        dtype=tensors.dtype(WORD_EMBEDDINGS),
        crf=crf,
        sentence=layers.head,
    )


def _leftovers(wanted: Wanted, tensors: StoredTensors) -> tuple[tuple[Crf | None, set[str]], list[str]]:
    """Take what lies beside the tensors that are wanted: the transitions between labels, and what is not used."""
    config, stored, tokens = wanted.config, tensors.shapes, wanted.architecture == _TOKEN_CLASSIFIER
    crf = read_crf(tensors, stored, config.num_labels) if tokens and wanted.has_head else None
    in_crf = {name for triple in find_crfs(stored) for name in triple}
    unused = stored.keys() - wanted.shapes.keys() - (in_crf if crf else set())
    unused, notes = _without_tied_decoder(config, tensors, unused)
    notes += account_for(
        sorted(unused),
        config,
        bare=not wanted.has_head,
        needed=wanted.shapes,
        other_heads=in_crf,
        where=wanted.where,
    )
    return (crf, unused), notes


def _without_tied_decoder(
    config: RoFormerConfig, tensors: StoredTensors, unused: set[str]
) -> tuple[set[str], list[str]]:
    """Take the matrix of a tied decoder off the unused tensors, where it repeats the word embeddings."""
    table = WORD_EMBEDDINGS
    if DECODER_WEIGHT not in unused or not config.tie_word_embeddings or table not in tensors.shapes:
        return unused, []
    equal = tensors.shapes[DECODER_WEIGHT] == tensors.shapes[table]
    if equal and np.array_equal(tensors.read(DECODER_WEIGHT), tensors.read(table)):
        return unused - {DECODER_WEIGHT}, []
    return unused, [
        f"{DECODER_WEIGHT} is stored and differs from the word embeddings, which take its place: config.json sets "
        "tie_word_embeddings"
    ]


class _Notes:
    """Sentences that are collected on the way."""

    def __init__(self) -> None:
        self.sentences: list[str] = []

    def add(self, said: Sequence[str]) -> None:
        """Add some."""
        self.sentences += said

    def take(self, result: tuple[T, Sequence[str]]) -> T:
        """Add those of a result, and return its other part."""
        self.add(result[1])
        return result[0]
