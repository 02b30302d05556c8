from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from roformer_edge.errors import TextTooLongError, UnknownNameError, UnsupportedModelError
from roformer_edge.models.torch.generation import next_tokens, penalise
from roformer_edge.models.torch.heads import RoFormerForCausalLM
from roformer_edge.sampling import Sampling

LOGITS = torch.tensor([[2.0, 1.0, 0.0, -1.0]])
IDS = torch.tensor([[0, 3]])


@pytest.fixture
def model(tiny_config) -> RoFormerForCausalLM:
    torch.manual_seed(0)
    model = RoFormerForCausalLM(tiny_config.replace(is_decoder=True, initializer_range=0.5))
    return model.eval()


def drawn(sampling: Sampling, rows: int = 400) -> set[int]:
    generator = torch.Generator().manual_seed(0)
    return set(next_tokens(sampling, LOGITS.expand(rows, -1), IDS.expand(rows, -1), generator).tolist())


class TestSampling:
    def test_greedy_takes_the_most_likely(self):
        assert next_tokens(Sampling(), LOGITS, IDS, None).tolist() == [0]

    def test_a_penalty_divides_positive_and_multiplies_negative_logits(self):
        """2 / 2.5 falls below 1, so the second token wins; tokens that did not occur stay."""
        assert next_tokens(Sampling(repetition_penalty=2.5), LOGITS, IDS, None).tolist() == [1]
        assert penalise(LOGITS, IDS, 2.5)[0].tolist() == pytest.approx([0.8, 1.0, 0.0, -2.5])

    def test_all_tokens_can_be_drawn(self):
        assert drawn(Sampling(do_sample=True)) == {0, 1, 2, 3}

    def test_top_k(self):
        assert drawn(Sampling(do_sample=True, top_k=2)) == {0, 1}
        assert drawn(Sampling(do_sample=True, top_k=99)) == {0, 1, 2, 3}

    def test_top_p(self):
        """The probabilities are 0.644, 0.237, 0.087 and 0.032."""
        assert drawn(Sampling(do_sample=True, top_p=0.01)) == {0}
        assert drawn(Sampling(do_sample=True, top_p=0.64)) == {0}
        assert drawn(Sampling(do_sample=True, top_p=0.65)) == {0, 1}
        assert drawn(Sampling(do_sample=True, top_p=0.9)) == {0, 1, 2}

    def test_a_low_temperature_is_greedy(self):
        assert drawn(Sampling(do_sample=True, temperature=0.01)) == {0}

    def test_frequencies_follow_the_probabilities(self):
        rows = 20000
        generator = torch.Generator().manual_seed(1)
        tokens = next_tokens(
            Sampling(do_sample=True, temperature=2.0), LOGITS.expand(rows, -1), IDS.expand(rows, -1), generator
        )
        found = torch.bincount(tokens, minlength=4) / rows
        torch.testing.assert_close(found, torch.softmax(LOGITS[0] / 2, dim=0), rtol=0, atol=0.02)

    @pytest.mark.parametrize(
        "options", [{"temperature": 0.0}, {"top_k": -1}, {"top_p": 0.0}, {"top_p": 1.1}, {"repetition_penalty": 0.0}]
    )
    def test_options_out_of_range(self, options):
        with pytest.raises(ValueError, match=r"must be a (whole )?number (above|of at least) 0"):
            Sampling(**options)


class TestGenerate:
    def test_a_padded_batch_gives_what_single_prompts_give(self, model):
        prompts = [[5, 6, 7, 8, 9], [11, 12]]
        alone = [model.generate(torch.tensor([prompt]), max_new_tokens=10)[0, len(prompt) :] for prompt in prompts]
        ids = torch.tensor([prompts[0], [0, 0, 0, *prompts[1]]])
        mask = torch.tensor([[1] * 5, [0] * 3 + [1] * 2])
        together = model.generate(ids, mask, max_new_tokens=10)
        assert together.shape == (2, 15)
        assert together[:, 5:].tolist() == [row.tolist() for row in alone]

    @pytest.mark.parametrize("options", [{}, {"do_sample": True, "top_k": 9, "temperature": 1.5}])
    def test_the_cache_changes_nothing(self, model, options):
        ids = torch.tensor([[5, 6, 7], [8, 9, 10]])
        found = []
        for use_cache in (True, False):
            generator = torch.Generator().manual_seed(3)
            found.append(
                model.generate(ids, max_new_tokens=15, use_cache=use_cache, generator=generator, **options).tolist()
            )
        assert found[0] == found[1]

    def test_a_stop_token_ends_its_row(self, model):
        ids = torch.tensor([[5, 6, 7], [8, 9, 10]])
        free = model.generate(ids, max_new_tokens=8)[:, 3:].tolist()
        stop = free[0][3]
        rows = [row[: row.index(stop) + 1] if stop in row else row for row in free]
        width = max(len(row) for row in rows)
        expected = [row + [2] * (width - len(row)) for row in rows]
        for given in (stop, [stop], (stop, 99)):
            found = model.generate(ids, max_new_tokens=8, eos_token_id=given, pad_token_id=2)
            assert found[:, 3:].tolist() == expected

    def test_it_stops_early_when_all_rows_have_ended(self, model):
        first = int(model.generate(torch.tensor([[5, 6, 7]]), max_new_tokens=1)[0, 3])
        assert model.generate(torch.tensor([[5, 6, 7]]), max_new_tokens=20, eos_token_id=first).shape == (1, 4)

    def test_new_tokens_have_the_type_of_the_last(self, model):
        ids, types = torch.tensor([[5, 6, 7, 8]]), torch.tensor([[0, 0, 1, 1]])
        found = model.generate(ids, token_type_ids=types, max_new_tokens=6)
        for length in range(4, 10):
            kinds = torch.tensor([[0, 0] + [1] * (length - 2)])
            with torch.no_grad():
                assert model(found[:, :length], token_type_ids=kinds).logits[0, -1].argmax() == found[0, length]

    def test_cross_attention(self, tiny_config):
        torch.manual_seed(1)
        config = tiny_config.replace(is_decoder=True, add_cross_attention=True, initializer_range=0.5)
        model = RoFormerForCausalLM(config).eval()
        source = torch.randn(1, 4, 16)
        ids = torch.tensor([[5, 6, 7]])
        found = [
            model.generate(ids, encoder_hidden_states=source, max_new_tokens=8, use_cache=use_cache).tolist()
            for use_cache in (True, False)
        ]
        assert found[0] == found[1]
        assert found[0] != model.generate(ids, encoder_hidden_states=-source, max_new_tokens=8).tolist()

    def test_linear_attention(self, tiny_config):
        model = RoFormerForCausalLM(tiny_config.replace(is_decoder=True), attention="linear").eval()
        assert model.generate(torch.tensor([[5, 6, 7]]), max_new_tokens=4).shape == (1, 7)

    def test_the_last_position_can_be_reached(self, model):
        assert model.generate(torch.tensor([[5]]), max_new_tokens=32).shape == (1, 33)
        with pytest.raises(TextTooLongError, match=r"need 33 positions, the model has 32.*extend_positions\(33\)"):
            model.generate(torch.tensor([[5]]), max_new_tokens=33)

    def test_the_length_counts_from_the_start_of_the_prompt(self, model):
        prompts = torch.tensor([[5, 6, 7]])
        expected = model.generate(prompts, max_new_tokens=4)
        assert torch.equal(model.generate(prompts.int(), max_length=7, repetition_penalty=1.0001), expected)
        with pytest.raises(ValueError, match="not both"):
            model.generate(prompts, max_length=7, max_new_tokens=4)
        with pytest.raises(ValueError, match="3 tokens and max_length 3"):
            model.generate(prompts, max_length=3)

    @pytest.mark.parametrize("kind", [int, np.int64, torch.tensor, lambda token: [token]])
    def test_a_stop_token_of_any_kind_or_from_the_config(self, model, kind):
        prompts = torch.tensor([[5, 6, 7]])
        token = int(model.generate(prompts, max_new_tokens=1)[0, -1])
        assert model.generate(prompts, eos_token_id=kind(token)).shape == (1, 4)
        model.config = model.config.replace(extra={"eos_token_id": token})
        assert model.generate(prompts).shape == (1, 4)
        assert model.generate(prompts, eos_token_id=()).shape == (1, 23)

    def test_misuse(self, model, tiny_config):
        with pytest.warns(UserWarning, match="pad prompts on the left"):
            model.generate(torch.tensor([[5, 0]]), torch.tensor([[1, 0]]))
        with pytest.raises(ValueError, match="need a prompt"):
            model.generate(torch.zeros(1, 0, dtype=torch.long))
        with pytest.warns(UserWarning, match="sees the future"):
            encoder = RoFormerForCausalLM(tiny_config)
        with pytest.raises(ValueError, match="is_decoder=True"):
            encoder.generate(torch.tensor([[5]]))


class TestSettings:
    """Options where a call gives none: of the file, of the config, set."""

    def test_of_a_checkpoint(self, model, tmp_path):
        model.save_pretrained(tmp_path)
        assert not (tmp_path / "generation_config.json").exists()
        settings = {"num_beams": 2, "max_new_tokens": 3, "eos_token_id": [39], "transformers_version": "4.57.6"}
        (tmp_path / "generation_config.json").write_text(json.dumps(settings))
        again = RoFormerForCausalLM.from_pretrained(tmp_path)
        prompts = torch.tensor([[5, 6]])
        assert again.generation_config.num_beams == 2
        expected = model.generate(prompts, num_beams=2, max_new_tokens=3, eos_token_id=39)
        assert again.generate(prompts).tolist() == expected.tolist()
        assert again.generate(prompts, max_new_tokens=1, num_beams=1).shape == (1, 3)
        assert again.generate(prompts, max_length=3).shape == (1, 3)
        again.save_pretrained(tmp_path / "again")
        assert RoFormerForCausalLM.from_pretrained(tmp_path / "again").generation_config.num_beams == 2

    def test_what_is_not_followed_is_refused(self, model):
        for options in ({"bad_words_ids": [[3]]}, {"num_beam_groups": 2}, {"stop_strings": "a"}, {"typical_p": 0.3}):
            with pytest.raises(UnsupportedModelError, match=f"generate does not take {next(iter(options))}="):
                model.generate(torch.tensor([[5]]), **options)
        model.generate(torch.tensor([[5]]), bad_words_ids=None, num_beam_groups=1, typical_p=1.0, max_new_tokens=1)
        with pytest.raises(UnknownNameError, match="unknown option of generate 'max_new_token'"):
            model.generate(torch.tensor([[5]]), max_new_token=3)
        model.generation_config.suppress_tokens = [4]
        with pytest.raises(UnsupportedModelError, match=r"suppress_tokens=.*LogitsProcessor"):
            model.generate(torch.tensor([[5]]))

    def test_options_that_contradict(self, model):
        for options, message in (
            ({"num_beams": 2, "do_sample": True}, "num_beams"),
            ({"num_return_sequences": 2}, "need do_sample"),
            ({"num_beams": 2, "num_return_sequences": 3}, "there are 2 beams"),
        ):
            with pytest.raises(ValueError, match=message):
                model.generate(torch.tensor([[5]]), **options)
        with pytest.raises(ValueError, match="give input_ids, or inputs"):
            model.generate()
        ids = torch.tensor([[5]])
        assert model.generate(inputs=ids).tolist() == model.generate(ids).tolist()

    def test_inputs_of_the_next_token(self, model):
        ids = torch.tensor([[5, 6, 7]])
        past = model(ids[:, :2], use_cache=True).past_key_values
        given = model.prepare_inputs_for_generation(ids, past)
        assert given["input_ids"].tolist() == [[7]]
        assert torch.allclose(model(**given).logits[:, -1], model(ids).logits[:, -1], atol=1e-5)
