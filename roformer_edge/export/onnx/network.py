"""What every part of the graph is built with: a model's numbers, and the layers that all parts are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from roformer_edge.config import LAPLACE_DEVIATION, LAPLACE_MEAN, RoFormerConfig
from roformer_edge.export.onnx.graph import Parts
from roformer_edge.export.onnx.linear import Precision, Product, emit_linear
from roformer_edge.quantize.recipe import FLOAT, Decision

# weight and bias of a linear layer
Numbers = tuple[np.ndarray, np.ndarray | None]


@dataclass(frozen=True, kw_only=True)
class Network:
    """What every part of the graph is built from.

    Attributes:
        config: The architecture.
        arrays: Canonical arrays, ``[out, in]``.
        decisions: Scope name -> decision; a scope that is not there is float32.
        precision: Integer types and calibrated ranges.
    """

    config: RoFormerConfig
    arrays: Mapping[str, np.ndarray]
    decisions: Mapping[str, Decision]
    precision: Precision

    def scheme(self, scope: str) -> str:
        """The scheme decided for ``scope``."""
        return self.decisions[scope].scheme if scope in self.decisions else FLOAT

    @property
    def shares_table(self) -> bool:
        """Whether the head of a language model multiplies by the word embeddings as they stand in the graph.

        They must be tied in the model, and both be floats or both integers.
        """
        floats = {self.scheme(scope) == FLOAT for scope in ("embeddings.word", "head.decoder")}
        return self.config.tie_word_embeddings and len(floats) == 1

    def dense(self, parts: Parts, x: str, scope: str, module: str) -> str:
        """Emit the linear layer ``module`` on ``x``."""
        return self.product(parts, x, scope, scope, self.numbers(module))

    def numbers(self, module: str) -> Numbers:
        """Weight ``[out, in]`` and bias ``[out]`` of a linear layer; no bias where the model has none."""
        return self.arrays[f"{module}.weight"], self.arrays.get(f"{module}.bias")

    def product(self, parts: Parts, x: str, scope: str, name: str, numbers: Numbers) -> str:
        """Emit ``x @ weight.T + bias`` of ``numbers = (weight, bias)`` in the scheme decided for ``scope``."""
        return self.emit(parts, x, Product(scope=scope, name=name, weight=numbers[0], bias=numbers[1]))

    def emit(self, parts: Parts, x: str, product: Product) -> str:
        """Emit a product in the scheme decided for its scope."""
        return emit_linear(parts, x, product, self.scheme(product.scope), self.precision)

    def norm(self, parts: Parts, x: str, name: str, module: str) -> str:
        """Emit the normalisation ``module`` on ``x``; the result is called ``{name}/output``."""
        if self.config.is_v2:
            return _rms_norm(parts, x, name, self.config.layer_norm_eps)
        gain = parts.tensor(f"{name}/weight", self.arrays[f"{module}.weight"])
        shift = parts.tensor(f"{name}/bias", self.arrays[f"{module}.bias"])
        eps = self.config.layer_norm_eps
        output = (f"{name}/output",)
        return parts.nodes_with("LayerNormalization", name, [x, gain, shift], output, axis=-1, epsilon=eps)[0]

    def activation(self, parts: Parts, x: str, name: str) -> str:
        """Emit the model's activation function on ``x``."""
        return _ACTIVATIONS[self.config.activation](parts, x, name)


def _rms_norm(parts: Parts, x: str, name: str, eps: float) -> str:
    """``x / sqrt(mean(x^2) + eps)``, the norm of RoFormerV2."""
    y = parts.node("Mul", name, [x, x])
    y = parts.node("ReduceMean", name, [y, parts.ints(-1)], keepdims=1)
    y = parts.node("Add", name, [y, parts.tensor("const/eps", np.asarray(eps, np.float32))])
    y = parts.node("Sqrt", name, [y])
    return parts.nodes_with("Div", name, [x, y], (f"{name}/output",))[0]


def _silu(parts: Parts, x: str, name: str) -> str:
    return parts.node("Mul", name, [x, parts.node("Sigmoid", name, [x])])


def _gelu_tanh(parts: Parts, x: str, name: str) -> str:
    return parts.node("Gelu", name, [x], approximate="tanh")


def _number(parts: Parts, name: str, value: float) -> str:
    return parts.tensor(f"const/{name}", np.asarray(value, np.float32))


def _clipped(parts: Parts, x: str, name: str, least: float, most: float) -> str:
    limits = [_number(parts, f"at_least_{least}", least), _number(parts, f"at_most_{most}", most)]
    return parts.node("Clip", name, [x, *limits])


def _quick_gelu(parts: Parts, x: str, name: str) -> str:
    scaled = parts.node("Mul", name, [x, _number(parts, "quick_gelu", 1.702)])
    return parts.node("Mul", name, [x, parts.node("Sigmoid", name, [scaled])])


def _relu2(parts: Parts, x: str, name: str) -> str:
    y = parts.node("Relu", name, [x])
    return parts.node("Mul", name, [y, y])


def _mish(parts: Parts, x: str, name: str) -> str:
    return parts.node("Mul", name, [x, parts.node("Tanh", name, [parts.node("Softplus", name, [x])])])


def _laplace(parts: Parts, x: str, name: str) -> str:
    y = parts.node("Sub", name, [x, _number(parts, "laplace_mean", LAPLACE_MEAN)])
    y = parts.node(
        "Erf", name, [parts.node("Div", name, [y, _number(parts, "laplace_width", LAPLACE_DEVIATION * 2**0.5)])]
    )
    y = parts.node("Add", name, [y, _number(parts, "one", 1.0)])
    return parts.node("Mul", name, [y, _number(parts, "half", 0.5)])


# the functions of roformer_edge.config.ACTIVATIONS
_ACTIVATIONS: dict[str, Callable[[Parts, str, str], str]] = {
    "gelu": lambda parts, x, name: parts.node("Gelu", name, [x]),
    "gelu_tanh": _gelu_tanh,
    "gelu_10": lambda parts, x, name: _clipped(parts, parts.node("Gelu", name, [x]), name, -10, 10),
    "quick_gelu": _quick_gelu,
    "relu": lambda parts, x, name: parts.node("Relu", name, [x]),
    "relu2": _relu2,
    "relu6": lambda parts, x, name: _clipped(parts, x, name, 0, 6),
    "leaky_relu": lambda parts, x, name: parts.node("LeakyRelu", name, [x], alpha=0.01),
    "silu": _silu,
    "mish": _mish,
    "sigmoid": lambda parts, x, name: parts.node("Sigmoid", name, [x]),
    "tanh": lambda parts, x, name: parts.node("Tanh", name, [x]),
    "laplace": _laplace,
    "linear": lambda parts, x, name: x,
}
