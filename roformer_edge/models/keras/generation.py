"""Text generation with the causal Keras model, as in :mod:`roformer_edge.models.torch.generation`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roformer_edge.config import RoFormerConfig
from roformer_edge.errors import TextTooLongError
from roformer_edge.models.stopping import new_tokens, stop_tokens
from roformer_edge.sampling import Sampling

Ids = NDArray[np.int64]


class GenerationMixin:
    """Adds :meth:`generate` to a causal model."""

    config: RoFormerConfig

    def generate(
        self,
        input_ids: Any,
        attention_mask: Any = None,
        *,
        token_type_ids: Any = None,
        encoder_hidden_states: Any = None,
        encoder_attention_mask: Any = None,
        max_new_tokens: int | None = None,
        max_length: int | None = None,
        eos_token_id: int | Sequence[int] | None = None,
        pad_token_id: int | None = None,
        do_sample: bool = False,
        temperature: float = 1.0,
        top_k: int = 0,
        top_p: float = 1.0,
        repetition_penalty: float = 1.0,
        use_cache: bool = True,
        seed: int | None = None,
    ) -> Ids:
        """Continue every row of a batch; arguments as in the torch model's ``generate``.

        Args:
            input_ids: int ``[B, S]``; shorter rows padded on the left.
            attention_mask: ``[B, S]`` with 0 for padding; absent: all ones.
            token_type_ids: ``[B, S]``; new tokens get the type of the last one. Absent: zeros.
            encoder_hidden_states: ``[B, N, H]`` for a model with cross-attention.
            encoder_attention_mask: ``[B, N]``.
            max_new_tokens: How many tokens to add at most; 20 where ``max_length`` is not given either.
            max_length: The same, counted from the start of the prompt; give one of the two.
            eos_token_id: The token or tokens that end a row; the row keeps it and is padded after it. Absent: the
                config's, where it has one; ``()`` means none.
            pad_token_id: What a finished row is filled with; absent: the config's.
            do_sample: Draw at random; otherwise take the most likely token.
            temperature: Divides the logits when sampling.
            top_k: Sample among the k most likely tokens; 0 means all.
            top_p: Sample among the fewest tokens whose probabilities sum to at least this.
            repetition_penalty: Above 1 makes every token that the row already holds less likely.
            use_cache: Keep keys and values from step to step: the same tokens, sooner.
            seed: Seed of the random numbers when sampling; ``None`` draws anew every time.

        Returns:
            int64 numpy ``[B, S + new]``: the prompts and their continuations.

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
        ids = np.asarray(input_ids, dtype=np.int64)
        mask = np.ones_like(ids) if attention_mask is None else np.asarray(attention_mask)
        types = np.zeros_like(ids) if token_type_ids is None else np.asarray(token_type_ids)
        count = new_tokens(ids.shape[1], max_new_tokens, max_length)
        self._check(ids, mask, count)
        stops = stop_tokens(eos_token_id, self.config)
        pad = (self.config.pad_token_id or 0) if pad_token_id is None else pad_token_id
        finished = np.zeros(len(ids), dtype=bool)
        generator = np.random.default_rng(seed)
        past: Any = None
        for _ in range(count):
            fresh = slice(None) if past is None else slice(-1, None)
            output = self(  # type: ignore[operator]  # a model
                ids[:, fresh],
                attention_mask=mask,
                token_type_ids=types[:, fresh],
                encoder_hidden_states=encoder_hidden_states,
                encoder_attention_mask=encoder_attention_mask,
                past_key_values=past,
                use_cache=use_cache,
                return_dict=True,
            )
            past = output.past_key_values
            logits = np.asarray(output.logits[:, -1])
            tokens = np.array(
                [sampling.next_token(row, held, generator) for row, held in zip(logits, ids, strict=True)]
            )
            tokens = np.where(finished, pad, tokens)
            ids = np.concatenate((ids, tokens[:, None]), axis=1)
            mask = np.concatenate((mask, np.ones_like(mask[:, :1])), axis=1)
            types = np.concatenate((types, types[:, -1:]), axis=1)
            finished |= np.isin(tokens, stops)
            if finished.all():
                break
        return ids

    def _check(self, ids: Ids, mask: NDArray[Any], max_new_tokens: int) -> None:
        if not self.config.is_decoder:
            raise ValueError("generate needs a model whose config has is_decoder=True")
        if (mask[:, -1] == 0).any():
            raise ValueError("the last token of a row is padding: pad prompts on the left")
        # the last token that is generated is never read
        needed, positions = ids.shape[1] + max_new_tokens - 1, self.config.max_position_embeddings
        if needed > positions:
            raise TextTooLongError(
                f"a prompt of {ids.shape[1]} tokens and {max_new_tokens} new ones need {needed} positions, "
                f"the model has {positions}; ask for fewer tokens"
            )
