"""Text generation with the causal model: greedy or sampling, with or without a cache, in left-padded batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from roformer_edge.config import RoFormerConfig
from roformer_edge.errors import TextTooLongError
from roformer_edge.models.stopping import new_tokens, stop_tokens
from roformer_edge.sampling import Sampling, repeating


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
    logits = penalise(logits, ids, sampling.repetition_penalty)
    if sampling.no_repeat_ngram_size:
        logits = logits.clone()
        for row, held in zip(logits, ids.tolist(), strict=True):
            row[torch.from_numpy(repeating(held, sampling.no_repeat_ngram_size))] = -torch.inf
    if not sampling.do_sample:
        return logits.argmax(dim=-1)
    logits = keep_top_p(keep_top_k(logits / sampling.temperature, sampling.top_k), sampling.top_p)
    return torch.multinomial(F.softmax(logits, dim=-1), 1, generator=generator)[:, 0]


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


class GenerationMixin:
    """Adds :meth:`generate` to a causal model."""

    config: RoFormerConfig

    @torch.no_grad()
    def generate(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        *,
        token_type_ids: Tensor | None = None,
        encoder_hidden_states: Tensor | None = None,
        encoder_attention_mask: Tensor | None = None,
        max_new_tokens: int | None = None,
        max_length: int | None = None,
        eos_token_id: int | Sequence[int] | Tensor | None = None,
        pad_token_id: int | None = None,
        do_sample: bool = False,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        repetition_penalty: float = 1.0,
        use_cache: bool = True,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Continue every row of a batch.

        Args:
            input_ids: int ``[B, S]``; shorter rows padded on the left.
            attention_mask: ``[B, S]`` with 0 for padding; absent: all ones.
            token_type_ids: ``[B, S]``; new tokens get the type of the last one, or 1 in a prefix language model.
                Absent: zeros.
            encoder_hidden_states: ``[B, N, H]`` for a model with cross-attention.
            encoder_attention_mask: ``[B, N]``.
            max_new_tokens: How many tokens to add at most; 20 where ``max_length`` is not given either.
            max_length: The same, counted from the start of the prompt; give one of the two.
            eos_token_id: The token or tokens that end a row; the row keeps it and is padded after it. Absent: the
                config's, where it has one; ``()`` means none.
            pad_token_id: What a finished row is filled with; absent: the config's.
            do_sample: Draw at random; otherwise take the most likely token.
            temperature: Divides the logits when sampling; below 1 favours likely tokens.
            top_k: Sample among the k most likely tokens; 0 means all.
            top_p: Sample among the fewest tokens whose probabilities sum to at least this; 1 means all.
            repetition_penalty: Above 1 makes every token that the row already holds less likely.
            use_cache: Keep keys and values from step to step: the same tokens, sooner.
            generator: The source of randomness when sampling; ``None`` means torch's own.

        Returns:
            int64 ``[B, S + new]``: the prompts and their continuations.

        Raises:
            ValueError: The model is no decoder, the mask pads on the right, or an option is out of range.
            TextTooLongError: Prompt and continuation may not fit into the model's positions.
        """
        sampling = Sampling(
            do_sample=do_sample,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
            repetition_penalty=repetition_penalty,
        )
        ids = input_ids.long()
        mask = torch.ones_like(ids) if attention_mask is None else attention_mask
        types = torch.zeros_like(ids) if token_type_ids is None else token_type_ids
        count = new_tokens(ids.shape[1], max_new_tokens, max_length)
        self._check(ids, mask, count)
        stops = torch.from_numpy(stop_tokens(eos_token_id, self.config)).to(ids.device)
        pad = (self.config.pad_token_id or 0) if pad_token_id is None else pad_token_id
        finished = torch.zeros_like(ids[:, 0], dtype=torch.bool)
        past: Any = None
        for _ in range(count):
            fresh = slice(None) if past is None else slice(-1, None)
            output = self(  # type: ignore[operator]  # a module
                ids[:, fresh],
                mask,
                types[:, fresh],
                encoder_hidden_states=encoder_hidden_states,
                encoder_attention_mask=encoder_attention_mask,
                past_key_values=past,
                use_cache=use_cache,
                return_dict=True,
            )
            past = output.past_key_values
            tokens = next_tokens(sampling, output.logits[:, -1].float(), ids, generator).masked_fill(finished, pad)
            ids = torch.cat((ids, tokens[:, None]), dim=1)
            mask = torch.cat((mask, torch.ones_like(mask[:, :1])), dim=1)
            last = types[:, -1:]
            types = torch.cat((types, torch.ones_like(last) if self.config.prefix_lm else last), dim=1)
            finished |= torch.isin(tokens, stops)
            if finished.all():
                break
        return ids

    def _check(self, ids: Tensor, mask: Tensor, max_new_tokens: int) -> None:
        if not self.config.is_decoder:
            raise ValueError("generate needs a model whose config has is_decoder=True")
        if bool((mask[:, -1] == 0).any()):
            raise ValueError("the last token of a row is padding: pad prompts on the left")
        # the last token that is generated is never read
        needed, positions = ids.shape[1] + max_new_tokens - 1, self.config.max_position_embeddings
        if needed > positions:
            raise TextTooLongError(
                f"a prompt of {ids.shape[1]} tokens and {max_new_tokens} new ones need {needed} positions, "
                f"the model has {positions}; ask for fewer tokens or call extend_positions({needed})"
            )
