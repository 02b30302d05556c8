"""A RoFormer-sim writes similar sentences: from its checkpoint to answers of both formats, against the formulas."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

import roformer_edge
from roformer_edge.config import RoFormerConfig
from roformer_edge.deploy.journey import deploy_checkpoint
from roformer_edge.deploy.options import DeployOptions
from roformer_edge.errors import ConfigError, TextTooLongError
from roformer_edge.formats import FORMATS
from roformer_edge.models.torch.heads import RoFormerForCausalLM
from roformer_edge.sampling import Sampling
from roformer_edge.validate.openers import open_predictor
from tests.tiny_checkpoint import TEXTS, TOKENS, write_lines

HEADS, LAYERS, POSITIONS = 2, 2, 40
PROMPTS = [text for text in TEXTS if len(text) < 12]
SEP = TOKENS.index("[SEP]")


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "values rotated"])
def sim(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save a model with a pooler whose config says nothing of generation, as RoFormer-sim is stored."""
    folder = tmp_path_factory.mktemp("sim") / "checkpoint"
    torch.manual_seed(4)
    config = RoFormerConfig(
        vocab_size=len(TOKENS),
        hidden_size=32,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        intermediate_size=48,
        max_position_embeddings=POSITIONS,
        rotary_value=request.param,
        is_decoder=True,
        extra={"pooler_activation": "linear"},
    )
    model = RoFormerForCausalLM(config)
    for name, parameter in model.named_parameters():
        torch.nn.init.normal_(parameter, mean=float("LayerNorm.weight" in name), std=0.35)
    model.save_pretrained(folder)
    stored = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**stored, "is_decoder": False}))
    rng = np.random.default_rng(3)
    arrays = load_file(folder / "model.safetensors")
    for name, shape in {"weight": (32, 32), "bias": (32,)}.items():
        arrays[f"roformer.pooler.dense.{name}"] = rng.normal(0, 1, shape).astype(np.float32)
    save_file(arrays, folder / "model.safetensors")
    (folder / "vocab.txt").write_text("\n".join(TOKENS) + "\n", encoding="utf-8")
    return folder


class Formulas:
    """Compute a RoFormer language model from its weights, under any mask; nothing of the package takes part."""

    def __init__(self, folder: Path) -> None:
        self.arrays = {
            name: array.astype(np.float64) for name, array in load_file(folder / "model.safetensors").items()
        }
        self.rotary_value = json.loads((folder / "config.json").read_text())["rotary_value"]

    def logits(self, ids: list[int], types: list[int], seen: np.ndarray) -> np.ndarray:
        """Logits ``[tokens, vocabulary]``; row i of ``seen`` is true where token i looks."""
        x = self.arrays["roformer.embeddings.word_embeddings.weight"][ids]
        x = self.norm("roformer.embeddings", x + self.arrays["roformer.embeddings.token_type_embeddings.weight"][types])
        for index in range(LAYERS):
            layer = f"roformer.encoder.layer.{index}"
            x = self.norm(f"{layer}.attention.output", x + self.attention(f"{layer}.attention", x, seen))
            y = gelu(self.linear(f"{layer}.intermediate.dense", x))
            x = self.norm(f"{layer}.output", x + self.linear(f"{layer}.output.dense", y))
        x = gelu(self.linear("cls.predictions.transform.dense", x))
        x = self.norm("cls.predictions.transform", x)
        return x @ self.arrays["roformer.embeddings.word_embeddings.weight"].T + self.arrays["cls.predictions.bias"]

    def attention(self, name: str, x: np.ndarray, seen: np.ndarray) -> np.ndarray:
        parts = [self.linear(f"{name}.self.{part}", x) for part in ("query", "key", "value")]
        q, k, v = (part.reshape(len(x), HEADS, -1).transpose(1, 0, 2) for part in parts)
        q, k = rotated(q), rotated(k)
        v = rotated(v) if self.rotary_value else v
        scores = np.where(seen, q @ k.transpose(0, 2, 1) / np.sqrt(q.shape[-1]), -np.inf)
        powers = np.exp(scores - scores.max(-1, keepdims=True))
        context = (powers / powers.sum(-1, keepdims=True)) @ v
        return self.linear(f"{name}.output.dense", context.transpose(1, 0, 2).reshape(len(x), -1))

    def linear(self, name: str, x: np.ndarray) -> np.ndarray:
        return x @ self.arrays[f"{name}.weight"].T + self.arrays[f"{name}.bias"]

    def norm(self, name: str, x: np.ndarray) -> np.ndarray:
        x = x - x.mean(-1, keepdims=True)
        x = x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-12)
        return x * self.arrays[f"{name}.LayerNorm.weight"] + self.arrays[f"{name}.LayerNorm.bias"]

    def write(self, prompt: list[int], count: int, sampling: Sampling, seed: int | None = None) -> list[int]:
        """Write on after a prompt; every step computes all tokens under the whole mask."""
        ids, random = list(prompt), None if seed is None else np.random.default_rng(seed)
        while len(ids) - len(prompt) < count and len(ids) <= POSITIONS:
            types = [0] * len(prompt) + [1] * (len(ids) - len(prompt))
            token = sampling.next_token(self.logits(ids, types, unilm(types))[-1], ids, random)
            if token == SEP:
                break
            ids.append(token)
        return ids[len(prompt) :]


def gelu(x: np.ndarray) -> np.ndarray:
    return 0.5 * x * (1 + np.vectorize(math.erf)(x / np.sqrt(2)))


def rotated(x: np.ndarray) -> np.ndarray:
    half = x.shape[-1] // 2
    angles = np.arange(x.shape[1])[:, None] / 10000 ** (2 * np.arange(half) / x.shape[-1])
    spun = (x[..., 0::2] + 1j * x[..., 1::2]) * np.exp(1j * angles)
    return np.stack([spun.real, spun.imag], -1).reshape(x.shape)


def unilm(types: list[int]) -> np.ndarray:
    """Every token sees the prompt; those after it see each other backwards."""
    prompt = types.count(0)
    return np.array([[column < prompt or column <= row for column in range(len(types))] for row in range(len(types))])


@pytest.fixture(scope="module")
def formulas(sim: Path) -> Formulas:
    return Formulas(sim)


@pytest.fixture(scope="module", params=FORMATS)
def bundle(request: pytest.FixtureRequest, sim: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    options = DeployOptions(task="text-generation", recipe="fp32", format=request.param, keep_weights=True)
    return deploy_checkpoint(sim, tmp_path_factory.mktemp("sim") / "bundle", options).bundle


def prompt_ids(sim: Path, text: str) -> list[int]:
    """``[CLS]``, the text, ``[SEP]``."""
    return roformer_edge.RoFormerTokenizer.from_pretrained(sim).encode(text)


def test_the_torch_model_sees_what_the_formula_says(sim: Path, formulas: Formulas) -> None:
    with pytest.warns(UserWarning, match="as in RoFormer-sim"):
        model = RoFormerForCausalLM.from_pretrained(sim)
    rng = np.random.default_rng(1)
    for prompt, written in ((5, 6), (7, 0), (1, 9), (0, 4)):
        ids = rng.integers(5, len(TOKENS), prompt + written).tolist()
        types = [0] * prompt + [1] * written
        expected = formulas.logits(ids, types, unilm(types))
        for padding in (0, 3):  # on the right
            row, kinds = torch.tensor([ids + [0] * padding]), torch.tensor([types + [0] * padding])
            mask = torch.tensor([[1] * len(ids) + [0] * padding])
            with torch.no_grad():
                found = model(row, mask, kinds).logits[0, : len(ids)]
            np.testing.assert_allclose(found, expected, atol=2e-4)
        if prompt > 1:
            backwards = formulas.logits(ids, types, np.tri(len(ids), dtype=bool))
            assert np.abs(backwards - expected).max() > 0.1


def test_the_torch_model_writes_alike_with_and_without_a_cache(sim: Path, formulas: Formulas) -> None:
    with pytest.warns(UserWarning, match="as in RoFormer-sim"):
        model = RoFormerForCausalLM.from_pretrained(sim)
    for text in PROMPTS[:4]:
        ids = prompt_ids(sim, text)
        expected = formulas.write(ids, 10, Sampling())
        for use_cache in (True, False):
            row = torch.tensor([ids])
            found = model.generate(row, max_new_tokens=10, eos_token_id=SEP, use_cache=use_cache)[
                0, len(ids) :
            ].tolist()
            assert [token for token in found if token != SEP][: len(expected)] == expected
    with pytest.raises(ValueError, match="prefix_lm=True"):
        RoFormerForCausalLM(model.config, attention="linear")(torch.tensor([[2, 7, 3]]))


def test_bundles_write_what_the_formulas_write(sim: Path, formulas: Formulas, bundle: Path) -> None:
    expected = [formulas.write(prompt_ids(sim, text), 10, Sampling()) for text in PROMPTS]
    assert len({tuple(ids) for ids in expected}) > 2
    with roformer_edge.load(bundle) as write:
        for answers in ([write(text, max_new_tokens=10) for text in PROMPTS], write(PROMPTS, max_new_tokens=10)):
            assert [list(answer.ids) for answer in answers] == expected
            assert all(answer.text == answer.new_text for answer in answers)
            assert [answer.ended for answer in answers] == [len(ids) < 10 for ids in expected]
        sampling = Sampling(do_sample=True, top_p=0.9, temperature=1.5)
        drawn = [formulas.write(prompt_ids(sim, text), 10, sampling, seed=7) for text in PROMPTS]
        options = {"do_sample": True, "top_p": 0.9, "temperature": 1.5, "seed": 7}
        answers = write(PROMPTS, max_new_tokens=10, **options)
        assert [list(answer.ids) for answer in answers] == drawn
        assert drawn != expected
        with pytest.raises(TextTooLongError, match="42 tokens, special tokens included, and the model takes 40"):
            write("好" * 40)


def test_a_graph_of_fixed_lengths_writes_the_same(sim: Path, formulas: Formulas, tmp_path: Path) -> None:
    options = DeployOptions(task="text-generation", recipe="fp32", format="tflite", lengths=(16, 40))
    made = deploy_checkpoint(sim, tmp_path / "bundle", options).bundle
    with roformer_edge.load(made) as write:
        for text in PROMPTS[:3]:
            expected = formulas.write(prompt_ids(sim, text), 8, Sampling())
            assert list(write(text, max_new_tokens=8).ids) == expected


def test_a_bundle_keeps_what_it_is(bundle: Path, tmp_path: Path) -> None:
    manifest = json.loads((bundle / "manifest.json").read_text())
    assert any("as in RoFormer-sim" in note for note in manifest["notes"])
    assert manifest["parity"]["checked"]
    assert json.loads((bundle / "config.json").read_text())["prefix_lm"] is True
    again = deploy_checkpoint(bundle, tmp_path / "again", DeployOptions(recipe="int8-dynamic")).bundle
    with roformer_edge.load(again) as write, roformer_edge.load(bundle) as wanted:
        assert write.prefix_lm
        same = [one.ids[:1] == other.ids[:1] for one, other in zip(write(PROMPTS), wanted(PROMPTS), strict=True)]
        assert np.mean(same) > 0.7


def test_a_saved_model_is_still_one_without_its_pooler(sim: Path, tmp_path: Path, formulas: Formulas) -> None:
    with pytest.warns(UserWarning, match="as in RoFormer-sim"):
        RoFormerForCausalLM.from_pretrained(sim).save_pretrained(tmp_path)
    assert "roformer.pooler.dense.weight" not in load_file(tmp_path / "model.safetensors")
    model = RoFormerForCausalLM.from_pretrained(tmp_path)
    assert model.config.prefix_lm
    ids, types = [2, 7, 8, 9, 3, 11, 12], [0, 0, 0, 0, 0, 1, 1]
    with torch.no_grad():
        found = model(torch.tensor([ids]), token_type_ids=torch.tensor([types])).logits[0]
    np.testing.assert_allclose(found, formulas.logits(ids, types, unilm(types)), atol=2e-4)


def test_it_is_measured_by_how_it_expects_a_text_after_itself(sim: Path, bundle: Path, formulas: Formulas) -> None:
    ids = prompt_ids(sim, PROMPTS[0])
    types = [0] * len(ids) + [1] * (len(ids) - 1)
    logits = formulas.logits([*ids, *ids[1:]], types, unilm(types))[len(ids) - 1 : -1]
    expected = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    # nobody wants unknown tokens to be written
    expected = [row[token] for row, token in zip(expected, ids[1:], strict=True) if token != TOKENS.index("[UNK]")]
    for side in (open_predictor(sim, task="text-generation"), open_predictor(bundle)):
        (answer,) = side.answer([{"text": PROMPTS[0]}], batch_size=1)
        np.testing.assert_allclose(answer.log_probabilities, expected, atol=1e-3)
        with pytest.raises(TextTooLongError, match="twice as many do not fit into the 40"):
            side.answer([{"text": "好" * 25}], batch_size=1)
    (cut,) = open_predictor(bundle, truncate=True).answer([{"text": "好" * 25}], batch_size=1)
    assert len(cut.expected) == 19


def test_deploy_measures_it(sim: Path, tmp_path: Path) -> None:
    data = write_lines(tmp_path / "data.jsonl", [{"text": text} for text in PROMPTS])
    options = DeployOptions(task="text-generation", recipe="int8-static", calibration=data, evaluation=data)
    report = deploy_checkpoint(sim, tmp_path / "bundle", options).report
    assert report is not None
    assert report.agreement.total > 20
    assert 0.7 < report.agreement.share <= 1


def test_two_types_of_tokens_are_needed() -> None:
    with pytest.raises(ConfigError, match=r"prefix_lm needs two types of tokens, .* type_vocab_size is 1"):
        RoFormerConfig(prefix_lm=True, type_vocab_size=1)
    with pytest.raises(ConfigError, match="prefix_lm must be of type bool"):
        RoFormerConfig(prefix_lm=1)
    assert "prefix_lm" not in RoFormerConfig().to_dict()
    assert RoFormerConfig.from_dict(RoFormerConfig(prefix_lm=False).to_dict()).prefix_lm is False
