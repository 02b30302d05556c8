"""What all torch models share around their arithmetic: initial weights, files, and growing the rotary table."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from roformer_edge.checkpoint.loading import load_architecture
from roformer_edge.checkpoint.names import PREFIX, ROTARY_TABLE, WORD_EMBEDDINGS
from roformer_edge.checkpoint.rotary_table import fit_rotary_table
from roformer_edge.checkpoint.saving import save_checkpoint
from roformer_edge.config import RoFormerConfig

if TYPE_CHECKING:
    from typing_extensions import Self


class _NoInitialisation(TorchFunctionMode):
    """Leaves out what ``torch.nn.init`` would do; on the meta device that costs two seconds of imports."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__module__", None) == "torch.nn.init":
            return kwargs["tensor"] if "tensor" in kwargs else args[0]
        return func(*args, **kwargs)


class RoFormerPreTrainedModel(nn.Module):
    """Base of the torch models.

    Attributes:
        architecture: The class's name in ``config.json``.
        config: The architecture's numbers; never changed in place.
    """

    architecture: ClassVar[str]

    def __init__(self, config: RoFormerConfig) -> None:
        super().__init__()
        self.config = config

    @classmethod
    def from_pretrained(
        cls,
        directory: str | Path,
        *,
        config: RoFormerConfig | None = None,
        new_head: bool = False,
        attention: str = "softmax",
        ignore_weights: Sequence[str] = (),
        **changes: Any,
    ) -> Self:
        """Load a Hugging Face checkpoint directory, in evaluation mode.

        Args:
            directory: See :func:`~roformer_edge.checkpoint.loading.load_checkpoint`.
            config: Used instead of the directory's, for instance with the labels of a new task.
            new_head: Start with a random head where the checkpoint has none, or one of another shape, such as one for
                another number of labels; without it that is an error.
            attention: ``"softmax"``, or ``"linear"``: see :mod:`roformer_edge.models.torch.linear_attention`.
            ignore_weights: Shell-style patterns of names of stored tensors to leave out though they may change answers.
            **changes: Fields of the config to replace, such as ``num_labels`` or ``hidden_dropout_prob``.

        Raises:
            CheckpointError: Missing, unexpected or mis-shaped weights, or a file that cannot be trusted.
        """
        checkpoint = load_architecture(
            directory,
            cls.architecture,
            config=config,
            changes=changes,
            head_may_miss=new_head,
            ignore_weights=ignore_weights,
        )
        for note in checkpoint.notes:
            warnings.warn(note, stacklevel=2)
        with checkpoint:
            return cls.from_arrays(checkpoint.config, checkpoint.arrays, attention=attention)

    @classmethod
    def from_arrays(cls, config: RoFormerConfig, arrays: Mapping[str, object], *, attention: str = "softmax") -> Self:
        """Make a model with the given canonical weights, in evaluation mode; see :meth:`load_canonical`."""
        # no memory and no random numbers for weights that are about to be replaced
        with torch.device("meta"), _NoInitialisation():
            model = cls(config, attention=attention)  # type: ignore[call-arg]  # of every subclass
        model.load_canonical(arrays)
        return model.eval()

    def load_canonical(self, arrays: Mapping[str, object]) -> None:
        """Copy canonical arrays into this model, which may still lie on the meta device.

        Args:
            arrays: What a :class:`~roformer_edge.checkpoint.loading.Checkpoint` holds. A head may miss whole; then it
                gets random weights.
        """
        own = self._own_names()
        state = {own[name]: torch.tensor(array) for name, array in arrays.items() if name in own}
        self.load_state_dict(state, strict=False, assign=True)
        self.tie_weights()
        for module in self.modules():
            if any(parameter.is_meta for parameter in module.parameters(recurse=False)):
                module.to_empty(device="cpu", recurse=False)
                self._initialise(module)

    def save_pretrained(self, directory: str | Path) -> Path:
        """Write ``config.json`` and ``model.safetensors`` (float32), which transformers reads too.

        Returns:
            The directory, made where absent.
        """
        names = self._own_names()
        state = self.state_dict()
        arrays = {name: state[own].float().cpu().numpy() for name, own in names.items()}
        return save_checkpoint(directory, self.config, self.architecture, arrays)

    def extend_positions(self, length: int) -> None:
        """Let the model read ``length`` tokens: the rotary table grows by its formula, the weights stay.

        The config's ``max_position_embeddings`` grows with it, so that the saved model keeps the length.
        """
        if length > self.config.max_position_embeddings:
            name = self._own_names()[ROTARY_TABLE]
            module, _, attribute = name.rpartition(".")
            old: Tensor = self.get_buffer(name)
            config = self.config.replace(max_position_embeddings=length)
            new = torch.from_numpy(fit_rotary_table(old.float().cpu().numpy(), length)).to(old)
            setattr(self.get_submodule(module), attribute, new)
            for owner in self.modules():
                if isinstance(owner, RoFormerPreTrainedModel):
                    owner.config = config

    @property
    def device(self) -> torch.device:
        """Where the weights lie, and the inputs have to."""
        return self.get_input_embeddings().weight.device

    def get_input_embeddings(self) -> nn.Embedding:
        """Return the word embeddings."""
        module = self.get_submodule(self._own_names()[WORD_EMBEDDINGS].removesuffix(".weight"))
        assert isinstance(module, nn.Embedding)
        return module

    def gradient_checkpointing_enable(self) -> None:
        """Recompute each layer in the backward pass instead of keeping its activations."""
        self._set_checkpointing(True)

    def gradient_checkpointing_disable(self) -> None:
        """Keep activations again."""
        self._set_checkpointing(False)

    def tie_weights(self) -> None:
        """Make shared parameters one again; the language-model heads override it."""

    def initialise_weights(self) -> None:
        """Draw random weights as the original starts training with."""
        for child in self.children():
            if not isinstance(child, RoFormerPreTrainedModel):  # the encoder of a headed model has done it already
                child.apply(self._initialise)
        self.tie_weights()

    def _initialise(self, module: nn.Module) -> None:
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, std=self.config.initializer_range)
        if isinstance(module, nn.Embedding) and module.padding_idx is not None:
            with torch.no_grad():
                module.weight[module.padding_idx].zero_()
        if isinstance(module, nn.LayerNorm) and module.weight is not None:
            nn.init.ones_(module.weight)
        bias = getattr(module, "bias", None)
        if isinstance(bias, nn.Parameter):
            nn.init.zeros_(bias)

    def _own_names(self) -> dict[str, str]:
        """Map canonical names to those of the same tensors in this model's state dict."""
        bare = self.architecture == "RoFormerModel"
        names = self.state_dict().keys()
        return {(PREFIX + name if bare else name): name for name in names if name != "cls.predictions.decoder.bias"}

    def _set_checkpointing(self, value: bool) -> None:
        for module in self.modules():
            if hasattr(module, "gradient_checkpointing"):
                setattr(module, "gradient_checkpointing", value)  # noqa: B010  # only encoders have it
