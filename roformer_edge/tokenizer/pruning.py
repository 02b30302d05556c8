"""Leave out of a vocabulary what a corpus does not need, without changing a single id of the corpus but in number.

Whether a text gets the same tokens depends on what is found in the vocabulary, and on what is not: a word that is found
stays whole, and the longest piece that is found is taken. So the vocabulary is watched while the corpus is encoded, and
every token that was ever found is kept, whether it became one of the text or not. What was not found cannot be missed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from roformer_edge.errors import VocabularyError
from roformer_edge.tokenizer.base import Tokenizer
from roformer_edge.tokenizer.loading import from_settings
from roformer_edge.tokenizer.models import PREFIX
from roformer_edge.tokenizer.settings import ADDED, PIPELINE
from roformer_edge.tokenizer.vocab import Vocabulary

_POST_PROCESSOR = "post_processor"


@dataclass(frozen=True, kw_only=True)
class Pruned:
    """A tokenizer with fewer tokens.

    Attributes:
        tokenizer: It, with ids from 0 on.
        ids: The former id of every id.
    """

    tokenizer: Tokenizer
    ids: tuple[int, ...]


def prune(tokenizer: Tokenizer, rows: Sequence[tuple[str, str | None]], keep: Iterable[int] = ()) -> Pruned:
    """Keep the tokens that a corpus needs, all single characters, and the special and added tokens.

    Args:
        tokenizer: It stays as it is.
        rows: Texts, each with its pair or without.
        keep: Ids to keep besides.

    Raises:
        TextError: A text that cannot be encoded.
        VocabularyError: A text would be encoded otherwise, which is never to happen.
    """
    settings, words, segmenter = tokenizer.to_settings(), tokenizer._options.words, tokenizer.segmenter
    vocabulary = Vocabulary(tokenizer.vocabulary_bytes)
    vocabulary.index = index = _Watched(vocabulary.index)
    watching = from_settings(settings, vocabulary, words, segmenter)
    kept = {*keep, *tokenizer.all_special_ids, *tokenizer.added_tokens_decoder}
    kept.update(tokenizer.build_inputs_with_special_tokens([]), tokenizer.build_inputs_with_special_tokens([], []))
    for row in rows:
        kept.update(watching.encode_text(*row).ids)
    kept.update(_ids_in((settings[PIPELINE] or {}).get(_POST_PROCESSOR)))
    kept.update(at for token, at in index.items() if token in index.found or _is_character(token))
    ids = tuple(sorted(kept))
    new = {old: at for at, old in enumerate(ids)}
    settings[ADDED] = {str(new[int(at)]): token for at, token in settings[ADDED].items()}
    if settings[PIPELINE] is not None and _POST_PROCESSOR in settings[PIPELINE]:
        steps = _renumbered(settings[PIPELINE][_POST_PROCESSOR], new.__getitem__)
        settings[PIPELINE] = {**settings[PIPELINE], _POST_PROCESSOR: steps}
    # ids behind those of the vocabulary are those of added tokens
    tokens = [vocabulary.tokens[at] for at in ids if at < len(vocabulary.tokens)]
    pruned = from_settings(settings, Vocabulary.from_tokens(tokens), words, segmenter)
    for row in rows:
        if [ids[at] for at in pruned.encode_text(*row).ids] != tokenizer.encode_text(*row).ids:
            raise VocabularyError(f"without the tokens that no text needs, {row[0]!r:.80} would have other tokens")
    return Pruned(tokenizer=pruned, ids=ids)


class _Watched(dict[str, int]):
    """Ids by token, which note what was found."""

    def __init__(self, index: dict[str, int]) -> None:
        super().__init__(index)
        self.found: set[str] = set()

    def __contains__(self, token: object) -> bool:
        return self.get(token) is not None

    def __getitem__(self, token: str) -> int:
        self.found.add(token)
        return super().__getitem__(token)

    def get(self, token: Any, default: Any = None) -> Any:
        """Look up an id, and note that it was there."""
        at = super().get(token)
        if at is None:
            return default
        self.found.add(token)
        return at


def _is_character(token: str) -> bool:
    return len(token.removeprefix(PREFIX)) == 1


def _ids_in(value: Any) -> list[int]:
    found: list[int] = []

    def note(at: int) -> int:
        found.append(at)
        return at

    _renumbered(value, note)
    return found


def _renumbered(value: Any, number: Callable[[int], int]) -> Any:
    """Give the ids in a post-processor other numbers: they stand in lists of ``ids``, and behind their tokens."""
    if isinstance(value, list):
        if len(value) == 2 and isinstance(value[0], str) and type(value[1]) is int:
            return [value[0], number(value[1])]
        return [_renumbered(part, number) for part in value]
    if isinstance(value, dict):
        return {
            key: [number(at) for at in part] if key == "ids" else _renumbered(part, number)
            for key, part in value.items()
        }
    return value
