"""The torch models against transformers 4.57.6, live, in its own interpreter."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch_cases import GENERATIONS, LEARNING_RATE, TOLERANCE, cases
from torch_fixtures import run_oracle

from roformer_edge.models import torch_roformer
from roformer_edge.models.outputs import ModelOutput
from roformer_edge.models.torch_pretrained import RoFormerPreTrainedModel

CASES = cases()

pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore:RoFormerForCausalLM sees the future")]


def tensors(path: Path) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(array) for name, array in np.load(path).items()}


def load(folder: Path, name: str) -> RoFormerPreTrainedModel:
    return getattr(torch_roformer, CASES[name]["architecture"]).from_pretrained(folder)


def flatten(name: str, value: object) -> dict[str, np.ndarray]:
    if isinstance(value, tuple):
        return {key: array for i, part in enumerate(value) for key, array in flatten(f"{name}.{i}", part).items()}
    assert isinstance(value, torch.Tensor)
    return {name: value.detach().numpy()}


def assert_equal(output: ModelOutput, expected: dict[str, np.ndarray]) -> None:
    # the original computes the cross-attentions of a masked language model and leaves them out of its answer
    names = [name for name in output if name != "cross_attentions" or "cross_attentions.0" in expected]
    found = {key: array for name in names for key, array in flatten(name, output[name]).items()}
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, rtol=0, atol=TOLERANCE, err_msg=name)


@pytest.mark.parametrize("name", CASES)
def test_outputs_hidden_states_attentions_and_loss(oracle: dict[str, Path], name: str):
    folder = oracle[name]
    inputs = tensors(folder / "inputs.npz") | tensors(folder / "labels.npz")
    with torch.no_grad():
        output = load(folder, name)(**inputs, output_attentions=True, output_hidden_states=True)
    assert_equal(output, dict(np.load(folder / "outputs.npz")))


@pytest.mark.parametrize("name", CASES)
def test_the_quick_path_gives_the_same(oracle: dict[str, Path], name: str):
    """Without attention weights the models take another kernel."""
    folder = oracle[name]
    with torch.no_grad():
        output = load(folder, name)(**tensors(folder / "inputs.npz"))
    expected = dict(np.load(folder / "outputs.npz"))
    skipped = ("loss", "hidden_states", "attentions", "cross_attentions")
    assert_equal(output, {key: array for key, array in expected.items() if key.split(".")[0] not in skipped})


@pytest.mark.parametrize("name", CASES)
def test_a_head_mask_and_embeddings_in_place_of_ids(oracle: dict[str, Path], name: str):
    folder = oracle[name]
    model = load(folder, name)
    inputs = tensors(folder / "inputs.npz")
    heads = torch.ones(model.config.num_hidden_layers, model.config.num_attention_heads)
    heads[0, 0] = 0.0
    with torch.no_grad():
        words = model.get_input_embeddings()(inputs.pop("input_ids"))
        output = model(**inputs, inputs_embeds=2 * words, head_mask=heads)
    assert_equal(output, dict(np.load(folder / "variant.npz")))


@pytest.mark.parametrize("name", [name for name in CASES if not name.startswith("RoFormerModel")])
@pytest.mark.parametrize("checkpointing", [False, True])
def test_one_step_of_gradient_descent(oracle: dict[str, Path], name: str, checkpointing: bool):
    folder = oracle[name]
    model = load(folder, name)
    if checkpointing:
        if model.config.hidden_dropout_prob:  # dropout draws random numbers in training mode only
            model.apply(lambda module: setattr(module, "p", 0.0) if isinstance(module, torch.nn.Dropout) else None)
        model.train()
        model.gradient_checkpointing_enable()
    model(**tensors(folder / "inputs.npz"), **tensors(folder / "labels.npz")).loss.backward()
    torch.optim.SGD(model.parameters(), lr=LEARNING_RATE).step()
    found = model.state_dict()
    expected = dict(np.load(folder / "after.npz"))
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
    model = torch_roformer.RoFormerForCausalLM.from_pretrained(generated)
    torch.manual_seed(number)
    found = model.generate(**tensors(generated / "prompts.npz"), **GENERATIONS[number], use_cache=use_cache)
    assert found.tolist() == np.load(generated / f"{number}.npy").tolist()
