"""The model that artifacts are measured against: the checkpoint in PyTorch, or without torch its float32 network."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from roformer_edge._extras import available
from roformer_edge.bundle.reader import is_bundle
from roformer_edge.deploy import reference_process
from roformer_edge.deploy.options import check_max_length
from roformer_edge.deploy.source import SourceModel, open_source
from roformer_edge.errors import BackendError, OptionError
from roformer_edge.formats import DEFAULT_FORMAT, get_format, resolve
from roformer_edge.processes import python_environment
from roformer_edge.processors import SAFE_PRESET
from roformer_edge.quantize.presets import get_preset
from roformer_edge.quantize.recipe import get_recipe
from roformer_edge.runtime.feeds import fit_feeds
from roformer_edge.runtime.session import BackendReport, Session
from roformer_edge.signatures import DEFAULT, Signature
from roformer_edge.temporary import scratch_folder
from roformer_edge.validate.openers import open_predictor, predictor_of_checkpoint
from roformer_edge.validate.predictors import Opening, Predictor
from roformer_edge.validate.torch_session import TorchSession

# gives what a model answers to the probes of parity
Answers: TypeAlias = Callable[[], list[dict[str, NDArray[Any]]]]

# bytes of weight files from which on a process of its own for PyTorch is worth its start
LARGE = 1 << 26
_BESIDE = {
    # glibc keeps what was freed in smaller pieces: here everything of a megabyte or more is given back at once
    "MALLOC_MMAP_THRESHOLD_": str(1 << 20),
    # threads that wait for each other on cores that are taken spend more than they save
    "OMP_NUM_THREADS": "1",
}


@contextmanager
def open_reference(
    source: str | Path,
    task: str,
    *,
    tokenizer: str = "auto",
    threads: int = 1,
    truncation: bool = False,
    max_length: int | None = None,
    pooling: str | None = None,
    ignore_weights: Sequence[str] = (),
    revision: str | None = None,
) -> Iterator[Predictor]:
    """Open the model that a bundle is measured against.

    A checkpoint runs in PyTorch; where torch is not installed its float32 network runs, and the report says so. A
    bundle runs as it is.

    Args:
        source: A checkpoint directory or a bundle.
        task: The task of both, a key of ``tasks.TASKS``.
        tokenizer: The tokenizer of a checkpoint: ``"slow"``, ``"fast"`` or ``"auto"``.
        threads: The threads of one computation.
        truncation: Cut texts that are longer than the model allows.
        max_length: The most tokens of a text, for a checkpoint: see ``DeployOptions``.
        pooling: How one vector is made of a text, for a checkpoint: see ``DeployOptions``.
        ignore_weights: Tensors of a checkpoint to leave out: see ``DeployOptions``.
        revision: A branch, tag or commit, for a name on a model hub: see ``DeployOptions``.
    """
    if is_bundle(source):
        for name, value in (
            ("revision", revision),
            ("tokenizer", None if tokenizer == "auto" else tokenizer),
            ("max_length", max_length),
            ("pooling", pooling),
            ("ignore_weights", next(iter(ignore_weights), None)),
        ):
            if value is not None:
                raise OptionError(name, value, "left out for a bundle; it is for checkpoints")
        yield open_predictor(source, task=task, threads=threads, truncate=truncation)
        return
    check_max_length(max_length)
    opened = open_source(
        source,
        task,
        tokenizer,
        max_length=max_length,
        ignore_weights=ignore_weights,
        pooling=pooling,
        revision=revision,
    )
    with opened as model:
        yield predictor_of_source(model, open_session(model, threads), threads, truncation=truncation)


def open_session(model: SourceModel, threads: int) -> Session:
    """Open the reference of a checkpoint: in PyTorch where it is installed, else as a float32 network."""
    return TorchSession(model.checkpoint, model.task, threads) if available("torch") else ArtifactSession(model)


@contextmanager
def probing(model: SourceModel, *, max_length: int | None = None, pruned: bool = False) -> Iterator[Answers]:
    """Let a checkpoint answer the probes of parity in PyTorch, for ``export.parity.check_parity``.

    A large one does so in a process of its own, beside what is done in the block: PyTorch and what it leaves behind
    are then never in this one's memory, and what is made in the meantime does not wait for it. At the end of the block
    the process is gone, whether it was waited for or not.

    Args:
        model: What was opened.
        max_length: The most tokens that it was opened for.
        pruned: Whether it has fewer tokens than the directory that it was opened from, which a process would open.

    Returns:
        What gives the answers, once they are there.
    """
    read_again = not pruned and not is_bundle(model.path)
    if not read_again or sum(file.stat().st_size for file in model.checkpoint.files) < LARGE:
        yield lambda: reference_process.probe(model.checkpoint, model.task)
        return
    request = {
        "directory": str(model.path),
        "task": model.task.name,
        "max_length": max_length,
        "ignore_weights": list(model.ignore_weights),
        "pooling": model.pooling,
    }
    with scratch_folder() as folder:
        out, asked = folder / "answers.npz", folder / "request.json"
        asked.write_text(json.dumps({"out": str(out), "checkpoint": request}), "utf-8")
        with (
            asked.open("rb") as stdin,
            subprocess.Popen(
                [sys.executable, "-m", reference_process.__name__],
                stdin=stdin,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=python_environment() | _BESIDE,
            ) as process,
        ):

            def answers() -> list[dict[str, NDArray[Any]]]:
                if not process.wait():
                    return reference_process.read(out)
                # whatever is wrong is told by doing it here
                return reference_process.probe(model.checkpoint, model.task)

            try:
                yield answers
            finally:
                process.kill()


def predictor_of_source(model: SourceModel, session: Session, threads: int, *, truncation: bool) -> Predictor:
    """Make the reference one side of a comparison.

    Args:
        model: What ``session`` was opened from.
        session: What :func:`open_session` gave.
        threads: The threads of one computation.
        truncation: Cut texts that are longer than the model allows.
    """
    opening = Opening(
        path=str(model.path),
        task=model.task.name,
        threads=threads,
        truncate=truncation,
        tokenizer=model.tokenizer_mode,
        max_length=model.config.max_position_embeddings,
        pooling=model.pooling,
        ignore_weights=model.ignore_weights,
    )
    in_torch = isinstance(session, TorchSession)
    # a snapshot in the cache of a hub is named after its commit
    name = str(model.path) if is_bundle(model.path) else model.name
    name = name if in_torch else f"{name}, as a float32 network"
    side = predictor_of_checkpoint(session, model.tokenizer, model.checkpoint, opening, name)
    # the float32 network exists in this process alone
    return dataclasses.replace(side, notes=model.notes, opening=side.opening if in_torch else None)


class ArtifactSession:
    """A float32 artifact that was never written; implements ``roformer_edge.runtime.session.Session``.

    Args:
        model: What it is made of.
        format_name: The format of the artifact; a key of ``formats.FORMATS``.
    """

    def __init__(self, model: SourceModel, format_name: str = DEFAULT_FORMAT) -> None:
        from roformer_edge.export.artifact import ExportOptions
        from roformer_edge.export.network.weights import Weights

        options = ExportOptions(recipe=get_recipe("fp32"), preset=get_preset(SAFE_PRESET))
        row = get_format(format_name)
        artifact = resolve(row.builder)(
            Weights(config=model.config, arrays=model.checkpoint.arrays), model.task, options
        )
        self._run: Any = artifact.open()
        self.signatures: Mapping[str, Signature] = artifact.signatures
        package, version = resolve(row.engine)()
        self.report = BackendReport(engine=package, version=version, used="CPU")

    def run(self, feeds: Mapping[str, NDArray[Any]], signature: str = DEFAULT) -> dict[str, NDArray[np.float32]]:
        """Run the network once; see ``Session.run``."""
        if self._run is None:
            raise BackendError("the session is closed")
        found: dict[str, NDArray[np.float32]] = self._run(fit_feeds(feeds, self.signatures, signature))
        return found

    def close(self) -> None:
        """Free the network's memory."""
        self._run = None
