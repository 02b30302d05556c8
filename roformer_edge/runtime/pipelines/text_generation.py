"""Text generation: a prompt in, its continuation out, token by token."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypedDict, overload

import numpy as np
from numpy.typing import NDArray

from roformer_edge.beams import BeamOptions, Beams, Finished
from roformer_edge.config import RoFormerConfig
from roformer_edge.errors import OptionError, TextTooLongError
from roformer_edge.records import Result
from roformer_edge.runtime.decoding import CachedRows, GrowingRows, WholeRows
from roformer_edge.runtime.inference import DecodingTokenizer, Limits
from roformer_edge.runtime.packing import pack_by_length
from roformer_edge.runtime.pipelines.base import Pipeline, check_count, known_token
from roformer_edge.runtime.session import Session
from roformer_edge.runtime.texts import check_text
from roformer_edge.sampling import Sampling, join_tokens

if TYPE_CHECKING:
    from typing_extensions import Unpack


@dataclass(frozen=True, kw_only=True)
class Generated(Result):
    """A prompt and what was written after it.

    Attributes:
        text: The prompt and its continuation; of a RoFormer-sim, which writes another sentence, that alone.
        new_text: The continuation, special tokens left out.
        ids: The ids of the continuation, without the one that ended it.
        ended: Whether a stop token ended it; false where it reached ``max_new_tokens`` or the model's length.
        score: The score of a continuation that beams found (:class:`~roformer_edge.beams.BeamOptions`); ``None`` where
            one token was chosen at a time.
    """

    text: str
    new_text: str
    ids: tuple[int, ...]
    ended: bool
    score: float | None = None


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


class GenerationOptions(TypedDict, total=False):
    """The options of :meth:`TextGenerator.__call__` that do not change the kind of its answer."""

    max_new_tokens: int
    do_sample: bool
    temperature: float
    top_k: int
    top_p: float
    repetition_penalty: float
    no_repeat_ngram_size: int
    num_beams: int
    length_penalty: float
    early_stopping: bool | str
    seed: int | None
    stop_token_ids: Collection[int] | None
    batch_size: int | None


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """What is asked of a call.

    Attributes:
        most: The most tokens of a continuation.
        sampling: How a token is chosen.
        seed: The seed of what is drawn.
        stops: Tokens that end a continuation.
        beams: How many are followed at once.
        count: How many continuations a prompt is given.
    """

    most: int
    sampling: Sampling
    seed: int | None
    stops: Collection[int]
    beams: BeamOptions = field(default_factory=BeamOptions)
    count: int = 1

    def __post_init__(self) -> None:
        check_count("max_new_tokens", self.most)
        check_count("num_return_sequences", self.count)
        if self.seed is not None and (not isinstance(self.seed, int) or self.seed < 0):
            raise OptionError("seed", self.seed, "a whole number of at least 0, or None")
        width = self.beams.num_beams
        if width > 1 and self.sampling.do_sample:
            raise OptionError("do_sample", True, "False with num_beams: beams follow the likeliest continuations")
        if self.count > width and not self.sampling.do_sample:
            raise OptionError("num_return_sequences", self.count, f"at most num_beams ({width}) where nothing is drawn")

    def random(self, number: int) -> np.random.Generator | None:
        """Make the source of randomness of one of the continuations of a prompt."""
        # the module takes a while to import, which whoever wants the likeliest tokens need not wait for
        if not self.sampling.do_sample:
            return None
        return np.random.default_rng(self.seed if self.seed is None or number == 0 else (self.seed, number))


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
        separator = known_token(tokenizer.sep_token_id, "separator", self.task)
        self._default_stops = frozenset(config.stop_token_ids or (separator,))

    @overload
    def __call__(
        self, prompts: str, *, num_return_sequences: None = None, **options: Unpack[GenerationOptions]
    ) -> Generated: ...
    @overload
    def __call__(
        self, prompts: str, *, num_return_sequences: int, **options: Unpack[GenerationOptions]
    ) -> list[Generated]: ...
    @overload
    def __call__(
        self, prompts: list[str], *, num_return_sequences: None = None, **options: Unpack[GenerationOptions]
    ) -> list[Generated]: ...
    @overload
    def __call__(
        self, prompts: list[str], *, num_return_sequences: int, **options: Unpack[GenerationOptions]
    ) -> list[list[Generated]]: ...
    @overload
    def __call__(
        self, prompts: Iterator[str], *, num_return_sequences: None = None, **options: Unpack[GenerationOptions]
    ) -> Iterator[Generated]: ...
    @overload
    def __call__(
        self, prompts: Iterator[str], *, num_return_sequences: int, **options: Unpack[GenerationOptions]
    ) -> Iterator[list[Generated]]: ...

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
        no_repeat_ngram_size: int = 0,
        num_beams: int = 1,
        num_return_sequences: int | None = None,
        length_penalty: float = 1.0,
        early_stopping: bool | str = False,
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
            no_repeat_ngram_size: See there.
            num_beams: How many continuations are followed at once, for one that is likely as a whole; 1 takes the
                likeliest token each time.
            num_return_sequences: ``None`` for one continuation of a prompt; a number for a list of so many: the best of
                the beams, or as many that are drawn.
            length_penalty: See :class:`~roformer_edge.beams.BeamOptions`, as for the next; of several beams.
            early_stopping: See there.
            seed: The seed of the randomness. Every prompt begins with it anew, so what is drawn does not depend on the
                prompts around it, and equal prompts are continued alike; ``None`` for other tokens each time.
            stop_token_ids: Tokens that end a continuation; ``None`` for those of the model's config
                (``eos_token_id``), or else ``[SEP]`` alone.
            batch_size: The most prompts that are computed at once; ``None`` for as many as change no answer. The beams
                of a prompt are computed together.

        Raises:
            TextError: Something is not a text, or holds NUL or a lone surrogate.
            TextTooLongError: A prompt has more tokens than the model takes.
            OptionError: A number is out of range, or two options exclude each other.
            BackendError: The engine failed.
        """
        sampling = Sampling(
            do_sample=do_sample,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            repetition_penalty=repetition_penalty,
            no_repeat_ngram_size=no_repeat_ngram_size,
        )
        plan = _Plan(
            most=max_new_tokens,
            sampling=sampling,
            seed=seed,
            stops=self._stops(stop_token_ids),
            beams=BeamOptions(num_beams=num_beams, length_penalty=length_penalty, early_stopping=early_stopping),
            count=1 if num_return_sequences is None else num_return_sequences,
        )

        def read(value: object, where: str) -> list[_Row]:
            return self._read(value, where, plan)

        def respond(asked: Sequence[Sequence[_Row]], size: int) -> Iterator[Generated | list[Generated]]:
            answers = (self._search if num_beams > 1 else self._write_all)(asked, size, plan)
            return (found[0] if num_return_sequences is None else found for found in answers)

        return self._respond(prompts, read, respond, batch_size)

    def stream(
        self,
        prompt: str,
        *,
        max_new_tokens: int = 20,
        do_sample: bool = False,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        repetition_penalty: float = 1.0,
        no_repeat_ngram_size: int = 0,
        seed: int | None = None,
        stop_token_ids: Collection[int] | None = None,
    ) -> Iterator[str]:
        """Continue one prompt, piece by piece: a token is given as soon as it is known.

        Args:
            prompt: The prompt.
            max_new_tokens: See :meth:`__call__`, as for all that follow.
            do_sample: See there.
            temperature: See there.
            top_k: See there.
            top_p: See there.
            repetition_penalty: See there.
            no_repeat_ngram_size: See there.
            seed: See there.
            stop_token_ids: See there.

        Returns:
            Texts that are the ``new_text`` of :class:`Generated` when they are joined. Nothing is computed before the
            next is asked for.

        Raises:
            TextError: It is not a text, or holds NUL or a lone surrogate.
            TextTooLongError: It has more tokens than the model takes.
            OptionError: A number is out of range.
            BackendError: While iterating: the engine failed.
        """
        sampling = Sampling(
            do_sample=do_sample,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            repetition_penalty=repetition_penalty,
            no_repeat_ngram_size=no_repeat_ngram_size,
        )
        plan = _Plan(most=max_new_tokens, sampling=sampling, seed=seed, stops=self._stops(stop_token_ids))
        (row,) = self._read(prompt, "the text", plan)
        return self._pieces(row, self._chooser(plan))

    def _read(self, value: object, where: str, plan: _Plan) -> list[_Row]:
        """Make a row of a prompt: one for each continuation that is drawn, and one for all beams."""
        prompt = check_text(value, where)
        ids = self._prompt_ids(prompt, where)
        count = plan.count if plan.sampling.do_sample else 1
        return [_Row(prompt, ids, int(self.prefix_lm), plan.random(number)) for number in range(count)]

    def _stops(self, asked: Collection[int] | None) -> Collection[int]:
        return self._default_stops if asked is None else frozenset(_ids(asked))

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

    def _chooser(self, plan: _Plan) -> _Choose:
        vocabulary = len(self._decoder)

        def choose(row: _Row, logits: NDArray[np.float32]) -> bool:
            """Add the next token, and tell whether others may follow."""
            row.add(plan.sampling.next_token(logits[:vocabulary], row.ids, row.random), plan.stops)
            return row.goes_on(plan.most, self.max_length)

        return choose

    def _growing(self, rows: Sequence[_Row]) -> GrowingRows:
        return (CachedRows if self._model.cached else WholeRows)(self._model, rows, int(self.prefix_lm))

    def _pieces(self, row: _Row, choose: _Choose) -> Iterator[str]:
        growing, before, special = self._growing([row]), self._before(row), frozenset(self._decoder.all_special_ids)
        while True:
            goes_on = choose(row, growing.logits[0])
            if not row.ended and row.ids[-1] not in special:
                piece = join_tokens(self._decoder.convert_ids_to_tokens(row.ids[-1:]), before=before)
                before = piece or before
                yield piece
            if not goes_on:
                return
            growing.add(row.ids[-1:])

    def _write_all(self, asked: Sequence[Sequence[_Row]], size: int, plan: _Plan) -> Iterator[list[Generated]]:
        """Write all rows on, a batch at a time; each step computes the new token of every row."""
        rows, choose = [row for group in asked for row in group], self._chooser(plan)
        size = min(size, self._model.most_rows or size)
        for batch in pack_by_length([len(row.ids) for row in rows], size, self._model.limits.token_budget):
            active = [rows[index] for index in batch]
            growing = self._growing(active)
            while True:
                going_on = [place for place, row in enumerate(active) if choose(row, growing.logits[place])]
                if not going_on:
                    break
                active = [active[place] for place in going_on]
                growing.keep(going_on)
                growing.add([row.ids[-1] for row in active])
        return ([self._generated(row) for row in group] for group in asked)

    def _search(self, asked: Sequence[Sequence[_Row]], size: int, plan: _Plan) -> Iterator[list[Generated]]:
        """Search the best continuations of all prompts, a batch at a time."""
        rows, width = [row for group in asked for row in group], plan.beams.num_beams
        found: list[list[Generated]] = [[]] * len(rows)
        budget = max(1, self._model.limits.token_budget // width)
        for batch in pack_by_length([len(row.ids) for row in rows], max(1, size // width), budget):
            growing = self._growing([rows[index] for index in batch])
            searches = [
                Beams(
                    rows[index].ids,
                    plan.beams,
                    plan.sampling,
                    plan.stops,
                    min(plan.most, self.max_length - len(rows[index].ids) + 1),
                )
                for index in batch
            ]
            active = searches
            while active:
                order, at = [], 0
                for search in active:
                    ahead = at + len(search.open)
                    order += [at + former for former in search.advance(growing.logits[at:ahead, : len(self._decoder)])]
                    at = ahead
                active = [search for search in active if search.open]
                if active:
                    growing.keep(order)
                    growing.add([ids[-1] for search in active for ids in search.open])
            for index, search in zip(batch, searches, strict=True):
                found[index] = [self._finished(rows[index], one) for one in search.finished[: plan.count]]
        return iter(found)

    def _before(self, row: _Row) -> str:
        """Return the text that the continuation follows directly."""
        return "" if self.prefix_lm else row.prompt

    def _finished(self, row: _Row, found: Finished) -> Generated:
        return self._answer(row, found.ids, ended=found.ended, score=found.score)

    def _generated(self, row: _Row) -> Generated:
        return self._answer(row, row.new_ids, ended=row.ended)

    def _answer(self, row: _Row, ids: tuple[int, ...], *, ended: bool, score: float | None = None) -> Generated:
        special, before = frozenset(self._decoder.all_special_ids), self._before(row)
        shown = [index for index in ids if index not in special]
        new_text = join_tokens(self._decoder.convert_ids_to_tokens(shown), before=before)
        return Generated(text=before + new_text, new_text=new_text, ids=ids, ended=ended, score=score)


def _ids(value: Collection[int]) -> Collection[int]:
    """Refuse what is no collection of ids: a text among them would stop nothing."""
    if not isinstance(value, Collection) or not all(isinstance(item, (int, np.integer)) for item in value):
        raise OptionError("stop_token_ids", value, "a list of token ids, or None for the separator alone")
    return value
