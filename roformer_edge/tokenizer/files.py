"""Reading and writing tokenizers as Hugging Face directories.

Every key of ``tokenizer_config.json``, ``tokenizer.json`` and ``special_tokens_map.json`` is followed, stands in
``WITHOUT_EFFECT`` with the reason, or is named in the ``notes`` of the tokenizer; what changes ids and cannot be
followed is refused.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from roformer_edge.errors import VocabularyError, advice
from roformer_edge.tokenizer.added_tokens import AddedToken
from roformer_edge.tokenizer.settings import (
    ADDED,
    NO_LIMIT,
    OPTIONS,
    PIPELINE,
    STORED,
    as_list,
    as_object,
    check_value,
    is_text,
    read_id,
    read_token,
    shown,
)
from roformer_edge.tokenizer.token_table import EXTRA_SPECIAL, MORE_SPECIAL, SPECIAL_NAMES
from roformer_edge.tokenizer.vocab import VOCABULARY_NAME, Vocabulary, refuse_pointer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeVar

    from roformer_edge.tokenizer.base import Tokenizer
    from roformer_edge.tokenizer.token_table import Token

    T = TypeVar("T", bound=Tokenizer)

CONFIG_NAME = "tokenizer_config.json"
SPECIAL_MAP_NAME = "special_tokens_map.json"
ADDED_NAME = "added_tokens.json"
FAST_NAME = "tokenizer.json"
MODEL_CONFIG_NAME = "config.json"

# tokenizer_class -> the mode; None: fast where there is a tokenizer.json, else slow
CLASSES: dict[str, str | None] = {
    "RoFormerTokenizer": None,
    "RoFormerTokenizerFast": "fast",
    "BertTokenizer": "bert",
    "BertTokenizerFast": "bert",
    "PreTrainedTokenizerFast": "plain",
}
_TRANSFORMERS_IGNORES = "transformers 4.57.6 takes it and does nothing with it"
_PER_CALL = "transformers 4.57.6 sets it anew in every call, from the call's own arguments"
_WHERE_FROM = "says where the files came from"
# keys of tokenizer_config.json that do nothing -> why
WITHOUT_EFFECT = {
    "tokenizer_class": "chooses the mode",
    "name_or_path": _WHERE_FROM,
    "tokenizer_file": _WHERE_FROM,
    "vocab_file": _WHERE_FROM,
    "special_tokens_map_file": _WHERE_FROM,
    "_commit_hash": _WHERE_FROM,
    "transformers_version": _WHERE_FROM,
    "processor_class": "names what transformers wraps around the tokenizer",
    "chat_template": "RoFormer does not chat; no text is rendered with it",
    "device_map": "places weights, of which a tokenizer has none",
    "use_fast": _TRANSFORMERS_IGNORES,
    "clean_text": _TRANSFORMERS_IGNORES,
    "wordpieces_prefix": _TRANSFORMERS_IGNORES,
    "add_prefix_space": "changes pre-tokenizers of bytes and of SentencePiece, which are refused",
    "verbose": "changes what transformers logs",
    "max_length": _PER_CALL,
    "stride": _PER_CALL,
    "truncation_strategy": _PER_CALL,
    "truncation": _PER_CALL,
    "padding": _PER_CALL,
    "pad_to_multiple_of": _PER_CALL,
    "pad_token_type_id": "transformers 4.57.6 fills with type 0 whatever it says",
}
# keys that change ids where they hold anything but these values -> what to do then
_REFUSED: dict[str, tuple[tuple[object, ...], str]] = {
    "from_slow": ((False, None), "save the tokenizer with transformers again, and without it"),
    "init_inputs": (([], None), "save the tokenizer with transformers again, with named arguments"),
    "gguf_file": ((None,), "save the tokenizer with transformers as tokenizer.json"),
    "fast_tokenizer_files": (([FAST_NAME], None), "keep the one tokenizer.json that is meant, and take the key out"),
}
_JSON_KEYS = (
    "version",
    "truncation",
    "padding",
    STORED,
    "normalizer",
    "pre_tokenizer",
    "post_processor",
    "decoder",
    "model",
)
_SIDES = {"Left": "left", "Right": "right"}


def choose_mode(directory: str | os.PathLike[str]) -> str:
    """Choose the mode that the files of a directory ask for.

    The class that ``tokenizer_config.json`` or else ``config.json`` names decides. transformers notes the slow class
    for both of RoFormer's, but only the fast one writes a ``tokenizer.json``. Where no class is named, a
    ``tokenizer.json`` with another way of cutting than RoFormer's is followed as it stands.

    Raises:
        VocabularyError: A file is malformed, or the class is one whose ids this package cannot give.
    """
    folder = _folder(directory)
    for name in (CONFIG_NAME, MODEL_CONFIG_NAME):
        named = (_read_object(folder, name) or {}).get("tokenizer_class")
        if named is not None:
            break
    whole = _read_object(folder, FAST_NAME)
    if named is not None:
        if not isinstance(named, str) or named not in CLASSES:
            raise VocabularyError(
                f"{os.path.join(folder, name)} names the tokenizer {shown(named)}, whose ids would differ; supported "  # noqa: PTH118
                f"are {', '.join(CLASSES)}; a mode such as "
                + advice(python="'slow'", command="--tokenizer slow")
                + " reads it as another all the same"
            )
        return CLASSES[named] or ("slow" if whole is None else "fast")
    if whole is None:
        return "slow"
    cutter, model = whole.get("pre_tokenizer"), whole.get("model")
    kind = model.get("type", "WordPiece") if isinstance(model, dict) else "WordPiece"
    plain = kind != "WordPiece" or ("pre_tokenizer" in whole and cutter != {"type": "BertPreTokenizer"})
    return "plain" if plain else "fast"


def read_directory(directory: str | os.PathLike[str], kind: type[T], given: Mapping[str, Any]) -> T:
    """Read a tokenizer.

    Args:
        directory: Holds ``vocab.txt`` or ``tokenizer.json``, and may hold ``tokenizer_config.json``,
            ``special_tokens_map.json``, ``added_tokens.json`` and ``config.json``.
        kind: The class of the tokenizer.
        given: Arguments that win over what the files say.

    Raises:
        VocabularyError: A file is missing or malformed, or says what cannot be followed.
    """
    folder = _folder(directory)
    whole = _read_object(folder, FAST_NAME)
    reader = _Reader(folder, whole)
    options = {**reader.read(), **given}
    vocabulary = read_vocabulary(folder, whole, prefer_json=kind.is_fast)
    notes = reader.notes
    pipeline = None
    if whole is not None and not kind.is_fast:
        notes.append(f"{FAST_NAME} is for the fast tokenizers; the slow mode follows {VOCABULARY_NAME} alone")
    elif whole is not None:
        pipeline = _read_pipeline(whole, notes)
        _read_sides(whole, options, notes)
    if kind.mode == "plain" and pipeline is None:
        raise VocabularyError(f"{folder} holds no {FAST_NAME}, which the mode 'plain' follows")
    tokenizer = _make(kind, vocabulary, pipeline, options)
    listed = {**options[ADDED], **dict(_stored(whole))}
    moved = [token for index, token in listed.items() if tokenizer._table.find(token.content) not in (None, index)]
    if moved:
        count = f" and {len(moved) - 1} more" if len(moved) > 1 else ""
        notes.append(
            f"the added token {moved[0].content!r:.40}{count} got another id than the files list, as in transformers, "
            "which counts on from the vocabulary"
        )
    tokenizer.notes = (*tokenizer.notes, *notes)
    return tokenizer


def _make(kind: type[T], vocabulary: Vocabulary, pipeline: dict[str, Any] | None, options: dict[str, Any]) -> T:
    if kind.mode == "plain":
        options = {**dict.fromkeys(SPECIAL_NAMES), **options}
    if pipeline is None:
        return kind(vocabulary, **options)
    tokenizer = kind(vocabulary, **{PIPELINE: pipeline, **options})
    if kind.mode == "plain":
        return tokenizer
    from roformer_edge.tokenizer.tokenizer_json import override, standard_spec

    # what the class does by itself needs no description
    stored = [(entry["id"], read_token(entry, FAST_NAME)) for entry in pipeline.get(STORED, ())]
    spec = {key: value for key, value in pipeline.items() if key != STORED}
    if "normalizer" in spec:
        spec["normalizer"] = override(spec["normalizer"], tokenizer._options)
    standard = standard_spec(tokenizer._table, tokenizer._options)
    if any(spec[key] != standard[key] for key in spec) or (stored and stored != sorted(options[ADDED].items())):
        return tokenizer
    cleans = tokenizer.clean_up_tokenization_spaces
    return kind(vocabulary, **{**options, "clean_up_tokenization_spaces": cleans})


def read_vocabulary(folder: str, whole: Mapping[str, Any] | None, prefer_json: bool) -> Vocabulary:
    """Read the vocabulary of a directory: ``vocab.txt``, or what its ``tokenizer.json`` holds.

    Args:
        folder: The directory.
        whole: The content of its ``tokenizer.json``, or None.
        prefer_json: Which of both counts where they differ.
    """
    path = os.path.join(folder, VOCABULARY_NAME)  # noqa: PTH118 - pathlib would double the start-up of a process
    tokens = _json_tokens(whole, folder)
    if tokens is None:
        return Vocabulary.from_file(path)
    inside = os.path.join(folder, FAST_NAME)  # noqa: PTH118
    if not os.path.exists(path):  # noqa: PTH110
        return Vocabulary.from_tokens(tokens, inside)
    vocabulary = Vocabulary.from_file(path)
    if vocabulary.tokens == tokens:
        return vocabulary
    note = f"{VOCABULARY_NAME} and {FAST_NAME} in {folder} hold different vocabularies; the one of {{}} counts"
    if prefer_json:
        vocabulary = Vocabulary.from_tokens(tokens, inside)
    vocabulary.notes = (*vocabulary.notes, note.format(FAST_NAME if prefer_json else VOCABULARY_NAME))
    return vocabulary


def _json_tokens(whole: Mapping[str, Any] | None, folder: str) -> list[str] | None:
    """Read the tokens of the model in a ``tokenizer.json`` in the order of their ids; None where it has none."""
    if whole is None or "model" not in whole:
        return None
    model = as_object(whole["model"], f"{FAST_NAME}: model")
    kind = _model_type(model)
    if kind not in ("WordPiece", "WordLevel"):
        raise VocabularyError(
            f"{os.path.join(folder, FAST_NAME)}: the model {shown(kind)} is not supported, only WordPiece and "  # noqa: PTH118
            "WordLevel are: its tokens would all become the unknown token"
        )
    index = as_object(model.get("vocab"), f"{FAST_NAME}: the vocab of the model")
    if not all(type(at) is int for at in index.values()) or sorted(index.values()) != list(range(len(index))):
        raise VocabularyError(
            f"{FAST_NAME}: the ids of the model's {len(index)} tokens must be the whole numbers from 0 on, each once"
        )
    return sorted(index, key=index.__getitem__)


def _model_type(model: Mapping[str, Any]) -> object:
    """Name the type of a model; files of early versions leave it out."""
    if "type" in model:
        return model["type"]
    if "merges" in model:
        return "BPE"
    return "WordLevel" if model.keys() == {"vocab", "unk_token"} else "WordPiece"


def _read_pipeline(whole: Mapping[str, Any], notes: list[str]) -> dict[str, Any]:
    """Read what a ``tokenizer.json`` describes, but for the vocabulary."""
    pipeline = {key: whole[key] for key in ("normalizer", "pre_tokenizer", "post_processor", "decoder") if key in whole}
    model = whole.get("model")
    if isinstance(model, dict) and len(model) > 1:
        pipeline["model"] = {"type": _model_type(model), **{key: model[key] for key in model if key != "vocab"}}
    pipeline[STORED] = [{**token.to_dict(), "id": index} for index, token in _stored(whole)]
    _note_unknown(FAST_NAME, whole.keys() - set(_JSON_KEYS), notes)
    decoder = whole.get("decoder")
    if decoder not in (None, *({"type": "WordPiece", "prefix": "##", "cleanup": each} for each in (True, False))):
        kind = decoder.get("type") if isinstance(decoder, dict) else decoder
        notes.append(f"{FAST_NAME}: the decoder {shown(kind)} is not followed: decode() joins tokens with spaces")
        pipeline["decoder"] = None
    for name in ("truncation", "padding"):
        if whole.get(name) is not None:
            notes.append(f"{FAST_NAME}: {name} has no effect but for its direction, as in transformers: {_PER_CALL}")
    return pipeline


def _stored(whole: Mapping[str, Any] | None) -> list[tuple[int, AddedToken]]:
    """Read the added tokens of a ``tokenizer.json``."""
    entries = as_list((whole or {}).get(STORED, []), f"{FAST_NAME}: {STORED}")
    where = f"{FAST_NAME}: {STORED}"
    return [(read_id(as_object(entry, where).get("id"), where), read_token(entry, where)) for entry in entries]


def _read_sides(whole: Mapping[str, Any], options: dict[str, Any], notes: list[str]) -> None:
    """Read the sides and the filler that a ``tokenizer.json`` names, where the config names none."""
    for name, option in (("truncation", "truncation_side"), ("padding", "padding_side")):
        if whole.get(name) is None:
            continue
        content = as_object(whole[name], f"{FAST_NAME}: {name}")
        side = content.get("direction", "Right")
        if not isinstance(side, str) or side not in _SIDES:
            raise VocabularyError(f"{FAST_NAME}: direction of {name} must be Left or Right, found {shown(side)}")
        options.setdefault(option, _SIDES[side])
        token = content.get("pad_token")
        if token is not None:
            if not is_text(token):
                raise VocabularyError(f"{FAST_NAME}: pad_token of padding must be a text, found {shown(token)}")
            options.setdefault("pad_token", token)


class _Reader:
    """Reads what surrounds the vocabulary of a directory.

    Args:
        folder: The directory.
        whole: The content of its ``tokenizer.json``, or None.

    Attributes:
        notes: What has no effect, a sentence each.
    """

    def __init__(self, folder: str, whole: Mapping[str, Any] | None) -> None:
        self._folder = folder
        self._whole = whole
        self.notes: list[str] = []

    def read(self) -> dict[str, Any]:
        """Read the arguments of a tokenizer."""
        config = _read_object(self._folder, CONFIG_NAME) or {}
        options = self._options(config)
        special = {name: config[name] for name in (*SPECIAL_NAMES, MORE_SPECIAL) if name in config}
        extra, unnamed = self._extra(config.get(EXTRA_SPECIAL))
        if ADDED in config:
            entries = as_object(config[ADDED], f"{CONFIG_NAME}: {ADDED}")
            added = {read_id(at, f"{CONFIG_NAME}: {ADDED}"): read_token(entries[at], CONFIG_NAME) for at in entries}
            flagged = added
            _read_object(self._folder, SPECIAL_MAP_NAME)
        else:
            # older transformers kept the same in three files
            mapped = _read_object(self._folder, SPECIAL_MAP_NAME) or {}
            _note_unknown(SPECIAL_MAP_NAME, mapped.keys() - {*SPECIAL_NAMES, MORE_SPECIAL, *extra}, self.notes)
            special |= self._mapped(mapped, special)
            flagged = dict(_stored(self._whole))
            added = {**self._legacy_added(special), **flagged}
        by_content = {token.content: token for token in flagged.values()}
        for name, value in special.items():
            if name == MORE_SPECIAL:
                where = f"{CONFIG_NAME}: {name}"
                options[name] = [_special_token(token, {}, where) for token in as_list(value or [], where)]
            else:
                options[name] = None if value is None else _special_token(value, by_content, f"{CONFIG_NAME}: {name}")
        where = f"{CONFIG_NAME}: {EXTRA_SPECIAL}"
        options[EXTRA_SPECIAL] = {name: _special_token(token, {}, where) for name, token in extra.items()}
        if unnamed:
            more = options.get(MORE_SPECIAL, [])
            options[MORE_SPECIAL] = [*more, *(_special_token(token, {}, where) for token in unnamed)]
        options[ADDED] = added
        known = {*OPTIONS, *SPECIAL_NAMES, MORE_SPECIAL, EXTRA_SPECIAL, ADDED, "max_len", *extra}
        _note_unknown(
            CONFIG_NAME, config.keys() - known - WITHOUT_EFFECT.keys() - _REFUSED.keys() - {"auto_map"}, self.notes
        )
        return options

    def _options(self, config: Mapping[str, Any]) -> dict[str, Any]:
        for name, (harmless, remedy) in _REFUSED.items():
            if name in config and config[name] not in harmless:
                raise VocabularyError(
                    f"{CONFIG_NAME}: {name} {shown(config[name])} changes ids and is not followed; {remedy}"
                )
        if config.get("auto_map") is not None:
            self.notes.append(f"{CONFIG_NAME}: auto_map names code of the checkpoint's own, which is not run")
        for name in ("clean_text", "wordpieces_prefix"):
            if config.get(name) not in (None, {"clean_text": True, "wordpieces_prefix": "##"}[name]):
                self.notes.append(f"{CONFIG_NAME}: {name} has no effect: {WITHOUT_EFFECT[name]}")
        options: dict[str, Any] = {name: config[name] for name in OPTIONS if config.get(name) is not None}
        if "model_max_length" not in options and config.get("max_len") is not None:
            options["model_max_length"] = config["max_len"]
        limit = options.get("model_max_length")
        if isinstance(limit, float) and limit == limit // 1:
            # written so by early versions
            options["model_max_length"] = int(min(limit, float(NO_LIMIT)))
        for name, value in options.items():
            check_value(name, value, f"{CONFIG_NAME}:")
        return options

    def _extra(self, value: Any) -> tuple[dict[str, Any], list[Any]]:
        """Read ``extra_special_tokens``: named ones as transformers 4.57 writes them, or the list of later versions."""
        if value is None or isinstance(value, list):
            return {}, value or []
        extra = as_object(value, f"{CONFIG_NAME}: {EXTRA_SPECIAL}")
        for name in extra:
            if not name.isidentifier() or name in SPECIAL_NAMES:
                raise VocabularyError(f"{CONFIG_NAME}: {EXTRA_SPECIAL}: {name!r:.80} is not a name for a further token")
        return extra, []

    def _mapped(self, mapped: dict[str, Any], special: Mapping[str, Any]) -> dict[str, Any]:
        """Read the tokens of ``special_tokens_map.json``, those without a name behind those that the config has."""
        found: dict[str, Any] = {}
        for name in (*SPECIAL_NAMES, MORE_SPECIAL):
            if name not in mapped:
                continue
            found[name] = mapped[name]
            if name == MORE_SPECIAL:
                where = f"{SPECIAL_MAP_NAME}: {name}"
                before = as_list(special.get(name) or [], where)
                found[name] = before + [token for token in as_list(mapped[name] or [], where) if token not in before]
        return found

    def _legacy_added(self, special: Mapping[str, Any]) -> dict[int, AddedToken]:
        values = [value for name, value in special.items() if name in SPECIAL_NAMES and value is not None]
        values += as_list(special.get(MORE_SPECIAL) or [], SPECIAL_MAP_NAME)
        named = {read_token(value, SPECIAL_MAP_NAME).content for value in values}
        added: dict[int, AddedToken] = {}
        for content, index in (_read_object(self._folder, ADDED_NAME) or {}).items():
            added[read_id(index, ADDED_NAME)] = read_token(
                {"content": content, "special": content in named}, ADDED_NAME
            )
        return added


def _special_token(value: object, added: Mapping[str, AddedToken], where: str) -> Token:
    token = read_token(value, where)
    return added.get(token.content) or (token.content if isinstance(value, str) else token.as_special())


def _note_unknown(name: str, keys: set[str], notes: list[str]) -> None:
    if keys:
        listed = ", ".join(f"{key!r:.40}" for key in sorted(keys)[:5])
        more = f" and {len(keys) - 5} more" if len(keys) > 5 else ""
        notes.append(f"{name}: keys that are not known here have no effect: {listed}{more}")


def here(directory: str | os.PathLike[str], revision: str | None = None, options: dict[str, Any] | None = None) -> str:
    """Return a directory as it is, or the one that a name on a model hub is downloaded to.

    Args:
        directory: A directory or a name.
        revision: A branch, tag or commit of a name.
        options: Those of ``from_pretrained``; what says how a model is had is taken out of them.
    """
    path = os.fspath(directory)
    if os.path.exists(path) and revision is None and not options:  # noqa: PTH110 - without pathlib, which takes long
        return path
    from roformer_edge.hub import inside, local_directory, take_options

    options = {} if options is None else options
    how = take_options(options)
    return os.fspath(local_directory(inside(path, options.pop("subfolder", None)), revision=revision, options=how))


def _folder(directory: str | os.PathLike[str]) -> str:
    folder = os.fspath(directory)
    if os.path.isfile(folder):  # noqa: PTH113
        raise VocabularyError(f"{folder} is a file; a tokenizer is read from the directory that holds its files")
    return folder


def _read_object(folder: str, name: str) -> dict[str, Any] | None:
    path = os.path.join(folder, name)  # noqa: PTH118
    if not os.path.exists(path):  # noqa: PTH110
        return None
    import json

    try:
        with open(path, "rb") as file:  # noqa: PTH123
            data = file.read()
    except OSError as error:
        raise VocabularyError(f"cannot read {path}: {error.strerror}") from None
    refuse_pointer(data, path)
    try:
        content = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # the last: brackets nested thousands deep
        raise VocabularyError(f"cannot read {path}: {error}") from None
    return as_object(content, path)


def write_directory(directory: str | os.PathLike[str], tokenizer: Tokenizer) -> tuple[str, ...]:
    """Write the files of a tokenizer.

    Args:
        directory: Made where it is absent.
        tokenizer: The tokenizer.

    Returns:
        The paths of the files.
    """
    import json

    folder = os.fspath(directory)
    os.makedirs(folder, exist_ok=True)  # noqa: PTH103
    table, pipeline = tokenizer._table, tokenizer._options.pipeline
    special = tokenizer.special_tokens_map
    config = {
        **{name: getattr(tokenizer, name) for name in OPTIONS},
        # one that was taken away stays away
        **{name: None for name in tokenizer._defaults if table.special[name] is None},
        **special,
        EXTRA_SPECIAL: tokenizer.extra_special_tokens,
        ADDED: {str(at): token.to_dict() for at, token in sorted(table.added.items())},
        "tokenizer_class": type(tokenizer).__name__,
    }
    contents: dict[str, Any] = {CONFIG_NAME: config, SPECIAL_MAP_NAME: special}
    added = {
        content: at for content, at in tokenizer.added_tokens_encoder.items() if content not in table.vocabulary.index
    }
    if added:
        contents[ADDED_NAME] = added
    if pipeline is not None:
        contents[FAST_NAME] = _whole(tokenizer, pipeline)
    paths = []
    for name, content in contents.items():
        paths.append(os.path.join(folder, name))  # noqa: PTH118
        with open(paths[-1], "w", encoding="utf-8") as file:  # noqa: PTH123
            file.write(json.dumps(content, ensure_ascii=False, indent=2, sort_keys=name != FAST_NAME) + "\n")
    return *paths, *tokenizer.save_vocabulary(folder)


def _whole(tokenizer: Tokenizer, pipeline: Mapping[str, Any]) -> dict[str, Any]:
    """Gather the content of a ``tokenizer.json``."""
    from roformer_edge.tokenizer.tokenizer_json import STEPS, complete

    table = tokenizer._table
    steps = complete(pipeline, table, tokenizer._options)
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        STORED: [{"id": at, **token.to_dict()} for at, token in sorted(table.added.items())],
        **{key: steps[key] for key in STEPS},
        "model": {**steps["model"], "vocab": dict(table.vocabulary.index)},
    }
