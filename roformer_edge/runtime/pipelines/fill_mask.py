"""Fill-mask: a text with ``[MASK]`` in it in, the most probable tokens for its place out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from roformer_edge.config import RoFormerConfig
from roformer_edge.errors import TextError
from roformer_edge.records import Result
from roformer_edge.runtime.inference import DecodingTokenizer, EncodedRow, Limits, OffsetEncoding, Outputs
from roformer_edge.runtime.pipelines.base import Pipeline, check_count, known_token
from roformer_edge.runtime.session import Session
from roformer_edge.runtime.texts import check_text
from roformer_edge.scores import largest, softmax


@dataclass(frozen=True, kw_only=True)
class Filled(Result):
    """One token for one mask.

    Attributes:
        token: The token as it stands in the vocabulary; ``##`` in front means that it continues a word.
        token_id: Its id.
        score: Its probability among all tokens.
        text: The text with this mask filled; other masks stay.
    """

    token: str
    token_id: int
    score: float
    text: str


@dataclass(frozen=True)
class _Masked:
    """A text that holds masks, and where it does: ``places`` are characters."""

    text: str
    encoding: OffsetEncoding
    places: tuple[tuple[int, int], ...]


class FillMask(Pipeline):
    """Answers texts with tokens; see :class:`~roformer_edge.runtime.pipelines.base.Pipeline` for what it is made of.

    Raises:
        VocabularyError: The tokenizer has no mask token.
    """

    task = "fill-mask"

    def __init__(
        self, session: Session, tokenizer: DecodingTokenizer, config: RoFormerConfig, *, limits: Limits | None = None
    ) -> None:
        super().__init__(session, tokenizer, config, limits=limits)
        self._decoder = tokenizer
        self._mask = known_token(tokenizer.mask_token_id, "mask", self.task)

    @overload
    def __call__(
        self, texts: str, top_k: int = 5, *, batch_size: int | None = None, truncation: bool = False
    ) -> list[Filled] | list[list[Filled]]: ...
    @overload
    def __call__(
        self, texts: list[str], top_k: int = 5, *, batch_size: int | None = None, truncation: bool = False
    ) -> list[list[Filled] | list[list[Filled]]]: ...
    @overload
    def __call__(
        self, texts: Iterator[str], top_k: int = 5, *, batch_size: int | None = None, truncation: bool = False
    ) -> Iterator[list[Filled] | list[list[Filled]]]: ...

    def __call__(
        self, texts: str | Iterable[str], top_k: int = 5, *, batch_size: int | None = None, truncation: bool = False
    ) -> Any:
        """Fill the masks of one text, or of many.

        Args:
            texts: A ``str`` that holds the tokenizer's mask token once or several times; a list (or other
                collection) of such; or an iterator.
            top_k: How many tokens for each mask.
            batch_size: The most texts that are computed at once; ``None`` for as many as change no answer.
            truncation: Cut texts that are longer than the model allows, instead of refusing them.

        Returns:
            For one text with one mask a list, best first; for several masks a list of those, in their order. The masks
            are filled independently of each other. A list or a generator of such for many texts.

        Raises:
            TextError: Something is not a text, holds NUL or a lone surrogate, or holds no mask.
            TextTooLongError: A text has more tokens than the model takes, and ``truncation`` is not set.
            OptionError: ``top_k`` or ``batch_size`` is not a whole number of at least 1.
            BackendError: The engine failed.
        """
        check_count("top_k", top_k)

        def read(value: object, where: str) -> _Masked:
            return self._find_masks(check_text(value, where), where, truncation=truncation)

        def respond(masked: Sequence[_Masked], size: int) -> Iterator[list[Filled] | list[list[Filled]]]:
            encodings = [item.encoding for item in masked]
            rows = self._model.run(encodings, size, self._known, positions=self._mask_places)
            return (self._answer(item, row["logits"], top_k) for item, row in zip(masked, rows, strict=True))

        return self._respond(texts, read, respond, batch_size)

    def _find_masks(self, text: str, where: str, *, truncation: bool) -> _Masked:
        encoding = self._model.encode(text, truncation=truncation, where=where)
        offsets = encoding.offsets
        places = tuple(offsets[index] for index, token in enumerate(encoding.ids) if token == self._mask)
        if not places:
            cut = ", or none before the cut," if truncation else ""
            raise TextError(
                f"{where} holds no {self._decoder.mask_token}{cut} and nothing else is filled; write it where a word "
                f"is missing: {text!r:.60}"
            )
        return _Masked(text, encoding, places)

    def _mask_places(self, encoding: EncodedRow) -> Sequence[int]:
        return [index for index, token in enumerate(encoding.ids) if token == self._mask]

    def _known(self, encoding: EncodedRow, outputs: Outputs) -> Outputs:
        """Leave out the logits of ids that no token has, and let go of the batch."""
        return {"logits": outputs["logits"][:, : len(self._decoder)].copy()}

    def _answer(self, masked: _Masked, logits: NDArray[np.float32], top_k: int) -> list[Filled] | list[list[Filled]]:
        scores = softmax(logits.astype(np.float64))
        filled = [self._best(masked.text, place, row, top_k) for place, row in zip(masked.places, scores, strict=True)]
        return filled[0] if len(filled) == 1 else filled

    def _best(self, text: str, place: tuple[int, int], scores: NDArray[np.float64], top_k: int) -> list[Filled]:
        start, end = place
        best = [int(index) for index in largest(scores, top_k)]
        return [
            Filled(
                token=token,
                token_id=index,
                score=float(scores[index]),
                text=text[:start] + token.removeprefix("##") + text[end:],
            )
            for index, token in zip(best, self._decoder.convert_ids_to_tokens(best), strict=True)
        ]
