"""RoFormerConfig: the architecture of one checkpoint, read from and written to Hugging Face ``config.json``."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from roformer_edge.errors import ConfigError, UnknownNameError, UnsupportedModelError

CONFIG_NAME = "config.json"
MODEL_TYPE = "roformer"
ACTIVATIONS = ("gelu", "gelu_new", "gelu_pytorch_tanh", "relu", "silu", "swish", "tanh")
PROBLEM_TYPES = ("regression", "single_label_classification", "multi_label_classification")
NORMS = ("layer_norm", "rms_norm")
# Which state stands for a text in multiple choice. "last": the last position, the original's default; where a text is
# padded on the right that is padding, and the answer changes with the padding. "last_token": the last position that is
# not padding. "mean": over all positions.
SUMMARIES = ("last", "first", "mean", "last_token")
_LABELS = ("num_labels", "id2label", "label2id")
# Of ``extra``, and properties of the config.
_FLAGS = ("output_attentions", "output_hidden_states", "return_dict")

# Keys that transformers writes for every model and that do not change what an encoder computes. They are kept
# with the unknown ones, but are not worth a word to the user.
_HOUSEKEEPING = frozenset(
    [
        "architectures",
        "bos_token_id",
        "cross_attention_hidden_size",
        "decoder_start_token_id",
        "dtype",
        "eos_token_id",
        "finetuning_task",
        "gradient_checkpointing",
        "is_encoder_decoder",
        "name_or_path",
        "_name_or_path",
        "output_attentions",
        "output_hidden_states",
        "output_past",
        "prefix",
        "pruned_heads",
        "return_dict",
        "return_dict_in_generate",
        "sep_token_id",
        "task_specific_params",
        "tf_legacy_loss",
        "tokenizer_class",
        "torch_dtype",
        "torchscript",
        "transformers_version",
        "use_bfloat16",
        "_attn_implementation_autoset",
        "directionality",
        # of Google's bert_config.json, about a pooler that RoFormer never had
        "pooler_fc_size",
        "pooler_num_attention_heads",
        "pooler_num_fc_layers",
        "pooler_size_per_head",
        "pooler_type",
    ]
)


@dataclass(frozen=True, kw_only=True)
class RoFormerConfig:
    """The shape and the arithmetic of a RoFormer, with the defaults of transformers 4.57.

    Field names are those of ``config.json``. ``embedding_size`` is ``hidden_size`` where not given. ``id2label`` maps
    every class index to its name; ``num_labels`` and ``label2id`` can be given in its place or beside it, and all three
    are there afterwards. ``extra`` holds the keys that this class has no field for, so that writing a config back
    loses nothing.

    RoFormerV2 is ``norm_type="rms_norm"`` with ``use_bias=False``: no biases in encoder and language-model head, and
    norms without weight and bias. transformers ignores both keys and computes something else.

    Raises:
        ConfigError: A value has the wrong type or range, or two values contradict each other.
        UnsupportedModelError: The keys describe RoFormer-sim.
    """

    vocab_size: int = 50000
    embedding_size: int | None = None
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    hidden_act: str = "gelu"
    hidden_dropout_prob: float = 0.1
    attention_probs_dropout_prob: float = 0.1
    max_position_embeddings: int = 1536
    type_vocab_size: int = 2
    initializer_range: float = 0.02
    layer_norm_eps: float = 1e-12
    pad_token_id: int | None = 0
    rotary_value: bool = False
    use_cache: bool = True
    is_decoder: bool = False
    add_cross_attention: bool = False
    tie_word_embeddings: bool = True
    chunk_size_feed_forward: int = 0
    norm_type: str = "layer_norm"
    use_bias: bool = True
    problem_type: str | None = None
    num_labels: int = field(default=None)  # type: ignore[assignment]  # until __post_init__, as the next two
    id2label: Mapping[int, str] = field(default=None)  # type: ignore[arg-type]
    label2id: Mapping[str, int] = field(default=None)  # type: ignore[arg-type]
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        labels = _reconcile_labels(self.num_labels, self.id2label, self.label2id)
        object.__setattr__(self, "id2label", labels)
        object.__setattr__(self, "num_labels", len(labels))
        object.__setattr__(self, "label2id", {label: index for index, label in labels.items()})
        _refuse_sim(self.extra)
        _check_types(self)
        if self.embedding_size is None:
            object.__setattr__(self, "embedding_size", self.hidden_size)
        _check_ranges(self)
        _check_choices(self)

    def __hash__(self) -> int:
        """Equal for equal configs; mappings have no hash and take no part."""
        values = (getattr(self, item.name) for item in dataclasses.fields(self))
        return hash(tuple(value for value in values if not isinstance(value, Mapping)))

    @property
    def width_of_embeddings(self) -> int:
        """Width of the embedding tables: ``embedding_size``, which is a number once the config is made."""
        assert self.embedding_size is not None
        return self.embedding_size

    @property
    def has_projection(self) -> bool:
        """Whether a linear layer leads from the embedding width to the hidden width."""
        return self.width_of_embeddings != self.hidden_size

    @property
    def is_v2(self) -> bool:
        """Whether this is RoFormerV2."""
        return self.norm_type == "rms_norm"

    @property
    def head_size(self) -> int:
        """Width of one attention head."""
        return self.hidden_size // self.num_attention_heads

    @property
    def labels(self) -> tuple[str, ...]:
        """Class names in the order of the logits."""
        return tuple(self.id2label[index] for index in range(self.num_labels))

    @property
    def summary_type(self) -> str:
        """Which state stands for a text in multiple choice: one of ``SUMMARIES``, ``"last"`` where the file is silent.

        Raises:
            UnknownNameError: The file names another one.
            UnsupportedModelError: The file asks for a projection or an activation after the summary.
        """
        if self.extra.get("summary_use_proj") or self.extra.get("summary_activation"):
            raise UnsupportedModelError("a summary with a projection or an activation is not supported")
        summary_type = str(self.extra.get("summary_type", "last"))
        if summary_type not in SUMMARIES:
            raise UnknownNameError("summary_type", summary_type, SUMMARIES)
        return summary_type

    @property
    def output_attentions(self) -> bool:
        """Whether the models return attention weights when a call does not say."""
        return bool(self.extra.get("output_attentions"))

    @property
    def output_hidden_states(self) -> bool:
        """Whether the models return all states when a call does not say."""
        return bool(self.extra.get("output_hidden_states"))

    @property
    def use_return_dict(self) -> bool:
        """Whether the models return named results, not tuples, when a call does not say."""
        return bool(self.extra.get("return_dict", True)) and not self.extra.get("torchscript")

    @property
    def unknown_keys(self) -> tuple[str, ...]:
        """Keys of ``extra`` that neither RoFormer nor transformers' own housekeeping explains, sorted."""
        return tuple(sorted(set(self.extra) - _HOUSEKEEPING))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> RoFormerConfig:
        """Build a config from the content of a ``config.json``.

        Args:
            values: The parsed JSON object. ``num_labels``, ``id2label`` and ``label2id`` must agree where given.
        """
        if not isinstance(values, Mapping):
            raise ConfigError(f"a config is a JSON object, found {type(values).__name__}")
        rest = dict(values)
        model_type = rest.pop("model_type", MODEL_TYPE)
        if model_type != MODEL_TYPE:
            raise UnsupportedModelError(
                f"model_type is {model_type!r}; this package runs {MODEL_TYPE!r} checkpoints only"
            )
        rest.pop("_unused_labels", None)
        known = {f.name for f in dataclasses.fields(cls)} - {"extra"}
        given = {key: rest.pop(key) for key in sorted(known & rest.keys())}
        return cls(**given, extra=rest)

    @classmethod
    def from_json(cls, text: str, source: str = CONFIG_NAME) -> RoFormerConfig:
        """Parse the text of a ``config.json``; ``source`` names it in error messages."""
        try:
            values = json.loads(text, parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:  # the last: brackets nested thousands deep
            raise ConfigError(f"{source} is not valid JSON: {error}") from None
        try:
            return cls.from_dict(values)
        except (ConfigError, UnsupportedModelError) as error:
            raise type(error)(f"{source}: {error}") from None

    @classmethod
    def from_pretrained(cls, directory: str | Path, **changes: Any) -> RoFormerConfig:
        """Read ``config.json`` from a checkpoint directory; ``changes`` replace fields, as in :meth:`replace`."""
        path = Path(directory) / CONFIG_NAME
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise ConfigError(f"cannot read {path}: {error}") from None
        return cls.from_json(text, str(path)).replace(**changes)

    def to_dict(self) -> dict[str, Any]:
        """Return the content of a ``config.json``; transformers and :meth:`from_dict` read an equal config back."""
        values: dict[str, Any] = {"model_type": MODEL_TYPE, **self.extra}
        for item in dataclasses.fields(self):
            if item.name not in (*_LABELS, "extra", "embedding_size", "problem_type", "norm_type", "use_bias"):
                values[item.name] = getattr(self, item.name)
        values["embedding_size"] = self.width_of_embeddings
        if self.is_v2:
            values |= {"norm_type": self.norm_type, "use_bias": self.use_bias}
        if self.problem_type is not None:
            values["problem_type"] = self.problem_type
        values["id2label"] = {str(index): self.id2label[index] for index in range(self.num_labels)}
        values["label2id"] = dict(self.label2id)
        return values

    def to_json(self) -> str:
        """:meth:`to_dict` as stable, indented JSON with a final newline."""
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=2, sort_keys=True) + "\n"

    def save_pretrained(self, directory: str | Path) -> Path:
        """Write ``config.json`` into ``directory``, which is made where absent; return the file's path."""
        path = Path(directory) / CONFIG_NAME
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.to_json(), encoding="utf-8")
        return path

    def replace(self, **changes: Any) -> RoFormerConfig:
        """Return a copy with some fields changed.

        The names and the number of labels follow whichever of them is given, and embeddings that are as wide as the
        states follow ``hidden_size``. ``output_attentions``, ``output_hidden_states`` and ``return_dict`` may be given
        too.

        Raises:
            UnknownNameError: There is no such field.
        """
        fields = [item.name for item in dataclasses.fields(self)]
        for name in changes:
            if name not in (*fields, *_FLAGS):
                raise UnknownNameError("config field", name, (*fields, *_FLAGS))
        if changes.keys() & _LABELS:
            changes = dict.fromkeys(_LABELS) | changes
        if "hidden_size" in changes and not self.has_projection:
            changes = {"embedding_size": None} | changes
        flags = {name: changes.pop(name) for name in _FLAGS if name in changes}
        if flags:
            changes["extra"] = {**changes.get("extra", self.extra), **flags}
        return dataclasses.replace(self, **changes)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _refuse_sim(extra: Mapping[str, Any]) -> None:
    """Refuse the relative that transformers loads without a word and computes wrongly."""
    pooler = sorted(
        key for key in extra if key.startswith(("pooler", "use_pooler", "with_pooler")) and key not in _HOUSEKEEPING
    )
    if pooler:
        raise UnsupportedModelError(
            f"this is a RoFormer-sim config (it names {pooler[0]!r}): it needs a pooler and a prefix mask that "
            "RoFormer does not have, so running it as RoFormer would give wrong answers"
        )


def _reconcile_labels(num_labels: object, id2label: object, label2id: object) -> dict[int, str]:
    """Names of all classes in order; what is given must agree, and any of the three may be ``None``."""
    if id2label is None and label2id is not None:
        id2label = {index: label for label, index in _as_object("label2id", label2id).items()}
    if id2label is None:
        count = 2 if num_labels is None else num_labels
        if type(count) is not int or count < 1:
            raise ConfigError(f"num_labels must be a whole number of at least 1, found {count!r}")
        return {index: f"LABEL_{index}" for index in range(count)}
    try:
        labels = {int(index): str(label) for index, label in _as_object("id2label", id2label).items()}
    except (TypeError, ValueError):
        raise ConfigError("id2label must map whole numbers to names") from None
    if sorted(labels) != list(range(len(labels))) or not labels:
        raise ConfigError(f"id2label must number its labels 0, 1, 2 ... without a gap, found {sorted(labels)[:8]}")
    if num_labels is not None and num_labels != len(labels):
        raise ConfigError(f"num_labels is {num_labels}, but id2label names {len(labels)} labels")
    if label2id is not None:
        # indices are written as strings too, as they must be where they are keys
        inverse = {str(label): str(index) for label, index in _as_object("label2id", label2id).items()}
        if inverse != {label: str(index) for index, label in labels.items()}:
            raise ConfigError("label2id is not the inverse of id2label")
    return dict(sorted(labels.items()))


def _as_object(key: str, value: object) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{key} must be an object, found {value!r}")
    return value


def _check_types(config: RoFormerConfig) -> None:
    for item in dataclasses.fields(config):
        value = getattr(config, item.name)
        kinds = str(item.type).split(" | ")
        if value is None and "None" in kinds:
            continue
        # bool is an int to isinstance, never to a reader of JSON
        fits = {
            "int": type(value) is int,
            "float": type(value) in (int, float),
            "bool": type(value) is bool,
            "str": isinstance(value, str),
        }
        if kinds[0] in fits and not fits[kinds[0]]:
            raise ConfigError(f"{item.name} must be of type {item.type}, found {value!r}")


def _check_ranges(config: RoFormerConfig) -> None:
    for name in [
        "vocab_size",
        "hidden_size",
        "num_hidden_layers",
        "num_attention_heads",
        "intermediate_size",
        "max_position_embeddings",
        "type_vocab_size",
        "width_of_embeddings",
    ]:
        if getattr(config, name) < 1:
            raise ConfigError(f"{name} must be at least 1, found {getattr(config, name)}")
    for name in ("hidden_dropout_prob", "attention_probs_dropout_prob"):
        if not 0 <= getattr(config, name) < 1:
            raise ConfigError(f"{name} must lie in [0, 1), found {getattr(config, name)}")
    if not 0 <= config.layer_norm_eps < 1:
        raise ConfigError(f"layer_norm_eps must lie in [0, 1), found {config.layer_norm_eps}")
    if config.hidden_size % config.num_attention_heads:
        raise ConfigError(
            f"hidden_size {config.hidden_size} is not a multiple of num_attention_heads {config.num_attention_heads}"
        )
    if config.head_size % 2:
        raise ConfigError(f"rotary position embedding needs an even head size, found {config.head_size}")
    if config.pad_token_id is not None and not 0 <= config.pad_token_id < config.vocab_size:
        raise ConfigError(f"pad_token_id {config.pad_token_id} lies outside the vocabulary of {config.vocab_size}")


def _check_choices(config: RoFormerConfig) -> None:
    for name, allowed in (("hidden_act", ACTIVATIONS), ("norm_type", NORMS), ("problem_type", (None, *PROBLEM_TYPES))):
        if getattr(config, name) not in allowed:
            names = ", ".join(choice for choice in allowed if choice is not None)
            raise ConfigError(f"unknown {name} {getattr(config, name)!r}; choose one of: {names}")
    if config.use_bias is config.is_v2:
        raise ConfigError(
            f"norm_type {config.norm_type!r} does not go with use_bias {config.use_bias}: RoFormer has layer_norm and "
            "biases, RoFormerV2 has rms_norm and none"
        )
    if config.add_cross_attention and not config.is_decoder:
        raise ConfigError("add_cross_attention needs is_decoder: cross-attention exists in a decoder only")
