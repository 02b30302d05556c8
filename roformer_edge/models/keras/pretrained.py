"""What all Keras models share around their arithmetic: the encoder, files, and training by ``fit``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import keras
import numpy as np
from keras import ops

from roformer_edge.checkpoint.saving import save_checkpoint
from roformer_edge.config import RoFormerConfig
from roformer_edge.models.keras.attention import Cache, LayerInputs, Tensor, VariableRegistry, additive_mask
from roformer_edge.models.keras.encoder import RoFormerEncoder
from roformer_edge.models.loading import float32_only, open_model
from roformer_edge.models.outputs import EncoderOutput, LogitsOutput, ModelOutput, flag

if TYPE_CHECKING:
    from typing_extensions import Self

# the order of the tensors in a list of inputs
INPUT_NAMES = ("input_ids", "attention_mask", "token_type_ids", "head_mask", "inputs_embeds")


def named_inputs(inputs: Any) -> dict[str, Any]:
    """Name inputs given as a mapping, as a list in the order of :data:`INPUT_NAMES`, or as the ids alone."""
    if isinstance(inputs, Mapping):
        return dict(inputs)
    if not isinstance(inputs, (list, tuple)):
        return {"input_ids": inputs}
    if len(inputs) > len(INPUT_NAMES) or not all(item is None or hasattr(item, "shape") for item in inputs):
        raise ValueError(f"a list of inputs holds tensors or arrays, in this order: {', '.join(INPUT_NAMES)}")
    return dict(zip(INPUT_NAMES, inputs, strict=False))


class TFRoFormerPreTrainedModel(keras.Model):
    """Base of the Keras models.

    Attributes:
        architecture: The class's name in ``config.json``, without the framework.
        output_class: What a call returns.
        config: The architecture's numbers.
    """

    architecture: ClassVar[str]
    output_class: ClassVar[type[ModelOutput]] = LogitsOutput

    def __init_subclass__(cls, **options: Any) -> None:
        """Let ``keras.saving.load_model`` find every class of a model by its name."""
        super().__init_subclass__(**options)
        keras.saving.register_keras_serializable(package="roformer_edge")(cls)

    def __init__(self, config: RoFormerConfig) -> None:
        super().__init__()
        self.config = config
        self.registry = VariableRegistry()
        self.roformer = RoFormerEncoder(config, self.registry)
        self.add_head(config)
        self.built = True
        self._exporting = False

    def add_head(self, config: RoFormerConfig) -> None:
        """Create the head's layers."""
        raise NotImplementedError

    def answer(self, encoded: EncoderOutput[Tensor], given: Mapping[str, Any]) -> ModelOutput:
        """Make the model's output of the encoder's.

        Args:
            encoded: What the encoder gave, with ``last_hidden_state`` ``[B, S, H]``.
            given: The other inputs: mask, labels, positions, and whether the model trains.
        """
        raise NotImplementedError

    def __call__(self, *args: Any, **given: Any) -> Any:
        """Do :meth:`call`, whose first argument may also be a mapping of tensors by name or a list of them."""
        inputs = args[0] if args else given.get("input_ids")
        if isinstance(inputs, (Mapping, list, tuple)):
            beside = dict(zip(INPUT_NAMES[1:], args[1:], strict=False))
            given.pop("input_ids", None)
            args, given = (), {**named_inputs(inputs), **beside, **given}
        output = super().__call__(*args, **given)
        # a graph for serving returns tensors by name, and nothing that holds tensors
        return dict(_tensors(output.items())) if self._exporting and isinstance(output, ModelOutput) else output

    def call(
        self,
        input_ids: Any = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        head_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        encoder_hidden_states: Tensor | None = None,
        encoder_attention_mask: Tensor | None = None,
        past_key_values: Cache | None = None,
        use_cache: bool | None = None,
        labels: Tensor | None = None,
        start_positions: Tensor | None = None,
        end_positions: Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        training: bool = False,
    ) -> ModelOutput | tuple[Any, ...]:
        """Encode, apply the head and, where labels are given, compute the loss.

        Args:
            input_ids: int ``[B, S]``; either these or ``inputs_embeds``.
            attention_mask: ``[B, T]`` with 0 for padding, or ``[B, S, T]`` as it is. Absent: all ones.
            token_type_ids: int ``[B, S]``; absent: zeros.
            head_mask: ``[A]`` or ``[layers, A]`` with 0 for a head to leave out.
            inputs_embeds: ``[B, S, E]`` in place of the word embeddings.
            encoder_hidden_states: ``[B, N, H]`` for a decoder's cross-attention.
            encoder_attention_mask: ``[B, N]`` or ``[B, S, N]``.
            past_key_values: What an earlier call of a decoder returned; ``input_ids`` then are the new tokens only.
            use_cache: Return ``past_key_values``; absent: what the config says. An encoder never does.
            labels: What the head's loss compares its logits with.
            start_positions: int ``[B]``, for question answering.
            end_positions: int ``[B]``, for question answering.
            output_attentions: Return the attention weights of every layer; absent, as for the next two: see the config.
            output_hidden_states: Return the states before the first layer and after each.
            return_dict: ``False`` gives a tuple of the fields that are there.
            training: Apply dropout.
        """
        states = self.roformer.embed(input_ids, token_type_ids, inputs_embeds, training)
        if encoder_hidden_states is not None and not self.config.add_cross_attention:
            raise ValueError("encoder_hidden_states need a config with is_decoder and add_cross_attention")
        past = ops.shape(past_key_values[0][0])[2] if past_key_values else 0
        shared = LayerInputs(
            rotation=self.roformer.rotation(past, ops.shape(states)[1]),
            mask=self.roformer.self_mask(attention_mask, states, past),
            encoder_states=encoder_hidden_states,
            encoder_mask=None if encoder_attention_mask is None else additive_mask(encoder_attention_mask),
            training=training,
        )
        if head_mask is not None:  # one factor [1, A, 1, 1] a layer
            shape = (self.config.num_hidden_layers, self.config.num_attention_heads)
            head_mask = ops.broadcast_to(ops.cast(head_mask, "float32"), shape)[:, None, :, None, None]
        layers = self.roformer.run(states, head_mask, past_key_values, shared)
        cached = self.config.is_decoder and flag(use_cache, self.config.use_cache)
        all_states = flag(output_hidden_states, self.config.output_hidden_states)
        all_weights = flag(output_attentions, self.config.output_attentions)
        cross = all_weights and encoder_hidden_states is not None
        encoded: EncoderOutput[Tensor] = EncoderOutput(
            last_hidden_state=layers[-1].states,
            past_key_values=tuple(layer.cache for layer in layers) if cached else None,
            hidden_states=(states, *(layer.states for layer in layers)) if all_states else None,
            attentions=tuple(layer.weights for layer in layers) if all_weights else None,
            cross_attentions=tuple(layer.cross_weights for layer in layers) if cross else None,
        )
        given = {
            "attention_mask": attention_mask,
            "labels": labels,
            "start_positions": start_positions,
            "end_positions": end_positions,
            "training": training,
        }
        return self.answer(encoded, given).as_asked(return_dict, self.config)

    def train_step(self, data: Any) -> Any:
        """Do a step of ``fit``; without a ``loss`` in ``compile``, the labels beside the inputs go into the model."""
        return super().train_step(self._with_labels(data))

    def test_step(self, data: Any) -> Any:
        """Do a step of ``evaluate``, with the labels as in :meth:`train_step`."""
        return super().test_step(self._with_labels(data))

    def predict_step(self, data: Any) -> dict[str, Any]:
        """Do a step of ``predict``, without the loss: it is a number for all batches."""
        inputs, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        output = self(named_inputs(inputs) | {"return_dict": True}, training=False)
        return {name: field for name, field in output.items() if name != "loss"}

    def predict(self, *args: Any, **options: Any) -> ModelOutput:
        """Return named results over all batches, as numpy arrays; arguments as in Keras."""
        return self.output_class(**super().predict(*args, **options))

    def _with_labels(self, data: Any) -> Any:
        inputs, labels, weights = keras.utils.unpack_x_y_sample_weight(data)
        inputs = named_inputs(inputs) | {"return_dict": True}
        if labels is not None and self._compile_loss is None:
            inputs |= labels if isinstance(labels, Mapping) else {"labels": labels}
        return inputs, labels, weights

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True
    ) -> Any:
        """Return the head's own loss where the inputs held labels; else what ``compile`` was given, on the logits."""
        if isinstance(y_pred, ModelOutput) and "loss" in y_pred:
            if sample_weight is not None:
                raise ValueError("the model's own loss takes no weights of samples or classes: give compile a loss")
            return y_pred["loss"]
        return super().compute_loss(x, y, _logits_of(y_pred), sample_weight, training)

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Update the metrics with the logits, where there are labels to compare them with."""
        if y is None:
            metrics: dict[str, Any] = self.get_metrics_result()
            return metrics
        metrics = super().compute_metrics(x, y, _logits_of(y_pred), sample_weight)
        return metrics

    @classmethod
    def from_pretrained(
        cls,
        directory: str | Path,
        *,
        config: RoFormerConfig | None = None,
        new_head: bool | None = None,
        ignore_weights: Sequence[str] = (),
        revision: str | None = None,
        **options: Any,
    ) -> Self:
        """Load a checkpoint directory of any framework.

        Args:
            directory: See :func:`~roformer_edge.checkpoint.finding.find_checkpoint`.
            config: Used instead of the directory's, for instance with the labels of a new task; one of transformers,
                or a path, too.
            new_head: ``None``: a head that is not stored starts at random, with a warning that lists its weights.
                ``True``: so does one of another shape, without a warning. ``False``: both are errors.
            ignore_weights: Shell-style patterns of names of stored tensors to leave out though they may change answers.
            revision: A branch, tag or commit, where the directory is the name of a model on a hub.
            **options: Fields of the config to replace, such as ``num_labels`` or ``hidden_dropout_prob``; and options
                of transformers: ``ignore_mismatched_sizes`` (weights of another shape in the head start at random),
                ``output_loading_info`` (return a pair: the model, and what was missing and not used),
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
            **options,
        )
        float32_only(opened, "Keras", "set a policy of keras.mixed_precision, such as mixed_float16")
        with opened.checkpoint as checkpoint:
            model = cls.from_arrays(checkpoint.config, checkpoint.arrays)
        return model if opened.info is None else (model, opened.info)  # type: ignore[return-value]  # as asked

    @classmethod
    def from_arrays(cls, config: RoFormerConfig, arrays: Mapping[str, Any]) -> Self:
        """Make a model with the given canonical weights; a head that they lack stays random."""
        model = cls(config)
        for name, (variable, transposed) in model.registry.entries.items():
            if name in arrays:
                array = arrays[name]
                variable.assign(array.T if transposed else array)
        return model

    def get_config(self) -> dict[str, Any]:
        """Return what ``model.save("x.keras")`` writes beside the weights: the content of ``config.json``."""
        return {"config": self.config.to_dict()}

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Any = None) -> Self:
        """Make the model that :meth:`get_config` describes."""
        return cls(RoFormerConfig.from_dict(config["config"]))

    def export(self, filepath: str | Path, format: str = "tf_saved_model", **options: Any) -> Any:
        """Write a graph for serving, as Keras does.

        Args:
            filepath: A directory, or a file where the format is one.
            format: A format that ``keras.Model.export`` knows.
            **options: As there. The outputs go by their names, those in tuples by name and place, such as
                ``past_key_values_0_1``. Without ``input_signature`` the inputs are ids, mask and token types of any
                number of texts and tokens.
        """
        if options.get("input_signature") is None:
            shape = (None,) * (3 if self.architecture == "RoFormerForMultipleChoice" else 2)
            names = INPUT_NAMES[:3]
            options["input_signature"] = [
                {name: keras.InputSpec(shape=shape, dtype="int32", name=name) for name in names}
            ]
        self._exporting = True
        try:
            return super().export(filepath, format=format, **options)
        finally:
            self._exporting = False

    def save_pretrained(self, directory: str | Path) -> Path:
        """Write ``config.json`` and ``model.safetensors``, which every framework here and transformers' torch read."""
        return save_checkpoint(directory, self.config, self.architecture, self.canonical_arrays())

    def canonical_arrays(self) -> dict[str, np.ndarray[Any, np.dtype[np.float32]]]:
        """Return the weights under their canonical names, matrices as torch stores them."""
        found = {}
        for name, (variable, transposed) in self.registry.entries.items():
            array = ops.convert_to_numpy(variable.value)
            found[name] = np.ascontiguousarray(array.T) if transposed else array
        return found


def _tensors(fields: Iterable[tuple[Any, Any]], prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    """Name every tensor in some fields, those in tuples by their place: ``past_key_values_0_1``."""
    for name, value in fields:
        if isinstance(value, tuple):
            yield from _tensors(enumerate(value), f"{prefix}{name}_")
        else:
            yield f"{prefix}{name}", value


def _logits_of(output: Any) -> Any:
    return output["logits"] if isinstance(output, ModelOutput) and "logits" in output else output
