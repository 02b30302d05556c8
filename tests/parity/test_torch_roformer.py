"""The torch models against transformers 4.57.6, live, in its own interpreter."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from comparison import differences, without
from torch_case_files import loss_of, read_in_pieces, tensors
from torch_cases import GENERATIONS, LEARNING_RATE, TOLERANCE, caches, cases
from torch_fixtures import run_oracle

from roformer_edge.models.torch import heads
from roformer_edge.models.torch.pretrained import RoFormerPreTrainedModel

CASES = cases()

pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore:RoFormerForCausalLM sees the future")]


def load(folder: Path, name: str) -> RoFormerPreTrainedModel:
    return getattr(heads, CASES[name]["architecture"]).from_pretrained(folder)


def arrays(path: Path) -> dict[str, np.ndarray]:
    return dict(np.load(path))


def assert_equal(output: object, expected: dict[str, np.ndarray]) -> None:
    worst = differences(output, expected)
    assert max(worst.values()) <= TOLERANCE, worst


@pytest.mark.parametrize("name", CASES)
def test_outputs_hidden_states_attentions_and_loss(oracle: dict[str, Path], name: str):
    folder = oracle[name]
    inputs = tensors(arrays(folder / "inputs.npz") | arrays(folder / "labels.npz"))
    with torch.no_grad():
        output = load(folder, name)(**inputs, output_attentions=True, output_hidden_states=True)
    expected = arrays(folder / "outputs.npz")
    assert {"hidden_states.0", "attentions.0"} <= expected.keys()
    assert ("loss" in expected) is not name.startswith("RoFormerModel")
    assert ("past_key_values.0.0" in expected) is caches(CASES[name])
    assert_equal(output, expected)


@pytest.mark.parametrize("name", CASES)
def test_the_quick_path_gives_the_same(oracle: dict[str, Path], name: str):
    """Without attention weights the models take another kernel."""
    folder = oracle[name]
    with torch.no_grad():
        output = load(folder, name)(**tensors(arrays(folder / "inputs.npz")))
    skipped = ("loss", "hidden_states", "attentions", "cross_attentions")
    assert_equal(output, without(skipped, arrays(folder / "outputs.npz")))


@pytest.mark.parametrize("name", CASES)
def test_a_head_mask_and_embeddings_in_place_of_ids(oracle: dict[str, Path], name: str):
    folder = oracle[name]
    model = load(folder, name)
    inputs = tensors(arrays(folder / "inputs.npz"))
    heads = torch.ones(model.config.num_hidden_layers, model.config.num_attention_heads)
    heads[0, 0] = 0.0
    with torch.no_grad():
        words = model.get_input_embeddings()(inputs.pop("input_ids"))
        output = model(**inputs, inputs_embeds=2 * words, head_mask=heads)
    assert_equal(output, arrays(folder / "variant.npz"))


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if caches(case)])
def test_cached_decoding(oracle: dict[str, Path], name: str):
    """In pieces as the original in pieces, and in pieces as at once."""
    folder = oracle[name]
    inputs, outputs = arrays(folder / "inputs.npz"), arrays(folder / "outputs.npz")
    with torch.no_grad():
        read = read_in_pieces(load(folder, name), inputs)
    np.testing.assert_allclose(read, np.load(folder / "cached.npy"), rtol=0, atol=TOLERANCE)
    at_once = outputs["logits"] if "logits" in outputs else outputs["last_hidden_state"]
    text = inputs["attention_mask"] == 1  # a padding token that sees nothing looks at all tokens there are so far
    np.testing.assert_allclose(read[text], at_once[text], rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("checkpointing", [False, True])
def test_one_step_of_gradient_descent(oracle: dict[str, Path], name: str, checkpointing: bool):
    folder = oracle[name]
    model = load(folder, name)
    if checkpointing:
        if model.config.hidden_dropout_prob:  # dropout draws random numbers in training mode only
            model.apply(lambda module: setattr(module, "p", 0.0) if isinstance(module, torch.nn.Dropout) else None)
        model.train()
        model.gradient_checkpointing_enable()
    target = np.load(folder / "target.npy")
    loss_of(model, arrays(folder / "inputs.npz"), arrays(folder / "labels.npz"), target).backward()
    torch.optim.SGD(model.parameters(), lr=LEARNING_RATE).step()
    found = model.state_dict()
    expected = arrays(folder / "after.npz")
    assert found.keys() == expected.keys()
    for key, array in expected.items():
        np.testing.assert_allclose(found[key].numpy(), array, rtol=0, atol=TOLERANCE, err_msg=key)


@pytest.mark.parametrize("name", CASES)
def test_a_saved_model_is_byte_for_byte_what_was_loaded(oracle: dict[str, Path], name: str, tmp_path: Path):
    folder = oracle[name]
    model = load(folder, name)
    model.save_pretrained(tmp_path)
    again = type(model).from_pretrained(tmp_path)
    for (key, ours), (_, theirs) in zip(again.state_dict().items(), model.state_dict().items(), strict=True):
        assert torch.equal(ours, theirs), key
    assert json.loads((tmp_path / "config.json").read_text())["architectures"] == [model.architecture]


def test_transformers_reads_what_is_saved(oracle: dict[str, Path], oracle_python: Path, tmp_path: Path):
    """Every architecture once: no key is missing or left over, and the outputs are those of the original."""
    saved = []
    for name in CASES:
        if name.endswith((", projected", ", multi label", ", crossed")):
            folder = tmp_path / str(len(saved))
            load(oracle[name], name).save_pretrained(folder)
            saved.append([str(folder), CASES[name]["architecture"], str(oracle[name])])
    (tmp_path / "saved.json").write_text(json.dumps(saved))
    run_oracle(oracle_python, "check", tmp_path)


@pytest.mark.parametrize("use_cache", [True, False])
@pytest.mark.parametrize("number", range(len(GENERATIONS)))
def test_generated_tokens(generated: Path, number: int, use_cache: bool):
    """Greedy or, from the same seed, sampled: token for token, in a batch padded on the left."""
    model = heads.RoFormerForCausalLM.from_pretrained(generated)
    torch.manual_seed(number)
    found = model.generate(**tensors(arrays(generated / "prompts.npz")), **GENERATIONS[number], use_cache=use_cache)
    assert found.tolist() == np.load(generated / f"{number}.npy").tolist()
