"""Text generation with the causal model: greedy, by sampling or by beams, with or without a cache, in batches."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from roformer_edge.beams import BeamOptions, Beams
from roformer_edge.checkpoint.settings import GENERATION_NAME
from roformer_edge.config import GENERATION_DEFAULTS, RoFormerConfig
from roformer_edge.errors import TextTooLongError
from roformer_edge.models.generation_options import GenerationConfig, resolve
from roformer_edge.models.stopping import new_tokens, stop_tokens
from roformer_edge.models.torch.outputs import DictOutput
from roformer_edge.sampling import Sampling, repeating
from roformer_edge.temporary import replace_file


@dataclass(frozen=True, kw_only=True)
class Rules(Sampling):
    """What becomes of the logits of a step, in the order of transformers.

    Attributes:
        prompt: The number of tokens of the prompt.
        shortest: The number of tokens before which none of ``stops`` may come, the prompt's included.
        stops: The tokens that end a row.
        processors: Callables that take ids ``[B, T]`` and logits ``[B, V]`` and return logits, after all other rules.
    """

    prompt: int = 0
    shortest: int = 0
    stops: tuple[int, ...] = ()
    processors: tuple[Callable[[Tensor, Tensor], Tensor], ...] = ()

    def adjust(self, logits: NDArray[np.float64], ids: Sequence[int]) -> NDArray[np.float64]:
        """Apply them to the logits of one row in numpy, as a search by beams asks for; see :class:`Sampling`."""
        values = super().adjust(logits, ids)
        if len(ids) < self.shortest and self.stops:
            values = np.array(values)
            values[list(self.stops)] = -np.inf
        for processor in self.processors:
            row = torch.from_numpy(values)[None].float()
            values = processor(torch.tensor([list(ids)]), row)[0].double().numpy()
        return values

    def adjusted(self, logits: Tensor, ids: Tensor) -> Tensor:
        """Apply them to a batch, float ``[B, V]``."""
        logits = adjusted(self, logits, ids)
        if ids.shape[1] < self.shortest and self.stops:
            logits = logits.index_fill(1, torch.tensor(self.stops, device=logits.device), -torch.inf)
        for processor in self.processors:
            logits = processor(ids, logits)
        return filtered(self, logits)


def adjusted(sampling: Sampling, logits: Tensor, ids: Tensor) -> Tensor:
    """Apply the repetition penalty, and take out tokens that would repeat an n-gram."""
    logits = penalise(logits, ids, sampling.repetition_penalty)
    if sampling.no_repeat_ngram_size:
        logits = logits.clone()
        for row, held in zip(logits, ids.tolist(), strict=True):
            row[torch.from_numpy(repeating(held, sampling.no_repeat_ngram_size))] = -torch.inf
    return logits


def filtered(sampling: Sampling, logits: Tensor) -> Tensor:
    """Apply the temperature and keep the likely tokens, where tokens are drawn."""
    if not sampling.do_sample:
        return logits
    return keep_top_p(keep_top_k(logits / sampling.temperature, sampling.top_k), sampling.top_p)


def choose(sampling: Sampling, logits: Tensor, generator: torch.Generator | None) -> Tensor:
    """Take the most likely token of every row, or draw one; int64 ``[B]``."""
    if not sampling.do_sample:
        return logits.argmax(dim=-1)
    return torch.multinomial(F.softmax(logits, dim=-1), 1, generator=generator)[:, 0]


def next_tokens(sampling: Sampling, logits: Tensor, ids: Tensor, generator: torch.Generator | None) -> Tensor:
    """Choose the next token of every row.

    The rules are written again on tensors: in numpy the logits of every step would leave their device, and tokens could
    not be drawn from the caller's generator, so that a seed would give others. tests/test_sampling.py compares the two.

    Args:
        sampling: The rules; the same as :meth:`Sampling.next_token` follows in numpy.
        logits: ``[B, V]``.
        ids: ``[B, T]``, the tokens so far.
        generator: The source of randomness; ``None`` means torch's own.

    Returns:
        int64 ``[B]``.
    """
    return choose(sampling, filtered(sampling, adjusted(sampling, logits, ids)), generator)


def penalise(logits: Tensor, ids: Tensor, penalty: float) -> Tensor:
    """Make the tokens ``ids`` less likely: divide a positive logit by the penalty, multiply a negative one."""
    if penalty == 1.0:
        return logits
    found = logits.gather(1, ids)
    return logits.scatter(1, ids, torch.where(found < 0, found * penalty, found / penalty))


def keep_top_k(logits: Tensor, k: int) -> Tensor:
    """Set all logits below the k-th largest of their row to minus infinity; 0 keeps all."""
    if not 0 < k < logits.shape[-1]:
        return logits
    least = logits.topk(k).values[:, -1:]
    return logits.masked_fill(logits < least, -torch.inf)


def keep_top_p(logits: Tensor, p: float) -> Tensor:
    """Set the logits of all but the fewest tokens whose probabilities sum to at least ``p`` to minus infinity."""
    if p == 1.0:
        return logits
    ascending, order = logits.sort()
    dropped = F.softmax(ascending, dim=-1).cumsum(dim=-1) <= 1 - p
    dropped[:, -1] = False  # the most likely token always stays
    return logits.masked_fill(dropped.scatter(1, order, dropped), -torch.inf)


@dataclass(frozen=True, kw_only=True)
class GenerateOutput(DictOutput):
    """What ``generate`` returns under ``return_dict_in_generate``.

    Attributes:
        sequences: int64 ``[rows, S + new]``.
        sequences_scores: ``[rows]``, of a search by beams: see :class:`~roformer_edge.beams.BeamOptions`.
        scores: For each new token ``[rows, V]``: the logits it was chosen by, after all rules.
        logits: For each new token ``[rows, V]``: as the model gave them.
        past_key_values: The last cache.
    """

    sequences: Tensor
    sequences_scores: Tensor | None = None
    scores: tuple[Tensor, ...] | None = None
    logits: tuple[Tensor, ...] | None = None
    past_key_values: Any = None


class _Batch:
    """The rows that are being continued: everything that grows with a token, and the cache.

    Args:
        model: The model.
        ids: int64 ``[B, S]``.
        mask: ``[B, S]``.
        types: ``[B, S]``.
        fixed: What goes into every call.
        use_cache: Keep keys and values.
    """

    def __init__(
        self, model: Any, ids: Tensor, mask: Tensor, types: Tensor, fixed: dict[str, Any], use_cache: bool
    ) -> None:
        self.model, self.ids, self.mask, self.types = model, ids, mask, types
        self.past: Any = None
        self._fixed, self._use_cache = fixed, use_cache

    def logits(self) -> Tensor:
        """Compute those of the next token, float32 ``[B, V]``."""
        fresh = slice(None) if self.past is None else slice(-1, None)
        output = self.model(
            self.ids[:, fresh],
            self.mask,
            self.types[:, fresh],
            past_key_values=self.past,
            use_cache=self._use_cache,
            return_dict=True,
            **self._fixed,
        )
        self.past = output.past_key_values
        logits: Tensor = output.logits[:, -1].float()
        return logits

    def append(self, tokens: Tensor) -> None:
        """Add a token to each row."""
        self.ids = torch.cat((self.ids, tokens[:, None]), dim=1)
        self.mask = torch.cat((self.mask, torch.ones_like(self.mask[:, :1])), dim=1)
        last = self.types[:, -1:]
        last = torch.ones_like(last) if self.model.config.prefix_lm else last
        self.types = torch.cat((self.types, last), dim=1)

    def take(self, rows: Tensor) -> None:
        """Keep some rows, some of them more than once."""
        self.ids, self.mask, self.types = self.ids[rows], self.mask[rows], self.types[rows]
        self._fixed = {name: None if value is None else value[rows] for name, value in self._fixed.items()}
        if self.past is not None:
            self.past = tuple(tuple(part[rows] for part in layer) for layer in self.past)


class GenerationMixin:
    """Adds :meth:`generate` to a causal model."""

    config: RoFormerConfig

    @property
    def generation_config(self) -> GenerationConfig:
        """The options that :meth:`generate` takes where a call does not give them; those of the config at first."""
        held: GenerationConfig | None = self.__dict__.get("_generation_config")
        if held is None:
            held = self.__dict__["_generation_config"] = self._settings({})
        return held

    @generation_config.setter
    def generation_config(self, value: Any) -> None:
        self.__dict__["_generation_config"] = value

    def _settings(self, stored: Mapping[str, Any]) -> GenerationConfig:
        """Make the options of what a file says, and else the config."""
        older = {name: value for name, value in self.config.extra.items() if name in GENERATION_DEFAULTS}
        ids = {"pad_token_id": self.config.pad_token_id, "eos_token_id": self.config.extra.get("eos_token_id")}
        return GenerationConfig(**{**older, **ids, **stored})

    def take_settings(self, settings: Mapping[str, Any]) -> None:
        """Take the content of ``generation_config.json``: options of :meth:`generate` where a call gives none."""
        self.generation_config = self._settings(settings)

    def save_settings(self, directory: Path) -> None:
        """Write ``generation_config.json``, where an option is not what the config and the defaults say anyway."""
        held = self.generation_config.to_dict()
        usual = self._settings({}).to_dict()
        differing = {name: value for name, value in held.items() if value is not None and value != usual.get(name)}
        path = directory / GENERATION_NAME
        if differing:
            replace_file(path, (json.dumps(differing, indent=2, sort_keys=True) + "\n").encode())
        else:
            path.unlink(missing_ok=True)

    def prepare_inputs_for_generation(
        self,
        input_ids: Tensor,
        past_key_values: Any = None,
        attention_mask: Tensor | None = None,
        **model_kwargs: Any,
    ) -> dict[str, Any]:
        """Return the arguments of the call that computes the next token, as peft asks for them."""
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        ids = input_ids if past_key_values is None else input_ids[:, past_key_values[0][0].shape[2] :]
        return {"input_ids": ids, "attention_mask": mask, "past_key_values": past_key_values, **model_kwargs}

    @torch.no_grad()
    def generate(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        generation_config: Any = None,
        logits_processor: Sequence[Callable[[Tensor, Tensor], Tensor]] | None = None,
        stopping_criteria: Sequence[Callable[..., Any]] | None = None,
        *,
        inputs: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        encoder_hidden_states: Tensor | None = None,
        encoder_attention_mask: Tensor | None = None,
        streamer: Any = None,
        generator: torch.Generator | None = None,
        **options: Any,
    ) -> Any:
        """Continue every row of a batch: greedily, by sampling or by beam search.

        Args:
            input_ids: int ``[B, S]``; shorter rows padded on the left.
            attention_mask: ``[B, S]`` with 0 for padding; absent: all ones.
            generation_config: Options that count where the call gives none: ours, one of transformers or a mapping;
                absent: the model's :attr:`generation_config`.
            logits_processor: Callables that take ids ``[B, T]`` and logits ``[B, V]`` and return logits.
            stopping_criteria: Callables that take ids and scores and return whether each row, or all, is to end.
            inputs: Another name of ``input_ids``.
            token_type_ids: ``[B, S]``; new tokens get the type of the last one, or 1 in a prefix language model.
                Absent: zeros.
            encoder_hidden_states: ``[B, N, H]`` for a model with cross-attention.
            encoder_attention_mask: ``[B, N]``.
            streamer: An object whose ``put`` is given the prompts and then the tokens of every step, and whose ``end``
                is called afterwards.
            generator: The source of randomness when sampling; ``None`` means torch's own.
            **options: Those of :data:`~roformer_edge.models.generation_options.DEFAULTS`: ``max_new_tokens`` or
                ``max_length`` (20 new tokens without either), ``min_new_tokens``, ``min_length``, ``eos_token_id`` (one
                or several; absent: the config's; ``()``: none), ``pad_token_id``, ``do_sample``, ``temperature``,
                ``top_k``, ``top_p``, ``repetition_penalty``, ``no_repeat_ngram_size``, ``num_beams``,
                ``length_penalty``, ``early_stopping``, ``num_return_sequences``, ``use_cache``,
                ``return_dict_in_generate``, ``output_scores``, ``output_logits``. Others of transformers are refused
                by name, with what to use, where they would change anything.

        Returns:
            int64 ``[B * num_return_sequences, S + new]``: the prompts and their continuations, padded; or with
            ``return_dict_in_generate`` a :class:`GenerateOutput`.

        Raises:
            ValueError: The model is no decoder, or options contradict each other or are out of range.
            TextTooLongError: Prompt and continuation may not fit into the model's positions.
        """
        if (input_ids is None) == (inputs is None):
            raise ValueError("give input_ids, or inputs in their place")
        given = input_ids if inputs is None else inputs
        assert given is not None
        ids = given.long()
        found = resolve(self.generation_config if generation_config is None else generation_config, options)
        mask = torch.ones_like(ids) if attention_mask is None else attention_mask
        types = torch.zeros_like(ids) if token_type_ids is None else token_type_ids
        count = new_tokens(ids.shape[1], found["max_new_tokens"], found["max_length"])
        self._check(ids, mask, count)
        sampled = ("do_sample", "temperature", "top_k", "top_p", "repetition_penalty", "no_repeat_ngram_size")
        stops = stop_tokens(found["eos_token_id"], self.config)
        rules = Rules(
            **{name: found[name] for name in sampled},
            prompt=ids.shape[1],
            shortest=max(ids.shape[1] + (found["min_new_tokens"] or 0), found["min_length"] or 0),
            stops=tuple(stops.tolist()),
            processors=tuple(logits_processor or ()),
        )
        if found["pad_token_id"] is None:
            found["pad_token_id"] = self.config.pad_token_id or 0
        fixed = {"encoder_hidden_states": encoder_hidden_states, "encoder_attention_mask": encoder_attention_mask}
        batch = _Batch(self, ids, mask, types, fixed, found["use_cache"])
        if found["num_beams"] > 1:
            if rules.do_sample or streamer is not None or stopping_criteria or found["output_scores"]:
                raise ValueError(
                    "a search by beams (num_beams) takes no do_sample, streamer, stopping_criteria and output_scores; "
                    "for several answers use num_return_sequences, for their scores return_dict_in_generate"
                )
            output = _search(batch, rules, found, count)
        else:
            if found["num_return_sequences"] > 1 and not rules.do_sample:
                raise ValueError("several answers of one prompt need do_sample, or num_beams: num_return_sequences is "
                                 f"{found['num_return_sequences']}")  # fmt: skip
            output = _continue(batch, rules, found, count, tuple(stopping_criteria or ()), streamer, generator)
        return output if found["return_dict_in_generate"] else output.sequences

    def _check(self, ids: Tensor, mask: Tensor, max_new_tokens: int) -> None:
        if not self.config.is_decoder:
            raise ValueError("generate needs a model whose config has is_decoder=True")
        if bool((mask[:, -1] == 0).any()):
            warnings.warn(
                "the last token of a row is padding, and what follows is of no use: pad prompts on the left "
                "(tokenizer.padding_side = 'left')",
                stacklevel=4,
            )
        # the last token that is generated is never read
        needed, positions = ids.shape[1] + max_new_tokens - 1, self.config.max_position_embeddings
        if needed > positions:
            raise TextTooLongError(
                f"a prompt of {ids.shape[1]} tokens and {max_new_tokens} new ones need {needed} positions, "
                f"the model has {positions}; ask for fewer tokens or call extend_positions({needed})"
            )


def _continue(
    batch: _Batch,
    rules: Rules,
    found: dict[str, Any],
    count: int,
    criteria: tuple[Callable[..., Any], ...],
    streamer: Any,
    generator: torch.Generator | None,
) -> GenerateOutput:
    """Add a token at a time to every row, the most likely or one that is drawn."""
    batch.take(torch.arange(len(batch.ids), device=batch.ids.device).repeat_interleave(found["num_return_sequences"]))
    stops = torch.tensor(rules.stops, dtype=torch.long, device=batch.ids.device)
    finished = torch.zeros_like(batch.ids[:, 0], dtype=torch.bool)
    scores: list[Tensor] = []
    given: list[Tensor] = []
    if streamer is not None:
        streamer.put(batch.ids.cpu())
    for _ in range(count):
        logits = batch.logits()
        values = rules.adjusted(logits, batch.ids)
        scores += [values] if found["output_scores"] else []
        given += [logits] if found["output_logits"] else []
        tokens = choose(rules, values, generator)
        if rules.stops:  # without one transformers goes on with rows that a criterion has ended, until all are
            tokens = tokens.masked_fill(finished, found["pad_token_id"])
        batch.append(tokens)
        if streamer is not None:
            streamer.put(tokens.cpu())
        finished |= torch.isin(tokens, stops)
        for criterion in criteria:
            finished |= torch.as_tensor(criterion(batch.ids, tuple(scores) or None), device=finished.device)
        if finished.all():
            break
    if streamer is not None:
        streamer.end()
    return GenerateOutput(
        sequences=batch.ids,
        scores=tuple(scores) if found["output_scores"] else None,
        logits=tuple(given) if found["output_logits"] else None,
        past_key_values=batch.past,
    )


def _search(batch: _Batch, rules: Rules, found: dict[str, Any], count: int) -> GenerateOutput:
    """Follow the best continuations of every row at once."""
    answers = found["num_return_sequences"]
    if answers > found["num_beams"]:
        raise ValueError(f"num_return_sequences is {answers}, and there are {found['num_beams']} beams (num_beams)")
    options = BeamOptions(**{name: found[name] for name in ("num_beams", "length_penalty", "early_stopping")})
    prompts = batch.ids.tolist()
    searches = [Beams(prompt, options, rules, rules.stops, count) for prompt in prompts]
    while any(search.open for search in searches):
        logits = batch.logits().cpu().numpy()
        rows: list[int] = []
        tokens: list[int] = []
        start = 0
        for search in searches:
            width = len(search.open)
            if width:
                rows += [start + former for former in search.advance(logits[start : start + width])]
                tokens += [ids[-1] for ids in search.open]
            start += width
        batch.take(torch.tensor(rows, dtype=torch.long, device=batch.ids.device))
        batch.append(torch.tensor(tokens, dtype=torch.long, device=batch.ids.device))
    best = [
        (prompt, one) for prompt, search in zip(prompts, searches, strict=True) for one in search.finished[:answers]
    ]
    texts = [[*prompt, *one.ids, *([] if one.stop is None else [one.stop])] for prompt, one in best]
    longest = max(map(len, texts))
    # as in transformers, which takes the padding token 0 for none
    fill = found["pad_token_id"] or next(iter(rules.stops), 0)
    padded = [[*text, *[fill] * (longest - len(text))] for text in texts]
    return GenerateOutput(
        sequences=torch.tensor(padded, device=batch.ids.device),
        sequences_scores=torch.tensor([one.score for _, one in best]),
        past_key_values=batch.past,
    )
