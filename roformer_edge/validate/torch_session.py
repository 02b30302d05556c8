"""The torch reference behind the runtime's session protocol: both sides then share tokenizing, packing and padding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roformer_edge._extras import require
from roformer_edge.checkpoint.loading import Checkpoint
from roformer_edge.runtime.feeds import fit_feeds
from roformer_edge.runtime.session import BackendReport
from roformer_edge.signatures import DEFAULT
from roformer_edge.tasks import Task


class TorchSession:
    """A checkpoint run by PyTorch on the processor; implements ``roformer_edge.runtime.session.Session``.

    Args:
        checkpoint: Weights and architecture.
        task: Its head.
        threads: The threads of one operation. PyTorch has one setting for the whole process; it is made anew
            before every run.

    Attributes:
        model: The model, an instance of the task's class; where one vector of a text is made, of the class for that.
        threads: The number of threads given.

    Raises:
        CheckpointError: The weights cannot be used.
        MissingDependencyError: torch is not installed.
    """

    def __init__(self, checkpoint: Checkpoint, task: Task, threads: int) -> None:
        self._torch: Any = require("torch", "to run the reference")
        self.model = _open_model(checkpoint, task)
        self.threads = threads
        self.signatures = {DEFAULT: task.signature}
        self.report = BackendReport(engine="torch", version=str(self._torch.__version__), used="CPU", threads=threads)

    def run(self, feeds: Mapping[str, NDArray[Any]], signature: str = DEFAULT) -> dict[str, NDArray[np.float32]]:
        """Run the model once; see ``Session.run``."""
        torch = self._torch
        if torch.get_num_threads() != self.threads:
            torch.set_num_threads(self.threads)
        tensors = {
            name: torch.from_numpy(array) for name, array in fit_feeds(feeds, self.signatures, signature).items()
        }
        with torch.inference_mode():
            output = self.model(**tensors)
        return {spec.name: output[spec.name].numpy() for spec in self.signatures[signature].outputs}

    def close(self) -> None:
        """Do nothing: garbage collection frees all there is."""


def _open_model(checkpoint: Checkpoint, task: Task) -> Any:
    from roformer_edge.models.torch import heads

    if task.sentence is not None:
        from roformer_edge.models.torch.sentence import RoFormerSentenceModel

        return RoFormerSentenceModel.from_arrays(checkpoint.config, checkpoint.arrays, task.sentence)
    return getattr(heads, task.model_class).from_arrays(checkpoint.config, checkpoint.arrays)
