"""What all torch models share around their arithmetic: initial weights, files, and growing the rotary table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from roformer_edge.checkpoint.names import PREFIX, ROTARY_TABLE
from roformer_edge.checkpoint.rotary_table import fit_rotary_table
from roformer_edge.checkpoint.saving import save_checkpoint
from roformer_edge.config import RoFormerConfig
from roformer_edge.errors import UnsupportedModelError
from roformer_edge.models.loading import open_model
from roformer_edge.models.torch.interface import ModelInterface, best_device

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


class RoFormerPreTrainedModel(ModelInterface):
    """Base of the torch models.

    Attributes:
        architecture: The class's name in ``config.json``.
        config: The architecture's numbers; a headed model and its encoder share them.
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
        new_head: bool | None = None,
        attention: str = "softmax",
        ignore_weights: Sequence[str] = (),
        revision: str | None = None,
        **options: Any,
    ) -> Self:
        """Load a Hugging Face checkpoint directory, in evaluation mode.

        Args:
            directory: See :func:`~roformer_edge.checkpoint.finding.find_checkpoint`.
            config: Used instead of the directory's, for instance with the labels of a new task; one of transformers,
                or a path, too.
            new_head: ``None``: a head that is not stored starts at random, with a warning that lists its weights.
                ``True``: so does one of another shape, without a warning. ``False``: both are errors.
            attention: ``"softmax"``, or ``"linear"``: see :mod:`roformer_edge.models.torch.linear_attention`.
            ignore_weights: Shell-style patterns of names of stored tensors to leave out though they may change answers.
            revision: A branch, tag or commit, where the directory is the name of a model on a hub.
            **options: Fields of the config to replace, such as ``num_labels`` or ``hidden_dropout_prob``; and options
                of transformers: ``ignore_mismatched_sizes`` (weights of another shape in the head start at random),
                ``output_loading_info`` (return a pair: the model, and what was missing and not used), ``dtype`` or
                ``torch_dtype``, ``device_map`` of one device or ``"auto"``,
                ``cache_dir``, ``force_download``, ``local_files_only``, ``token``, ``subfolder``. What changes nothing
                here is taken, and what is not followed refused by its name: see :mod:`roformer_edge.models.loading`.

        Raises:
            CheckpointError: Missing, unexpected or mis-shaped weights, or a file that cannot be trusted.
        """
        opened = open_model(
            directory,
            cls.architecture,
            config=config,
            new_head=new_head,
            ignore_weights=ignore_weights,
            revision=revision,
            keeps_generation=cls.can_generate(),
            **options,
        )
        with opened.checkpoint as checkpoint:
            model = cls.from_arrays(checkpoint.config, checkpoint.arrays, attention=attention)
        if model.can_generate():
            model.take_settings(opened.generation)
        model.to(device=best_device(opened.device), dtype=getattr(torch, opened.dtype))
        return model if opened.info is None else (model, opened.info)  # type: ignore[return-value]  # as asked

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

    def save_pretrained(
        self,
        save_directory: str | Path,
        is_main_process: bool = True,
        state_dict: Mapping[str, Tensor] | None = None,
        *,
        max_shard_size: int | str | None = None,
        safe_serialization: bool = True,
        push_to_hub: bool = False,
        **options: Any,
    ) -> Path:
        """Write ``config.json`` and ``model.safetensors`` (float32), which transformers reads too.

        Args:
            save_directory: Made where absent.
            is_main_process: Write at all; of several processes one does.
            state_dict: Written instead of the model's own weights.
            max_shard_size: Split the weights into files of so many bytes at most, or ``"5GB"``; ``None``: one file.
            safe_serialization: Must be true: weights are written as safetensors.
            push_to_hub: Must be false.
            **options: Without effect: ``save_function``, ``variant``, ``token``, ``save_peft_format``.

        Returns:
            The directory.

        Raises:
            UnsupportedModelError: An option that is not followed.
            CheckpointError: The weights are not those of the config, or cannot be written.
        """
        if not safe_serialization:
            raise UnsupportedModelError(
                "safe_serialization=False is not followed: weights are written as safetensors, which transformers "
                "reads; for a pickle use torch.save(model.state_dict(), FILE)"
            )
        if push_to_hub:
            self.push_to_hub()
        if not is_main_process:
            return Path(save_directory)
        state = self.state_dict() if state_dict is None else state_dict
        arrays = {name: state[own].detach().float().cpu().numpy() for name, own in self._own_names().items()}
        folder = save_checkpoint(save_directory, self.config, self.architecture, arrays, max_shard_size=max_shard_size)
        self.save_settings(folder)
        return folder

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
