"""What all Flax models share around their arithmetic: parameters, files, and the call of their module."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from roformer_edge.checkpoint.names import shapes_of
from roformer_edge.checkpoint.saving import save_checkpoint
from roformer_edge.config import RoFormerConfig
from roformer_edge.errors import UnsupportedModelError
from roformer_edge.models.flax.attention import Array
from roformer_edge.models.flax.parameter_tree import from_tree, to_tree
from roformer_edge.models.loading import float32_only, open_model

if TYPE_CHECKING:
    from typing_extensions import Self

Params: TypeAlias = Mapping[str, Any]


class FlaxRoFormerPreTrainedModel:
    """Base of the Flax models: a module with its parameters, callable like the original's.

    Attributes:
        architecture: The class's name in ``config.json``, without the framework.
        module_class: The module that computes.
        config: The architecture's numbers.
        params: The parameter tree; replace it, or pass ``params`` to a call, as jit, grad and optax need it.
    """

    architecture: ClassVar[str]
    module_class: ClassVar[type[nn.Module]]

    def __init__(self, config: RoFormerConfig, *, seed: int = 0, params: Params | None = None) -> None:
        if config.is_decoder:
            raise UnsupportedModelError("the Flax models are encoders; use the torch or TensorFlow ones for a decoder")
        self.config = config
        self.module = self.module_class(config)
        self.params = self._random(seed) if params is None else params

    @classmethod
    def from_pretrained(
        cls,
        directory: str | Path,
        *,
        config: RoFormerConfig | None = None,
        new_head: bool | None = None,
        seed: int = 0,
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
            seed: Seed of the random numbers of that head.
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
        float32_only(opened, "Flax", "cast model.params with jax.tree.map")
        own = shapes_of(opened.checkpoint.config, cls.architecture)
        with opened.checkpoint as checkpoint:
            arrays = {name: array for name, array in checkpoint.arrays.items() if name in own}
        head = own.keys() - arrays.keys()
        if head:
            drawn = cls(checkpoint.config, seed=seed).canonical_arrays()
            arrays |= {name: drawn[name] for name in head}
        model = cls(checkpoint.config, params=to_tree(arrays, bare=cls.architecture == "RoFormerModel"))
        return model if opened.info is None else (model, opened.info)  # type: ignore[return-value]  # as asked

    def save_pretrained(self, directory: str | Path, params: Params | None = None) -> Path:
        """Write ``config.json`` and ``model.safetensors``, which every framework here and transformers' torch read.

        Args:
            directory: Made where absent.
            params: Written instead of the model's own, such as those that an optimiser has changed.
        """
        return save_checkpoint(directory, self.config, self.architecture, self.canonical_arrays(params))

    def canonical_arrays(self, params: Params | None = None) -> dict[str, np.ndarray[Any, np.dtype[np.float32]]]:
        """Return the parameters, or those given, under their canonical names; matrices as torch stores them."""
        return from_tree(self.params if params is None else params, bare=self.architecture == "RoFormerModel")

    def _random(self, seed: int) -> Params:
        ids = jnp.zeros((1, 1), dtype=jnp.int32)
        params: Any = self.module.init(jax.random.key(seed), ids, None, None, None, None, True)["params"]
        if self.config.pad_token_id is not None:
            encoder = params if self.architecture == "RoFormerModel" else params["roformer"]
            words = encoder["embeddings"]["word_embeddings"]
            words["embedding"] = words["embedding"].at[self.config.pad_token_id].set(0)
        tree: Params = params
        return tree

    def _run(
        self,
        params: Params | None,
        inputs: tuple[Array | None, ...],
        train: bool,
        dropout_rng: Array | None,
    ) -> tuple[Any, ...]:
        if (inputs[0] is None) == (inputs[4] is None):
            raise ValueError("give either input_ids or inputs_embeds")
        if train and dropout_rng is None:
            raise ValueError("training draws random numbers: give a dropout_rng")
        arrays = tuple(None if given is None else jnp.asarray(given) for given in inputs)
        variables = {"params": self.params if params is None else params}
        rngs = {"dropout": dropout_rng} if train else None
        outputs: tuple[Any, ...] = self.module.apply(variables, *arrays, not train, rngs=rngs)
        return outputs
