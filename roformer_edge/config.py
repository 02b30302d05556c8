"""RoFormerConfig: the architecture of one checkpoint, read from and written to Hugging Face ``config.json``."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from roformer_edge.config_attributes import ABSENT, ConfigAttributes, keep_others
from roformer_edge.errors import ConfigError, UnknownNameError, UnsupportedModelError, VocabularyError, shown
from roformer_edge.lfs import is_pointer, pointer_message
from roformer_edge.records import parse_json

CONFIG_NAME = "config.json"
MODEL_TYPE = "roformer"
# hidden_act, as transformers names it -> the function that it is. Those with weights of their own are not there (prelu,
# xielu). Some of transformers' variants differ in nothing but the order of their operations.
ACTIVATIONS = {
    "gelu": "gelu",  # x Phi(x), by the error function
    "gelu_python": "gelu",
    "gelu_new": "gelu_tanh",  # with Phi approximated by a tanh
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_python_tanh": "gelu_tanh",
    "gelu_accurate": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "gelu_10": "gelu_10",  # gelu cut to [-10, 10]
    "quick_gelu": "quick_gelu",  # x sigmoid(1.702 x)
    "relu": "relu",
    "relu2": "relu2",  # relu squared
    "relu6": "relu6",  # relu cut to at most 6
    "leaky_relu": "leaky_relu",  # 0.01 x below 0
    "silu": "silu",
    "swish": "silu",
    "mish": "mish",  # x tanh(softplus(x))
    "sigmoid": "sigmoid",
    "tanh": "tanh",
    "laplace": "laplace",  # the distribution function of a normal one
    "linear": "linear",
}
LAPLACE_MEAN, LAPLACE_DEVIATION = 0.707107, 0.282095
PROBLEM_TYPES = ("regression", "single_label_classification", "multi_label_classification")
NORMS = ("layer_norm", "rms_norm")
# Which state stands for a text in multiple choice. "last": the last position, the original's default; where a text is
# padded on the right that is padding, and the answer changes with the padding. "last_token": the last position that is
# not padding. "mean": over all positions.
SUMMARIES = ("last", "first", "mean", "last_token")
# Limits on what a config may ask for, which hold before anything is made of it: far more than any model has, and less
# than would stop a machine. Layers are counted against the weights, where there are any.
_MOST_LABELS = 100_000
_MOST_OF_ALL = 1 << 24
MOST_POSITIONS = 1 << 20
_LARGEST = {"num_hidden_layers": 1 << 31, "max_position_embeddings": MOST_POSITIONS, "width_of_embeddings": 1 << 20,
            "hidden_size": 1 << 20, "intermediate_size": 1 << 22}  # fmt: skip
# the largest number of JSON that every program reads alike; no field comes near it
_MOST = 1 << 53
_LABELS = ("num_labels", "id2label", "label2id")
# Kept in ``extra``, and properties of the config.
_FLAGS = ("output_attentions", "output_hidden_states", "return_dict")
# Written where they are not what every RoFormer has.
_ONLY_WHERE_SET = ("problem_type", "norm_type", "use_bias", "pruned_heads", "prefix_lm")

# Keys of a config.json that change nothing of what is computed here, and why: (reason, keys). They are kept in
# ``extra``. What is in no row is unknown, and reported.
_WITHOUT_EFFECT = (
    ("read where it matters", ("architectures", "eos_token_id", "summary_type", "pooler_activation", "pool_act")),
    ("refused where it matters", ("summary_use_proj", "summary_activation", "summary_proj_to_labels")),
    ("what a call of the Python models returns", (*_FLAGS, "torchscript", "use_return_dict")),
    ("special tokens are the tokenizer's", ("bos_token_id", "sep_token_id", "cls_token_id", "mask_token_id")),
    ("the tokenizer reads its own files", ("tokenizer_class",)),
    (
        "where the checkpoint comes from",
        ("_name_or_path", "name_or_path", "_commit_hash", "finetuning_task",
         "transformers_version", "paddlenlp_version", "directionality", "output_past"),
    ),
    ("weights are read as float32 whatever they are stored in", ("dtype", "torch_dtype", "use_bfloat16")),
    (
        "dropout, losses and memory in training",
        ("classifier_dropout", "summary_last_dropout", "summary_first_dropout", "gradient_checkpointing",
         "tf_legacy_loss", "_num_labels", "_unused_labels"),
    ),
    ("another way to compute the same attention", ("_attn_implementation", "_attn_implementation_autoset",
                                                  "attn_implementation")),
    (
        "models of an encoder and a decoder",
        ("is_encoder_decoder", "decoder_start_token_id", "cross_attention_hidden_size", "tie_encoder_decoder"),
    ),
    (
        "a pooler that RoFormer never had, in Google's bert_config.json",
        ("pooler_fc_size", "pooler_num_attention_heads", "pooler_num_fc_layers", "pooler_size_per_head",
         "pooler_type"),
    ),
    ("whether a class of pip's roformer makes a pooler: the weights tell", ("use_pooler", "with_pooler",
                                                                            "add_pooling_layer")),
)  # fmt: skip
WITHOUT_EFFECT = {key: reason for reason, keys in _WITHOUT_EFFECT for key in keys}

# Defaults of generation, which transformers once kept in config.json and now keeps in generation_config.json. A value
# other than the default is reported where text is generated.
GENERATION_DEFAULTS: Mapping[str, object] = {
    "bad_words_ids": None, "begin_suppress_tokens": None, "diversity_penalty": 0.0, "do_sample": False,
    "early_stopping": False, "encoder_no_repeat_ngram_size": 0, "exponential_decay_length_penalty": None,
    "forced_bos_token_id": None, "forced_eos_token_id": None, "length_penalty": 1.0, "max_length": 20, "min_length": 0,
    "no_repeat_ngram_size": 0, "num_beam_groups": 1, "num_beams": 1, "num_return_sequences": 1, "output_scores": False,
    "prefix": None, "remove_invalid_values": False, "repetition_penalty": 1.0, "return_dict_in_generate": False,
    "suppress_tokens": None, "task_specific_params": None, "temperature": 1.0, "top_k": 50, "top_p": 1.0,
    "typical_p": 1.0,
}  # fmt: skip


@keep_others
@dataclass(kw_only=True)
class RoFormerConfig(ConfigAttributes):
    """The shape and the arithmetic of a RoFormer, with the defaults of transformers 4.57.

    Field names are those of ``config.json``. ``embedding_size`` is ``hidden_size`` where not given. ``id2label`` maps
    every class index to its name; ``num_labels`` and ``label2id`` can be given in its place or beside it, and all three
    are there afterwards. ``pruned_heads`` maps a layer to the attention heads that were cut out of it. ``extra`` holds
    the keys that this class has no field for, so that writing a config back loses nothing; they are attributes too.

    A field can be set (``config.problem_type = "regression"``), with the checks of a new config; the labels follow
    whichever of their three fields is set.

    RoFormerV2 is ``norm_type="rms_norm"`` with ``use_bias=False``: norms without weight and bias, a language-model head
    of the word embeddings alone, and linear layers of the encoder without bias. transformers ignores both keys.

    RoFormer-sim is ``prefix_lm=True`` with ``is_decoder=True``: a token sees all tokens of type 0, the prompt, and of
    those of type 1, which are generated, the ones before it (the mask of UniLM). ``None`` leaves it to the weights of a
    checkpoint, and without one means no. transformers ignores the key.

    Raises:
        ConfigError: A value has the wrong type or range, or two values contradict each other.
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
    prefix_lm: bool | None = None
    pruned_heads: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    problem_type: str | None = None
    num_labels: int = field(default=None)  # type: ignore[assignment]  # until __post_init__, as the next two
    id2label: Mapping[int, str] = field(default=None)  # type: ignore[arg-type]
    label2id: Mapping[str, int] = field(default=None)  # type: ignore[arg-type]
    extra: Mapping[str, Any] = field(default_factory=dict)

    _known_keys = frozenset((*WITHOUT_EFFECT, *GENERATION_DEFAULTS))
    _defaults: ClassVar[Mapping[str, object]] = {**GENERATION_DEFAULTS, **ABSENT}

    def __post_init__(self) -> None:
        labels = _reconcile_labels(self.num_labels, self.id2label, self.label2id)
        object.__setattr__(self, "id2label", labels)
        object.__setattr__(self, "num_labels", len(labels))
        object.__setattr__(self, "label2id", {label: index for index, label in labels.items()})
        object.__setattr__(self, "pruned_heads", _read_pruned_heads(self.pruned_heads))
        _check_types(self)
        if self.embedding_size is None:
            object.__setattr__(self, "embedding_size", self.hidden_size)
        _check_ranges(self)
        _check_pruned_heads(self)
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
        """Whether norms have no weight and bias, and a language model's head no transform: RoFormerV2."""
        return self.norm_type == "rms_norm"

    @property
    def activation(self) -> str:
        """The function that ``hidden_act`` names: a value of ``ACTIVATIONS``."""
        return ACTIVATIONS[self.hidden_act]

    @property
    def pooler_activation(self) -> str:
        """The function after a stored pooler: a value of ``ACTIVATIONS``, ``"tanh"`` where the file is silent.

        Raises:
            ConfigError: The file names another one.
        """
        name = self.extra.get("pooler_activation", self.extra.get("pool_act", "tanh"))
        if name not in ACTIVATIONS:
            raise ConfigError(f"unknown pooler_activation {shown(name)!r}; choose one of: {', '.join(ACTIVATIONS)}")
        return ACTIVATIONS[name]

    @property
    def head_size(self) -> int:
        """Width of one attention head."""
        return self.hidden_size // self.num_attention_heads

    def heads_of(self, layer: int) -> int:
        """Count the attention heads of a layer: ``num_attention_heads`` without those that were pruned."""
        return self.num_attention_heads - len(self.pruned_heads.get(layer, ()))

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
    def stop_token_ids(self) -> tuple[int, ...]:
        """The tokens that end a generated text, ``eos_token_id``; none where the file is silent.

        Raises:
            ConfigError: They are no ids.
        """
        found = self.extra.get("eos_token_id")
        ids = () if found is None else tuple(found) if isinstance(found, list | tuple) else (found,)
        if not all(type(index) is int for index in ids):
            raise ConfigError(f"eos_token_id must be a token id or a list of them, found {shown(found)}")
        return ids

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
        """Keys of ``extra`` that have no known meaning, sorted."""
        return tuple(sorted(set(self.extra) - WITHOUT_EFFECT.keys() - GENERATION_DEFAULTS.keys()))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> RoFormerConfig:
        """Build a config from the content of a ``config.json``, as transformers reads it.

        ``id2label`` alone tells the labels, else ``num_labels``, else there are two; ``label2id`` is derived.

        Args:
            values: The parsed JSON object.

        Raises:
            ConfigError: A value has the wrong type or range, or two values contradict each other.
            UnsupportedModelError: It is of another architecture, or of quantised weights.
        """
        if not isinstance(values, Mapping):
            raise ConfigError(f"a config is a JSON object, found {type(values).__name__}")
        rest = dict(values)
        model_type = rest.pop("model_type", MODEL_TYPE)
        if model_type != MODEL_TYPE:
            raise UnsupportedModelError(
                f"model_type is {shown(model_type)!r}; this package runs {MODEL_TYPE!r} checkpoints only"
            )
        if rest.get("quantization_config"):
            raise UnsupportedModelError(
                "quantization_config is set: the weights are quantised already; start from the float checkpoint that "
                "they were made from"
            )
        known = {f.name for f in dataclasses.fields(cls)} - {"extra"}
        given = {key: rest.pop(key) for key in sorted(known & rest.keys())}
        given |= _labels_that_count(given)
        return cls(**given, extra=rest)

    @classmethod
    def from_json(cls, text: str, source: str = CONFIG_NAME) -> RoFormerConfig:
        """Parse the text of a ``config.json``; ``source`` names it in error messages."""
        return cls.from_values(_parse(text, source), source)

    @classmethod
    def from_values(cls, values: Mapping[str, Any], source: str = CONFIG_NAME) -> RoFormerConfig:
        """Build a config as :meth:`from_dict` does; ``source`` names it in error messages."""
        try:
            return cls.from_dict(values)
        except (ConfigError, UnsupportedModelError) as error:
            raise type(error)(f"{source}: {error}") from None

    @classmethod
    def from_pretrained(cls, directory: str | Path, *, revision: str | None = None, **changes: Any) -> RoFormerConfig:
        """Read ``config.json`` from a checkpoint directory; ``changes`` replace fields, as in :meth:`replace`.

        Args:
            directory: A directory, or the name of a model on a hub.
            revision: A branch, tag or commit of a name.
            **changes: Fields to replace; and of the options of transformers ``cache_dir``, ``force_download``,
                ``local_files_only``, ``token``, ``subfolder``, and those that change nothing here.
        """
        from roformer_edge.hub import inside, local_directory, take_options

        options = take_options(changes)
        source = inside(directory, changes.pop("subfolder", None))
        path = local_directory(source, revision=revision, options=options) / CONFIG_NAME
        return cls.from_values(read_object(path), str(path)).replace(**changes)

    def to_dict(self) -> dict[str, Any]:
        """Return the content of a ``config.json``; transformers and :meth:`from_dict` read an equal config back."""
        values: dict[str, Any] = {"model_type": MODEL_TYPE, **self.extra}
        for item in dataclasses.fields(self):
            if item.name not in (*_LABELS, "extra", "embedding_size", *_ONLY_WHERE_SET):
                values[item.name] = getattr(self, item.name)
        values["embedding_size"] = self.width_of_embeddings
        if self.is_v2 or not self.use_bias:
            values |= {"norm_type": self.norm_type, "use_bias": self.use_bias}
        if self.prefix_lm is not None:
            values["prefix_lm"] = self.prefix_lm
        if self.pruned_heads:
            values["pruned_heads"] = {str(layer): list(heads) for layer, heads in self.pruned_heads.items()}
        if self.problem_type is not None:
            values["problem_type"] = self.problem_type
        values["id2label"] = {str(index): self.id2label[index] for index in range(self.num_labels)}
        values["label2id"] = dict(self.label2id)
        return values

    def to_json(self) -> str:
        """Write :meth:`to_dict` as stable, indented JSON with a final newline."""
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=2, sort_keys=True) + "\n"

    def save_pretrained(self, directory: str | Path) -> Path:
        """Write ``config.json`` into ``directory``, which is made where absent; return the file's path."""
        path = Path(directory) / CONFIG_NAME
        from roformer_edge.temporary import replace_file  # whoever reads a config writes none

        replace_file(path, self.to_json().encode())
        return path

    def replace(self, **changes: Any) -> RoFormerConfig:
        """Return a copy with some fields changed.

        The names and the number of labels follow whichever of them is given, and embeddings that are as wide as the
        states follow ``hidden_size``. Known keys of ``extra``, such as ``output_attentions`` or ``eos_token_id``, may
        be given too.

        Raises:
            UnknownNameError: There is no such field.
        """
        fields = [item.name for item in dataclasses.fields(self)]
        beside = [name for name in changes if name in self._known_keys]
        for name in changes:
            if name not in (*fields, *beside):
                raise UnknownNameError("config field", name, (*fields, *_FLAGS))
        if changes.keys() & _LABELS:
            changes = dict.fromkeys(_LABELS) | changes
        if "hidden_size" in changes and not self.has_projection:
            changes = {"embedding_size": None} | changes
        if beside:
            others = {name: changes.pop(name) for name in beside}
            changes["extra"] = {**changes.get("extra", self.extra), **others}
        return dataclasses.replace(self, **changes)


def check_vocabulary(config: RoFormerConfig, rows: int, source: str) -> tuple[str, ...]:
    """Check that a vocabulary fits the embedding table.

    An id without a row would index outside the table. Fewer ids leave rows that no text uses: tables are padded for
    the sake of tensor cores, and some were trained with room to spare.

    Args:
        config: The model.
        rows: The least number of rows with one for every id, those of added tokens included; ids may have gaps, so that
            it can be more than the number of tokens.
        source: Names the vocabulary in the message.

    Returns:
        A sentence where rows are left.

    Raises:
        VocabularyError: The two do not fit.
    """
    size = config.vocab_size
    if rows > size:
        raise VocabularyError(
            f"{source} has ids up to {rows - 1} and the model {size} embeddings (vocab_size); "
            "use the vocabulary that the model was trained with"
        )
    if rows == size:
        return ()
    return (f"{source} has ids up to {rows - 1} and the model {size} embeddings: rows from {rows} on are never used",)


def read_object(path: Path) -> dict[str, Any]:
    """Read a JSON object of a checkpoint, such as ``config.json``.

    Raises:
        ConfigError: It cannot be read, is a Git LFS pointer, or is no JSON object.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read {path}: {error}") from None
    return _parse(text, str(path))


def _parse(text: str, source: str) -> dict[str, Any]:
    if is_pointer(text[:100].encode(errors="replace")):
        raise ConfigError(pointer_message(source))
    values = parse_json(text, source, ConfigError)
    if not isinstance(values, dict):
        raise ConfigError(f"{source}: expected a JSON object, found {type(values).__name__}")
    return values


def _labels_that_count(given: Mapping[str, Any]) -> dict[str, Any]:
    """Choose among the labels' keys as transformers does; without any of them there are two labels."""
    if given.get("id2label"):
        return {"num_labels": None, "id2label": given["id2label"], "label2id": None}
    return {"num_labels": given.get("num_labels") or None, "id2label": None, "label2id": None}


def _read_pruned_heads(value: object) -> dict[int, tuple[int, ...]]:
    """Read ``{"0": [1, 2]}``: the heads that were cut out of each layer."""
    found: dict[int, tuple[int, ...]] = {}
    for layer, heads in _as_object("pruned_heads", {} if value is None else value).items():
        if not str(layer).isdecimal() or not isinstance(heads, list | tuple):
            raise ConfigError(f"pruned_heads must map numbers of layers to lists of heads, found {shown(value)}")
        if not all(type(head) is int for head in heads):
            raise ConfigError(f"pruned_heads must list heads by number, found {shown(heads)}")
        if heads:
            found[int(layer)] = tuple(sorted(set(heads)))
    return dict(sorted(found.items()))


def _reconcile_labels(num_labels: object, id2label: object, label2id: object) -> dict[int, str]:
    """Names of all classes in order; what is given must agree, and any of the three may be ``None``."""
    if id2label is None and label2id is not None:
        indices = _as_object("label2id", label2id)
        if not all(isinstance(index, (int, str)) for index in indices.values()):
            raise ConfigError(f"label2id must map names to whole numbers, found {shown(label2id)}")
        id2label = {index: label for label, index in indices.items()}
    if id2label is None:
        count = 2 if num_labels is None else num_labels
        if type(count) is not int or count < 1:
            raise ConfigError(f"num_labels must be a whole number of at least 1, found {shown(repr(count))}")
        if count > _MOST_LABELS:
            raise ConfigError(f"num_labels must be {_MOST_LABELS} at most, found {shown(repr(count))}")
        return {index: f"LABEL_{index}" for index in range(count)}
    named = _as_object("id2label", id2label)
    if len(named) > _MOST_LABELS:
        raise ConfigError(f"id2label must name {_MOST_LABELS} labels at most, found {len(named)}")
    try:
        labels = {int(index): str(label) for index, label in named.items()}
    except (TypeError, ValueError):
        raise ConfigError("id2label must map whole numbers to names") from None
    odd = next((label for label in named.values() if not isinstance(label, (str, int, float))), None)
    if odd is not None or None in named.values():
        raise ConfigError(f"id2label must map whole numbers to names, found the name {shown(odd)}")
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
        raise ConfigError(f"{key} must be an object, found {shown(value)}")
    return value


def _check_types(config: RoFormerConfig) -> None:
    for item in dataclasses.fields(config):
        value = getattr(config, item.name)
        kinds = str(item.type).split(" | ")
        if value is None and "None" in kinds:
            continue
        # bool is an int to isinstance, never to a reader of JSON
        fits = {
            "int": type(value) is int and -_MOST <= value <= _MOST,
            "float": type(value) in (int, float) and -_MOST <= value <= _MOST,
            "bool": type(value) is bool,
            "str": isinstance(value, str),
        }
        if kinds[0] in fits and not fits[kinds[0]]:
            raise ConfigError(f"{item.name} must be of type {item.type}, found {shown(repr(value))}")


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
        if getattr(config, name) > _LARGEST.get(name, _MOST_OF_ALL):
            raise ConfigError(
                f"{name} must be {_LARGEST.get(name, _MOST_OF_ALL)} at most, found {getattr(config, name)}"
            )
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


def _check_pruned_heads(config: RoFormerConfig) -> None:
    for layer, heads in config.pruned_heads.items():
        if layer >= config.num_hidden_layers or not all(0 <= head < config.num_attention_heads for head in heads):
            raise ConfigError(
                f"pruned_heads names heads {shown(list(heads))} of layer {shown(layer)}, and there are "
                f"{config.num_attention_heads} heads in each of {config.num_hidden_layers} layers, counted from 0"
            )
        if len(heads) == config.num_attention_heads:
            raise ConfigError(f"pruned_heads cuts every head out of layer {layer}; one must stay")


def _check_choices(config: RoFormerConfig) -> None:
    for name, allowed in (("hidden_act", ACTIVATIONS), ("norm_type", NORMS), ("problem_type", (None, *PROBLEM_TYPES))):
        if getattr(config, name) not in allowed:
            names = ", ".join(choice for choice in allowed if choice is not None)
            raise ConfigError(f"unknown {name} '{shown(getattr(config, name))}'; choose one of: {names}")
    if config.add_cross_attention and not config.is_decoder:
        raise ConfigError("add_cross_attention needs is_decoder: cross-attention exists in a decoder only")
    if config.prefix_lm and config.type_vocab_size < 2:
        raise ConfigError(
            f"prefix_lm needs two types of tokens, of the prompt and of what is generated; type_vocab_size is "
            f"{config.type_vocab_size}"
        )
