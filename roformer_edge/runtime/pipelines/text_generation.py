"""Text generation: a prompt in, its continuation out, token by token."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from roformer_edge.config import RoFormerConfig
from roformer_edge.errors import OptionError, TextTooLongError
from roformer_edge.runtime.decoding import CachedRows
from roformer_edge.runtime.inference import DecodingTokenizer, EncodedRow, Limits, Outputs
from roformer_edge.runtime.packing import pack_by_length
from roformer_edge.runtime.pipelines.base import Pipeline, check_count, known_token
from roformer_edge.runtime.session import Session
from roformer_edge.runtime.texts import check_text
from roformer_edge.sampling import Sampling, join_tokens


@dataclass(frozen=True, kw_only=True)
class Generated:
    """A prompt and what was written after it.

    Attributes:
        text: The prompt and its continuation; of a RoFormer-sim, which writes another sentence, that alone.
        new_text: The continuation, special tokens left out.
        ids: The ids of the continuation, without the one that ended it.
        ended: Whether a stop token ended it; false where it reached ``max_new_tokens`` or the model's length.
    """

    text: str
    new_text: str
    ids: tuple[int, ...]
    ended: bool


class _Row:
    """A prompt that grows."""

    def __init__(self, prompt: str, ids: Sequence[int], new_type: int, random: np.random.Generator | None) -> None:
        self.prompt = prompt
        self.ids = list(ids)
        self.new_type = new_type
        self.random = random
        self.ended = False
        self._start = len(ids)

    @property
    def type_ids(self) -> Sequence[int]:
        return [0] * self._start + [self.new_type] * (len(self.ids) - self._start)

    @property
    def new_ids(self) -> tuple[int, ...]:
        return tuple(self.ids[self._start :])

    def add(self, token: int, stops: Collection[int]) -> None:
        self.ended = token in stops
        if not self.ended:
            self.ids.append(token)

    def goes_on(self, most: int, max_length: int) -> bool:
        # the model reads all of these for the next one
        return not self.ended and len(self.ids) - self._start < most and len(self.ids) <= max_length


# adds to a row what its logits say, and tells whether the row goes on
_Choose = Callable[[_Row, NDArray[np.float32]], bool]


class TextGenerator(Pipeline):
    """Continues prompts; see :class:`~roformer_edge.runtime.pipelines.base.Pipeline` for what it is made of.

    Keys and values are kept from step to step, so that a token costs the work of one token. A graph for fixed lengths
    keeps nothing, and computes all tokens anew for each. Prompts of different length are computed together, and a
    continuation does not depend on what else is computed.

    A RoFormer-sim (``config.prefix_lm``) sees all of a prompt at once, its ``[SEP]`` included, and writes a sentence
    that is similar to it.

    Attributes:
        prefix_lm: Whether the model is one of these.

    Raises:
        VocabularyError: The tokenizer has no separator token, which ends a text.
    """

    task = "text-generation"

    def __init__(
        self, session: Session, tokenizer: DecodingTokenizer, config: RoFormerConfig, *, limits: Limits | None = None
    ) -> None:
        super().__init__(session, tokenizer, config, limits=limits)
        self._decoder = tokenizer
        self.prefix_lm = bool(config.prefix_lm)
        self._separator = known_token(tokenizer.sep_token_id, "separator", self.task)

    @overload
    def __call__(
        self,
        prompts: str,
        *,
        max_new_tokens: int = 20,
        do_sample: bool = False,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        repetition_penalty: float = 1.0,
        seed: int | None = None,
        stop_token_ids: Collection[int] | None = None,
        batch_size: int | None = None,
    ) -> Generated: ...
    @overload
    def __call__(
        self,
        prompts: list[str],
        *,
        max_new_tokens: int = 20,
        do_sample: bool = False,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        repetition_penalty: float = 1.0,
        seed: int | None = None,
        stop_token_ids: Collection[int] | None = None,
        batch_size: int | None = None,
    ) -> list[Generated]: ...
    @overload
    def __call__(
        self,
        prompts: Iterator[str],
        *,
        max_new_tokens: int = 20,
        do_sample: bool = False,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        repetition_penalty: float = 1.0,
        seed: int | None = None,
        stop_token_ids: Collection[int] | None = None,
        batch_size: int | None = None,
    ) -> Iterator[Generated]: ...

    def __call__(
        self,
        prompts: str | Iterable[str],
        *,
        max_new_tokens: int = 20,
        do_sample: bool = False,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        repetition_penalty: float = 1.0,
        seed: int | None = None,
        stop_token_ids: Collection[int] | None = None,
        batch_size: int | None = None,
    ) -> Any:
        """Continue one prompt, or many.

        The tokens of a prompt are ``[CLS]`` and those of its text, and ``[SEP]`` where another sentence follows. A
        continuation ends with a stop token, after ``max_new_tokens``, or when the model takes no more tokens.

        Args:
            prompts: A ``str``; a list (or other collection) of such; or an iterator.
            max_new_tokens: How many tokens to add at most.
            do_sample: Draw tokens at random, instead of taking the most likely one each time.
            temperature: See :class:`~roformer_edge.sampling.Sampling`, as for the next three.
            top_k: See there.
            top_p: See there.
            repetition_penalty: See there.
            seed: The seed of the randomness. Every prompt begins with it anew, so what is drawn does not depend on the
                prompts around it, and equal prompts are continued alike; ``None`` for other tokens each time.
            stop_token_ids: Tokens that end a continuation; ``None`` for ``[SEP]`` alone.
            batch_size: The most prompts that are computed at once; ``None`` for as many as change no answer.

        Raises:
            TextError: Something is not a text, or holds NUL or a lone surrogate.
            TextTooLongError: A prompt has more tokens than the model takes.
            OptionError: A number is out of range.
            BackendError: The engine failed.
        """
        check_count("max_new_tokens", max_new_tokens)
        if seed is not None and (not isinstance(seed, int) or seed < 0):
            raise OptionError("seed", seed, "a whole number of at least 0, or None")
        sampling = Sampling(
            do_sample=do_sample,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            repetition_penalty=repetition_penalty,
        )
        stops = frozenset((self._separator,) if stop_token_ids is None else _ids(stop_token_ids))

        def read(value: object, where: str) -> _Row:
            prompt = check_text(value, where)
            # the module takes a while to import, which whoever wants the likeliest tokens need not wait for
            random = np.random.default_rng(seed) if do_sample else None
            return _Row(prompt, self._prompt_ids(prompt, where), int(self.prefix_lm), random)

        def respond(rows: Sequence[_Row], size: int) -> list[Generated]:
            def choose(row: _Row, logits: NDArray[np.float32]) -> bool:
                """Add the next token, and tell whether others may follow."""
                row.add(sampling.next_token(logits[: len(self._decoder)], row.ids, row.random), stops)
                return row.goes_on(max_new_tokens, self.max_length)

            (self._write_cached if self._model.cached else self._write)(rows, size, choose)
            return [self._generated(row) for row in rows]

        return self._respond(prompts, read, respond, batch_size)

    def _prompt_ids(self, prompt: str, where: str) -> Sequence[int]:
        ids = self._model.tokenizer.encode_text(prompt).ids
        if not self.prefix_lm:
            ids = ids[:-1]  # without the [SEP] at its end: the model is to go on
        if len(ids) > self.max_length:
            raise TextTooLongError(
                f"{where} has {len(ids)} tokens, special tokens included, and the model takes {self.max_length} at "
                "most; shorten it"
            )
        return ids

    def _write_cached(self, rows: Sequence[_Row], size: int, choose: _Choose) -> None:
        """Write rows on, a batch at a time; each step computes the new token of every row."""
        lengths = [len(row.ids) for row in rows]
        size = min(size, self._model.most_rows or size)
        for batch in pack_by_length(lengths, size, self._model.limits.token_budget):
            active = [rows[index] for index in batch]
            cached = CachedRows(self._model, active, int(self.prefix_lm))
            while True:
                going_on = [place for place, row in enumerate(active) if choose(row, cached.logits[place])]
                if not going_on:
                    break
                if len(going_on) < len(active):
                    active = [active[place] for place in going_on]
                    cached.keep(going_on)
                cached.add([row.ids[-1] for row in active])

    def _write(self, rows: Sequence[_Row], size: int, choose: _Choose) -> None:
        """Write rows on with a graph that keeps nothing: each step computes all tokens anew."""
        active = list(rows)
        while active:
            outputs = self._model.run(active, size, _copied, positions=lambda row: [len(row.ids) - 1])
            chosen = [choose(row, output["logits"][0]) for row, output in zip(active, outputs, strict=True)]
            active = [row for row, goes_on in zip(active, chosen, strict=True) if goes_on]

    def _generated(self, row: _Row) -> Generated:
        special = frozenset(self._decoder.all_special_ids)
        shown = [index for index in row.new_ids if index not in special]
        prompt = "" if self.prefix_lm else row.prompt
        new_text = join_tokens(self._decoder.convert_ids_to_tokens(shown), before=prompt)
        return Generated(text=prompt + new_text, new_text=new_text, ids=row.new_ids, ended=row.ended)


def _copied(row: EncodedRow, outputs: Outputs) -> Outputs:
    """Let go of the batch that the outputs are a part of."""
    return {name: values.copy() for name, values in outputs.items()}


def _ids(value: Collection[int]) -> Collection[int]:
    """Refuse what is no collection of ids: a text among them would stop nothing."""
    if not isinstance(value, Collection) or not all(isinstance(item, (int, np.integer)) for item in value):
        raise OptionError("stop_token_ids", value, "a list of token ids, or None for the separator alone")
    return value
