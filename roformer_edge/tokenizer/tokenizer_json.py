"""Reading ``tokenizer.json``: which steps it describes, and building those that this package can follow exactly."""

from __future__ import annotations

import json

from roformer_edge.errors import VocabularyError, advice
from roformer_edge.tokenizer import pre_tokenizers as cutting
from roformer_edge.tokenizer.models import MAX_WORD, PREFIX, WordLevel, WordPiece
from roformer_edge.tokenizer.normalizers import BertNormalizer, Normalizers
from roformer_edge.tokenizer.settings import as_list, as_object, is_flag, is_id, is_length, is_text, or_null, shown
from roformer_edge.tokenizer.steps import Steps, WordsPreTokenizer
from roformer_edge.tokenizer.template import Template
from roformer_edge.tokenizer.unicode_tables import WHITE_SPACE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from typing import Any

    from roformer_edge.tokenizer.backend import BackendOptions
    from roformer_edge.tokenizer.models import Model
    from roformer_edge.tokenizer.normalizers import Normalizer
    from roformer_edge.tokenizer.pre_tokenizers import PreTokenizer
    from roformer_edge.tokenizer.template import Slot
    from roformer_edge.tokenizer.token_table import TokenTable

# the parts of a pipeline
STEPS = ("normalizer", "pre_tokenizer", "model", "post_processor", "decoder")
# steps within steps
_DEEPEST = 8


def build_steps(spec: Mapping[str, Any], table: TokenTable, options: BackendOptions) -> Steps:
    """Build the steps that a ``tokenizer.json`` describes.

    Args:
        spec: Its content; keys of ``STEPS`` that are absent mean the steps that the class has by itself.
        table: The tokens.
        options: Those of the tokenizer; as in transformers they win over what the normalizer says, and the class
            ``RoFormerTokenizerFast`` cuts with its own dictionary where the file names a ``BertPreTokenizer``.

    Raises:
        VocabularyError: A step is malformed, or of a kind whose ids this package cannot give.
    """
    try:
        json.dumps(dict(spec), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise VocabularyError("tokenizer.json: a step holds half of a surrogate pair, which is no text") from None
    spec = complete(spec, table, options)
    if options.mode == "fast":
        _check_roformer(spec)
    unknown, longest, model = _model(spec["model"], table)
    joins, tidies = _decoder(spec["decoder"])
    return Steps(
        normalizer=_normalizer(override(spec["normalizer"], options), options),
        pre_tokenizer=_cutter(spec["pre_tokenizer"], options),
        model=model,
        template=_post_processor(spec["post_processor"], table),
        unknown=unknown,
        longest=longest,
        joins=joins,
        tidies=tidies,
    )


def complete(spec: Mapping[str, Any], table: TokenTable, options: BackendOptions) -> dict[str, Any]:
    """Complete the steps: those described, and for the rest those that the class has by itself, if any."""
    return {**(dict.fromkeys(STEPS) if options.mode == "plain" else standard_spec(table, options)), **spec}


def standard_spec(table: TokenTable, options: BackendOptions) -> dict[str, Any]:
    """Describe what the class of the tokenizer writes into a ``tokenizer.json`` in transformers 4.57.6."""
    cls, sep = (
        (str(table.special[name]), table.id_of(str(table.special[name]))) for name in ("cls_token", "sep_token")
    )
    normalizer = {
        "type": "BertNormalizer",
        "clean_text": True,
        "handle_chinese_chars": options.mode == "bert" and options.tokenize_chinese_chars,
        "strip_accents": options.strip_accents,
        "lowercase": options.do_lower_case,
    }
    single = [_special_piece(cls[0], 0), _text_piece("A", 0), _special_piece(sep[0], 0)]
    return {
        "normalizer": normalizer,
        # RoFormer's own cannot be written; this one stands in its place
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "model": {
            "type": "WordPiece",
            "unk_token": str(table.special["unk_token"]),
            "continuing_subword_prefix": PREFIX,
            "max_input_chars_per_word": MAX_WORD,
        },
        "post_processor": {
            "type": "TemplateProcessing",
            "single": single,
            "pair": [*single, _text_piece("B", 1), _special_piece(sep[0], 1)],
            "special_tokens": {token: {"id": token, "ids": [at], "tokens": [token]} for token, at in (cls, sep)},
        },
        "decoder": {"type": "WordPiece", "prefix": PREFIX, "cleanup": True},
    }


def _special_piece(token: str, type_id: int) -> dict[str, Any]:
    return {"SpecialToken": {"id": token, "type_id": type_id}}


def _text_piece(name: str, type_id: int) -> dict[str, Any]:
    return {"Sequence": {"id": name, "type_id": type_id}}


def override(normalizer: Any, options: BackendOptions) -> Any:
    """Change those flags of a file's normalizer that the class takes from its own options."""
    if options.mode == "plain" or not isinstance(normalizer, dict) or normalizer.get("type") != "BertNormalizer":
        return normalizer
    flags = {"lowercase": options.do_lower_case, "strip_accents": options.strip_accents}
    if options.mode == "bert":
        flags["handle_chinese_chars"] = options.tokenize_chinese_chars
    return {**normalizer, **flags}


def _fields(value: Any, where: str, **fits: Callable[[object], bool]) -> list[Any]:
    """Read a step's fields, which must be those and no others, each of its kind."""
    unknown = value.keys() - {"type", *fits}
    if unknown:
        raise VocabularyError(
            f"tokenizer.json: the {where} {value['type']}: {min(unknown)!r:.40} is not a field that can be followed"
        )
    for name, fit in fits.items():
        if name not in value or not fit(value[name]):
            found = shown(value[name]) if name in value else "nothing"
            raise VocabularyError(
                f"tokenizer.json: the {where} {value['type']}: {name} is of the wrong kind, found {found}"
            )
    return [value[name] for name in fits]


def _kind(value: Any, where: str, table: Collection[str]) -> str:
    """Read the type of a step, which must be one of a table's."""
    kind = as_object(value, f"tokenizer.json: {where}").get("type")
    if not isinstance(kind, str) or kind not in table:
        raise VocabularyError(
            f"tokenizer.json: the {where} {shown(kind)} is not one whose ids can be given exactly; supported are "
            f"{', '.join(table)}"
        )
    return kind


# normalizers


def _normalizer(value: Any, options: BackendOptions, depth: int = 0) -> Normalizer | None:
    if value is None:
        return None
    return NORMALIZERS[_kind(value, "normalizer", NORMALIZERS)](value, options, depth)


def _bert_normalizer(value: Any, options: BackendOptions, depth: int) -> Normalizer:
    clean, ideographs, strip, lower = _fields(
        value,
        "normalizer",
        clean_text=is_flag,
        handle_chinese_chars=is_flag,
        strip_accents=or_null(is_flag),
        lowercase=is_flag,
    )
    strip = lower if strip is None else strip
    return BertNormalizer(
        clean=clean, ideographs=ideographs, decompose=strip, strip=strip, lower=lower, unicode=options.unicode
    )


def _lowercase(value: Any, options: BackendOptions, depth: int) -> Normalizer:
    _fields(value, "normalizer")
    return BertNormalizer(
        clean=False, ideographs=False, decompose=False, strip=False, lower=True, unicode=options.unicode
    )


def _nfd(value: Any, options: BackendOptions, depth: int) -> Normalizer:
    _fields(value, "normalizer")
    return BertNormalizer(
        clean=False, ideographs=False, decompose=True, strip=False, lower=False, unicode=options.unicode
    )


def _normalizers(value: Any, options: BackendOptions, depth: int) -> Normalizer:
    (steps,) = _fields(value, "normalizer", normalizers=lambda steps: isinstance(steps, list))
    _check_depth(depth)
    return Normalizers([step for each in steps if (step := _normalizer(each, options, depth + 1)) is not None])


NORMALIZERS: dict[str, Callable[[Any, BackendOptions, int], Normalizer]] = {
    "BertNormalizer": _bert_normalizer,
    "Lowercase": _lowercase,
    "NFD": _nfd,
    "Sequence": _normalizers,
}


def _check_depth(depth: int) -> None:
    if depth >= _DEEPEST:
        raise VocabularyError(f"tokenizer.json: sequences stand inside each other more than {_DEEPEST} deep")


# pre-tokenizers


def _check_roformer(spec: Mapping[str, Any]) -> None:
    """Refuse what ``RoFormerTokenizerFast`` would cut otherwise than the file says, or does not open."""
    for step, wanted in _WRITTEN_BY_ROFORMER.items():
        value = spec[step]
        kind = value.get("type") if isinstance(value, dict) else value
        if kind != wanted:
            raise VocabularyError(
                f"tokenizer.json: the {step} {shown(kind)} is not what RoFormerTokenizerFast writes, {wanted}; "
                + advice(python="mode='plain'", command="--tokenizer plain")
                + " follows the file as it stands"
            )


# what the class writes; the pre-tokenizer stands in the place of its own, which no file can hold
_WRITTEN_BY_ROFORMER = {"model": "WordPiece", "pre_tokenizer": "BertPreTokenizer", "normalizer": "BertNormalizer"}


def _cutter(value: Any, options: BackendOptions) -> PreTokenizer | None:
    return WordsPreTokenizer(options.open_segmenter()) if options.mode == "fast" else _pre_tokenizer(value, options)


def _pre_tokenizer(value: Any, options: BackendOptions, depth: int = 0) -> PreTokenizer | None:
    if value is None:
        return None
    return PRE_TOKENIZERS[_kind(value, "pre_tokenizer", PRE_TOKENIZERS)](value, options, depth)


def _bert_pre_tokenizer(value: Any, options: BackendOptions, depth: int) -> PreTokenizer:
    _fields(value, "pre_tokenizer")
    return cutting.BertPreTokenizer(options.unicode)


def _whitespace(value: Any, options: BackendOptions, depth: int) -> PreTokenizer:
    _fields(value, "pre_tokenizer")
    return cutting.whitespace_words(options.unicode)


def _whitespace_split(value: Any, options: BackendOptions, depth: int) -> PreTokenizer:
    _fields(value, "pre_tokenizer")
    return cutting.at_characters(WHITE_SPACE.__contains__, "Removed")


def _punctuation(value: Any, options: BackendOptions, depth: int) -> PreTokenizer:
    (behavior,) = _fields(value, "pre_tokenizer", behavior=_is_behavior)
    return cutting.at_characters(cutting.is_punctuation(options.unicode), behavior)


def _digits(value: Any, options: BackendOptions, depth: int) -> PreTokenizer:
    (each,) = _fields(value, "pre_tokenizer", individual_digits=is_flag)
    return cutting.at_characters(cutting.is_number(options.unicode), "Isolated" if each else "Contiguous")


def _delimiter(value: Any, options: BackendOptions, depth: int) -> PreTokenizer:
    (delimiter,) = _fields(
        value, "pre_tokenizer", delimiter=lambda text: is_text(text) and isinstance(text, str) and len(text) == 1
    )
    return cutting.at_characters(lambda character: character == delimiter, "Removed")


def _fixed_length(value: Any, options: BackendOptions, depth: int) -> PreTokenizer:
    (length,) = _fields(value, "pre_tokenizer", length=is_length)
    return cutting.of_length(length)


def _split(value: Any, options: BackendOptions, depth: int) -> PreTokenizer:
    if isinstance(value.get("pattern"), dict) and "Regex" in value["pattern"]:
        raise VocabularyError(
            "tokenizer.json: the pre_tokenizer Split cuts by a regular expression, so its ids cannot be given "
            "exactly; a Split by a string is followed"
        )
    pattern, behavior, invert = _fields(
        value, "pre_tokenizer", pattern=_is_pattern, behavior=_is_behavior, invert=is_flag
    )
    return cutting.at_string(pattern["String"], behavior, invert)


def _pre_tokenizers(value: Any, options: BackendOptions, depth: int) -> PreTokenizer:
    (steps,) = _fields(value, "pre_tokenizer", pretokenizers=lambda steps: isinstance(steps, list))
    _check_depth(depth)
    return cutting.in_turn([step for each in steps if (step := _pre_tokenizer(each, options, depth + 1)) is not None])


def _is_behavior(value: object) -> bool:
    return isinstance(value, str) and value in cutting.BEHAVIORS


def _is_pattern(value: object) -> bool:
    """Tell whether it is a literal string; regular expressions of another library cannot be followed exactly."""
    return isinstance(value, dict) and value.keys() == {"String"} and _is_string(value["String"])


def _is_string(value: object) -> bool:
    return isinstance(value, str)


PRE_TOKENIZERS: dict[str, Callable[[Any, BackendOptions, int], PreTokenizer]] = {
    "BertPreTokenizer": _bert_pre_tokenizer,
    "Whitespace": _whitespace,
    "WhitespaceSplit": _whitespace_split,
    "Punctuation": _punctuation,
    "Digits": _digits,
    "CharDelimiterSplit": _delimiter,
    "FixedLength": _fixed_length,
    "Split": _split,
    "Sequence": _pre_tokenizers,
}

# models


def _model(value: Any, table: TokenTable) -> tuple[str, int | None, Model]:
    """Build the model; with it the token of unknown words, and the most characters of a word."""
    if _kind(value, "model", MODELS) == "WordLevel":
        (unknown,) = _fields(value, "model", unk_token=_is_string)
        return unknown, None, WordLevel(table.vocabulary.index)
    unknown, prefix, longest = _fields(
        value,
        "model",
        unk_token=_is_string,
        continuing_subword_prefix=_is_string,
        max_input_chars_per_word=is_length,
    )
    if prefix != PREFIX:
        raise VocabularyError(
            f"tokenizer.json: the pieces of words of the model WordPiece begin with {shown(prefix)}; only {PREFIX!r} "
            "is supported"
        )
    return unknown, longest, WordPiece(table.vocabulary.index, longest)


MODELS = {"WordPiece": WordPiece, "WordLevel": WordLevel}

# post-processors and decoders


def _post_processor(value: Any, table: TokenTable) -> Template:
    if value is None:
        return Template.of_nothing()
    if _kind(value, "post_processor", POST_PROCESSORS) == "BertProcessing":
        sep, cls = _fields(value, "post_processor", sep=_is_token, cls=_is_token)
        slots = _checked([(*cls, 0), (*sep, 0)], table)
        return Template.of_bert(slots[0][:2], slots[1][:2])
    single, pair, tokens = _fields(
        value,
        "post_processor",
        single=lambda pieces: isinstance(pieces, list),
        pair=lambda pieces: isinstance(pieces, list),
        special_tokens=lambda tokens: isinstance(tokens, dict),
    )
    return Template(_slots(single, "A", tokens, table), _slots(pair, "AB", tokens, table))


POST_PROCESSORS = ("TemplateProcessing", "BertProcessing")


def _is_token(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and is_text(value[0]) and is_id(value[1])


def _checked(slots: list[tuple[str, int, int]], table: TokenTable) -> list[tuple[str, int, int]]:
    for token, index, _ in slots:
        if table.token_of(index) is None:
            raise VocabularyError(
                f"tokenizer.json: the post_processor gives {token!r:.80} the id {index}, and there is no such id among "
                f"the {len(table)} tokens"
            )
    return slots


def _slots(pieces: list[Any], texts: str, tokens: dict[str, Any], table: TokenTable) -> list[Slot]:
    """Read the slots of a row; each of the texts must stand in it once, in order."""
    where = "tokenizer.json: post_processor TemplateProcessing"
    slots: list[Slot] = []
    seen: list[str] = []
    for piece in pieces:
        name, fields = next(iter(as_object(piece, where).items()), ("", {}))
        label, type_id = (as_object(fields, where).get(key) for key in ("id", "type_id"))
        if len(piece) != 1 or name not in ("Sequence", "SpecialToken") or not is_text(label) or not is_id(type_id):
            raise VocabularyError(f"{where}: a piece must be a Sequence or a SpecialToken with an id and a type_id")
        if name == "Sequence":
            slots.append((len(seen), type_id))
            seen.append(label)
            continue
        entry = as_object(tokens.get(label), f"{where}: special_tokens {label!r:.80}")
        if entry.keys() != {"id", "ids", "tokens"}:
            raise VocabularyError(f"{where}: special_tokens {label!r:.80} must hold id, ids and tokens")
        ids, names = (as_list(entry.get(key), f"{where}: special_tokens {label!r:.80}") for key in ("ids", "tokens"))
        if len(ids) != len(names) or not all(map(is_id, ids)) or not all(map(is_text, names)):
            raise VocabularyError(f"{where}: ids and tokens of {label!r:.80} must be equally many numbers and texts")
        slots += _checked([(token, index, type_id) for token, index in zip(names, ids, strict=True)], table)
    if seen != list(texts):
        raise VocabularyError(
            f"{where}: a row must hold the texts {', '.join(texts)} once and in order, found {', '.join(seen)!r:.40}"
        )
    return slots


def _decoder(value: Any) -> tuple[bool, bool]:
    """Tell whether ids become text with word pieces joined, and without spaces before punctuation."""
    if not isinstance(value, dict) or value.get("type") != "WordPiece" or value.get("prefix") != PREFIX:
        return False, False
    return True, value.get("cleanup") is not False
