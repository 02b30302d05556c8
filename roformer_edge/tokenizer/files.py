"""Reading and writing tokenizers as Hugging Face directories."""

from __future__ import annotations

import os
from collections.abc import Mapping

from roformer_edge.errors import VocabularyError
from roformer_edge.tokenizer.added import FIELDS, AddedToken
from roformer_edge.tokenizer.tokens import MORE_SPECIAL, SPECIAL_NAMES
from roformer_edge.tokenizer.vocab import VOCABULARY_NAME, Vocabulary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CONFIG_NAME = "tokenizer_config.json"
SPECIAL_MAP_NAME = "special_tokens_map.json"
ADDED_NAME = "added_tokens.json"
FAST_NAME = "tokenizer.json"

# the options that a tokenizer_config.json may set
OPTIONS = (
    "do_lower_case",
    "do_basic_tokenize",
    "never_split",
    "tokenize_chinese_chars",
    "strip_accents",
    "model_max_length",
    "padding_side",
    "truncation_side",
    "clean_up_tokenization_spaces",
    "split_special_tokens",
    "model_input_names",
)


def read_directory(directory: str | os.PathLike[str]) -> tuple[Vocabulary, dict[str, Any]]:
    """Read what a tokenizer is made of.

    Args:
        directory: Holds ``vocab.txt``, or a ``tokenizer.json`` with the vocabulary in it, and may hold
            ``tokenizer_config.json``, ``special_tokens_map.json`` and ``added_tokens.json``.

    Returns:
        The vocabulary, and the arguments of a tokenizer.

    Raises:
        VocabularyError: A file is missing or malformed.
    """
    folder = os.fspath(directory)
    config = _read_object(folder, CONFIG_NAME) or {}
    options: dict[str, Any] = {name: config[name] for name in OPTIONS if config.get(name) is not None}
    special = {name: config[name] for name in (*SPECIAL_NAMES, MORE_SPECIAL) if name in config}
    if "added_tokens_decoder" in config:
        entries = config["added_tokens_decoder"]
        added = {int(index): read_token(token) for index, token in _as_object(entries, CONFIG_NAME).items()}
    else:
        # older transformers kept the same in three files
        special |= _read_object(folder, SPECIAL_MAP_NAME) or {}
        added = _legacy_added(folder, special)
    by_content = {token.content: token for token in added.values()}
    for name, value in special.items():
        if name == MORE_SPECIAL:
            options[name] = [_special_token(token, {}) for token in value or ()]
        elif name in SPECIAL_NAMES:
            options[name] = None if value is None else _special_token(value, by_content)
    options["added_tokens_decoder"] = added
    return read_vocabulary(folder), options


def read_vocabulary(folder: str) -> Vocabulary:
    """The vocabulary of a directory: ``vocab.txt``, or what its ``tokenizer.json`` holds."""
    path = os.path.join(folder, VOCABULARY_NAME)  # noqa: PTH118 - pathlib would double the start-up of a process
    if not os.path.exists(path):  # noqa: PTH110
        whole = _read_object(folder, FAST_NAME)
        index = (whole or {}).get("model", {}).get("vocab")
        if isinstance(index, dict) and sorted(index.values()) == list(range(len(index))):
            return Vocabulary.from_tokens(sorted(index, key=index.__getitem__), os.path.join(folder, FAST_NAME))  # noqa: PTH118
    return Vocabulary.from_file(path)


def is_fast_directory(directory: str | os.PathLike[str]) -> bool:
    """Whether the fast tokenizer wrote a directory.

    transformers notes the slow class for both, but only the fast one writes a ``tokenizer.json``.
    """
    folder = os.fspath(directory)
    config = _read_object(folder, CONFIG_NAME) or {}
    name = str(config.get("tokenizer_class") or "")
    if name and not name.startswith("RoFormerTokenizer"):
        raise VocabularyError(
            f"{os.path.join(folder, CONFIG_NAME)} names the tokenizer {name}, not RoFormerTokenizer: its ids would "  # noqa: PTH118
            "differ; pass mode='slow' or mode='fast' to read it as RoFormer's all the same"
        )
    return name.endswith("Fast") or os.path.exists(os.path.join(folder, FAST_NAME))  # noqa: PTH110, PTH118


def read_token(value: object) -> AddedToken:
    """An added token as JSON holds it: its text or an object of its fields."""
    if isinstance(value, str):
        return AddedToken(value)
    if isinstance(value, Mapping) and isinstance(value.get("content"), str):
        return AddedToken(**{name: field for name, field in value.items() if name in FIELDS})
    raise VocabularyError(f"an added token must be a text or an object with its content, found {value!r}")


def _special_token(value: object, added: Mapping[str, AddedToken]) -> str | AddedToken:
    if isinstance(value, str):
        return added.get(value, value)
    token = read_token(value)
    return added.get(token.content) or token.as_special()


def _legacy_added(folder: str, special: Mapping[str, Any]) -> dict[int, AddedToken]:
    named = {_content(value) for name, value in special.items() if name in SPECIAL_NAMES and value}
    named |= {_content(value) for value in special.get(MORE_SPECIAL) or ()}
    added: dict[int, AddedToken] = {}
    for content, index in (_read_object(folder, ADDED_NAME) or {}).items():
        added[int(index)] = AddedToken(content, special=content in named)
    for entry in (_read_object(folder, FAST_NAME) or {}).get("added_tokens", ()):
        added[int(entry["id"])] = read_token(entry)
    return added


def _content(value: object) -> str:
    return value if isinstance(value, str) else read_token(value).content


def _read_object(folder: str, name: str) -> dict[str, Any] | None:
    path = os.path.join(folder, name)  # noqa: PTH118
    if not os.path.exists(path):  # noqa: PTH110
        return None
    import json

    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123
            return _as_object(json.load(file), path)
    except (OSError, ValueError, RecursionError) as error:  # the last: brackets nested thousands deep
        raise VocabularyError(f"cannot read {path}: {error}") from None


def _as_object(value: object, source: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise VocabularyError(f"{source}: expected an object, found {type(value).__name__}")
    return value


def write_directory(
    directory: str | os.PathLike[str], config: Mapping[str, Any], added: Mapping[str, int], vocabulary: Vocabulary
) -> tuple[str, ...]:
    """Write the files of a tokenizer.

    Args:
        directory: Made where it is absent.
        config: The content of ``tokenizer_config.json``.
        added: The ids of added tokens that are not in the vocabulary.
        vocabulary: The tokens of the model.

    Returns:
        The paths of the files.
    """
    import json

    folder = os.fspath(directory)
    os.makedirs(folder, exist_ok=True)  # noqa: PTH103
    special = {name: config[name] for name in (*SPECIAL_NAMES, MORE_SPECIAL) if config.get(name)}
    contents = {CONFIG_NAME: config, SPECIAL_MAP_NAME: special, **({ADDED_NAME: added} if added else {})}
    paths = []
    for name, content in contents.items():
        paths.append(os.path.join(folder, name))  # noqa: PTH118
        with open(paths[-1], "w", encoding="utf-8") as file:  # noqa: PTH123
            file.write(json.dumps(content, ensure_ascii=False, indent=2, sort_keys=True) + "\n")
    paths.append(os.path.join(folder, VOCABULARY_NAME))  # noqa: PTH118
    vocabulary.save(paths[-1])
    return tuple(paths)
