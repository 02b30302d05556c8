"""What Trainer, peft, accelerate and pipelines ask of a torch model beside its arithmetic."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from roformer_edge.config import RoFormerConfig
from roformer_edge.errors import UnsupportedModelError
from roformer_edge.resemblance import blank, resembling


class ModelInterface(nn.Module):
    """Attributes and methods by the names of transformers' ``PreTrainedModel``, which ``isinstance`` takes this for."""

    config: RoFormerConfig
    config_class: ClassVar[type[RoFormerConfig]] = RoFormerConfig
    base_model_prefix: ClassVar[str] = "roformer"
    main_input_name: ClassVar[str] = "input_ids"
    framework: ClassVar[str] = "pt"
    supports_gradient_checkpointing: ClassVar[bool] = True
    is_parallelizable: ClassVar[bool] = False
    # whether forward takes num_items_in_batch
    accepts_loss_kwargs: ClassVar[bool] = False
    _is_stateful: ClassVar[bool] = False
    _no_split_modules: ClassVar[list[str]] = ["RoFormerLayer"]
    # the tied decoder is left out of files, and comes back by tie_weights
    _keys_to_ignore_on_save: ClassVar[list[str]] = ["cls.predictions.decoder.weight", "cls.predictions.decoder.bias"]
    hf_quantizer = None
    quantization_method = None

    @property
    def __class__(self) -> Any:
        return resembling(type(self), "transformers.modeling_utils", "PreTrainedModel")

    @__class__.setter
    def __class__(self, kind: type) -> None:
        object.__setattr__(self, "__class__", kind)

    def __reduce_ex__(self, protocol: Any) -> Any:
        # pickle's own way compares classes by __class__
        return blank, (type(self),), self.__dict__

    # what it is

    @property
    def base_model(self) -> Any:
        """The bare encoder; of one the model itself."""
        return getattr(self, self.base_model_prefix, self)

    @property
    def dtype(self) -> torch.dtype:
        """The type of the weights."""
        return next(parameter.dtype for parameter in self.parameters() if parameter.is_floating_point())

    @property
    def device(self) -> torch.device:
        """Where the weights lie, and the inputs have to."""
        return self.get_input_embeddings().weight.device

    @property
    def name_or_path(self) -> str:
        """Where the config says that it comes from."""
        return str(self.config.name_or_path or "")

    @property
    def warnings_issued(self) -> dict[str, bool]:
        """What was warned of; tools note here what they said."""
        noted: dict[str, bool] = self.__dict__.setdefault("_warnings_issued", {})
        return noted

    def num_parameters(self, only_trainable: bool = False, exclude_embeddings: bool = False) -> int:
        """Count the numbers of all parameters, those that are shared once.

        Args:
            only_trainable: Count those alone that are trained.
            exclude_embeddings: Leave out the tables of embeddings.
        """
        tables = {
            id(module.weight) for module in self.modules() if exclude_embeddings and isinstance(module, nn.Embedding)
        }
        return sum(
            parameter.numel()
            for parameter in self.parameters()
            if id(parameter) not in tables and (parameter.requires_grad or not only_trainable)
        )

    def get_memory_footprint(self, return_buffers: bool = True) -> int:
        """Return the bytes of all parameters, and of buffers where they count."""
        held = [*self.parameters(), *(self.buffers() if return_buffers else ())]
        return sum(tensor.nelement() * tensor.element_size() for tensor in held)

    def estimate_tokens(self, input_dict: Mapping[str, Any]) -> int:
        """Count the tokens of a batch, padding included."""
        given = input_dict.get(self.main_input_name)
        return 0 if given is None else int(given.numel())

    def floating_point_ops(self, input_dict: Mapping[str, Any], exclude_embeddings: bool = True) -> int:
        """Estimate the operations of a step of training: six for each token and parameter."""
        return 6 * self.estimate_tokens(input_dict) * self.num_parameters(exclude_embeddings=exclude_embeddings)

    @classmethod
    def can_generate(cls) -> bool:
        """Return whether there is a method :meth:`generate`."""
        return hasattr(cls, "generate")

    def take_settings(self, settings: Mapping[str, Any]) -> None:
        """Take what a checkpoint says of the generation of text; a model that generates none has no use for it."""

    def save_settings(self, directory: Path) -> None:
        """Write what :meth:`take_settings` took."""

    def add_model_tags(self, tags: Any) -> None:
        """Take no notice: tags stand in the cards of a model hub."""

    def push_to_hub(self, *args: Any, **options: Any) -> None:
        """Refuse to upload.

        Raises:
            UnsupportedModelError: Always; the message says what to use.
        """
        raise UnsupportedModelError(
            "push_to_hub is not to be had: save_pretrained(DIR), then huggingface_hub.upload_folder(folder_path=DIR)"
        )

    # embeddings

    def get_input_embeddings(self) -> nn.Embedding:
        """Return the word embeddings."""
        table: nn.Embedding = self.base_model.embeddings.word_embeddings
        return table

    def set_input_embeddings(self, value: nn.Embedding) -> None:
        """Replace the word embeddings; those that a head is tied to stay tied, and the config follows their number."""
        self.base_model.embeddings.word_embeddings = value
        self.config.vocab_size = value.weight.shape[0]
        self.tie_weights()

    def get_output_embeddings(self) -> nn.Linear | None:
        """Return the matrix that makes logits of the vocabulary; ``None`` where the model has none."""
        predictions = self._predictions()
        return None if predictions is None else predictions.decoder

    def set_output_embeddings(self, value: nn.Linear) -> None:
        """Replace the matrix that makes logits of the vocabulary, with its bias.

        Raises:
            UnsupportedModelError: The model is no language model.
        """
        predictions = self._predictions()
        if predictions is None:
            raise UnsupportedModelError(f"{type(self).__name__} has no output embeddings: it is no language model")
        predictions.decoder = value
        if value.bias is not None:
            predictions.bias = value.bias

    def resize_token_embeddings(
        self, new_num_tokens: int | None = None, pad_to_multiple_of: int | None = None, mean_resizing: bool = True
    ) -> nn.Embedding:
        """Give the model embeddings for another number of tokens: the first stay, and new ones come last.

        Args:
            new_num_tokens: The number of tokens; ``None`` for that of today.
            pad_to_multiple_of: Round it up.
            mean_resizing: New embeddings are the average of the old ones, as is the bias of a language model's head;
                otherwise they are random, and the bias is 0. transformers adds noise to the average, of a deviation
                that is lost among its digits.
        """
        old = self.get_input_embeddings()
        count = old.num_embeddings if new_num_tokens is None else int(new_num_tokens)
        if pad_to_multiple_of:
            count = -(-count // pad_to_multiple_of) * pad_to_multiple_of
        if count == old.num_embeddings:
            return old
        new = nn.Embedding(count, old.embedding_dim, old.padding_idx, device=old.weight.device, dtype=old.weight.dtype)
        new.weight = self._resized(old.weight, count, mean_resizing, self.config.initializer_range)
        predictions = self._predictions()
        if predictions is not None:
            decoder = predictions.decoder
            decoder.weight = self._resized(decoder.weight, count, mean_resizing, self.config.initializer_range)
            decoder.out_features = count
            if decoder.bias is not None:
                decoder.bias = predictions.bias = self._resized(decoder.bias, count, mean_resizing, 0.0)
        self.set_input_embeddings(new)
        return new

    @staticmethod
    def _resized(old: Tensor, count: int, mean: bool, deviation: float) -> nn.Parameter:
        held = old.detach()[:count]
        more = torch.empty((count - len(held), *old.shape[1:]), dtype=old.dtype, device=old.device)
        if mean:
            more[:] = old.detach().float().mean(dim=0)
        else:
            more.normal_(std=deviation) if deviation else more.zero_()
        return nn.Parameter(torch.cat((held, more)), requires_grad=old.requires_grad)

    def _predictions(self) -> Any:
        """Return what makes logits of the vocabulary, where the model is a language model."""
        head = getattr(self, "cls", None)
        return head["predictions"] if isinstance(head, nn.ModuleDict) else None

    # heads

    def prune_heads(self, heads_to_prune: Mapping[int, Any]) -> None:
        """Cut attention heads out of the self-attention of layers; the config's ``pruned_heads`` names them all.

        Args:
            heads_to_prune: Layer -> the heads to cut, by their numbers in the whole model.

        Raises:
            ConfigError: There is no such layer or head, or none would be left.
        """
        before = self.config.pruned_heads
        self.config.pruned_heads = {
            layer: (*before.get(layer, ()), *heads_to_prune.get(layer, ())) for layer in {*before, *heads_to_prune}
        }
        for layer, heads in self.config.pruned_heads.items():
            gone = before.get(layer, ())
            kept = [head for head in range(self.config.num_attention_heads) if head not in gone]
            self._keep_heads(layer, [place for place, head in enumerate(kept) if head not in heads])

    def _keep_heads(self, layer: int, places: list[int]) -> None:
        attention = self.base_model.encoder.layer[layer].attention
        width = self.config.head_size
        device = attention.self.query.weight.device
        units = torch.tensor([place * width + unit for place in places for unit in range(width)], device=device)
        attention.self.heads = len(places)
        for name in ("query", "key", "value"):
            part = getattr(attention.self, name)
            part.weight = _parameter(part.weight[units])
            part.bias = None if part.bias is None else _parameter(part.bias[units])
            part.out_features = len(units)
        attention.output.dense.weight = _parameter(attention.output.dense.weight[:, units])
        attention.output.dense.in_features = len(units)

    # training

    @property
    def is_gradient_checkpointing(self) -> bool:
        """Whether layers are recomputed in the backward pass."""
        return any(getattr(module, "gradient_checkpointing", False) for module in self.modules())

    def gradient_checkpointing_enable(self, gradient_checkpointing_kwargs: Mapping[str, Any] | None = None) -> None:
        """Recompute each layer in the backward pass instead of keeping its activations.

        Args:
            gradient_checkpointing_kwargs: Without effect: the way that gives right gradients in all cases is taken
                (``use_reentrant=False``).
        """
        self._set_checkpointing(True)

    def gradient_checkpointing_disable(self) -> None:
        """Keep activations again."""
        self._set_checkpointing(False)

    def enable_input_require_grads(self) -> None:
        """Let gradients flow through frozen embeddings, for adapters under gradient checkpointing."""
        self._input_hook = self.get_input_embeddings().register_forward_hook(
            lambda module, inputs, output: output.requires_grad_(True)
        )

    def disable_input_require_grads(self) -> None:
        """Undo :meth:`enable_input_require_grads`."""
        self._input_hook.remove()

    def tie_weights(self) -> None:
        """Make shared parameters one again; the language-model heads override it."""

    def _set_checkpointing(self, value: bool) -> None:
        for module in self.modules():
            if hasattr(module, "gradient_checkpointing"):
                setattr(module, "gradient_checkpointing", value)  # noqa: B010  # only encoders have it


def _parameter(kept: Tensor) -> nn.Parameter:
    return nn.Parameter(kept.detach().clone())


def best_device(asked: Any) -> Any:
    """Return the device of a ``device_map``: ``"auto"`` and its like mean a GPU where there is one."""
    if asked in ("auto", "balanced", "balanced_low_0", "sequential"):
        return "cuda" if torch.cuda.is_available() else "cpu"
    return f"cuda:{asked}" if isinstance(asked, int) else asked
