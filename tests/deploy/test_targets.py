"""Every target's own choices make a bundle for it; what it cannot compute is refused with its reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from roformer_edge.deploy.journey import deploy_checkpoint
from roformer_edge.deploy.options import DeployOptions
from roformer_edge.deploy.targets import TARGETS
from roformer_edge.errors import OptionError, UnknownNameError
from roformer_edge.formats import FORMATS
from roformer_edge.quantize.recipe import STATIC, get_recipe
from roformer_edge.runtime.loading import load
from roformer_edge.signatures import fixed_size
from tests.tiny_checkpoint import labelled, write_checkpoint


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("checkpoint") / "tiny", max_position_embeddings=128)


@pytest.mark.parametrize("name", TARGETS)
def test_a_targets_own_choices_make_a_bundle_that_answers(name, checkpoint, tmp_path) -> None:
    target = TARGETS[name]
    static = STATIC in {rule.scheme for rule in get_recipe(target.recipe).rules}
    calibration = labelled(tmp_path / "dev.jsonl") if static else None
    made = deploy_checkpoint(checkpoint, tmp_path / "bundle", DeployOptions.for_target(name, calibration=calibration))
    manifest = made.manifest
    assert (manifest.format, manifest.recipe.name) == (target.format, target.recipe)
    assert manifest.minimum_runtime == FORMATS[target.format].runtimes[target.runtime]
    widths = [fixed_size(signature.inputs[0].axes[1]) for signature in manifest.signatures.values()]
    assert sorted(filter(None, widths)) == list(target.lengths)
    with load(made.bundle, self_test=True) as pipeline:
        assert pipeline("把客厅的灯打开").label


@pytest.mark.parametrize(
    ("name", "asked", "found"),
    [
        ("cpu", {"format": "onnx"}, "tflite or left out for the target cpu: XNNPACK"),
        ("old-android", {"runtime": "litert-2"}, "tflite-2.14 or left out"),
        ("android-gpu", {"recipe": "int8-dynamic"}, "and not int8-dynamic, int8-rows for the target android-gpu"),
        ("android-npu", {"recipe": "fp16"}, "and not float16 for the target"),
        ("android-npu", {"lengths": ()}, "one or several numbers of tokens"),
        ("edgetpu", {"lengths": (32, 64)}, "one number of tokens for the target edgetpu"),
        ("server", {"recipe": "int4"}, "and not int4-dynamic, int4-rows"),
    ],
)
def test_what_a_target_cannot_compute_is_refused(name, asked, found) -> None:
    with pytest.raises(OptionError, match=found):
        DeployOptions.for_target(name, **asked)


def test_recipes_and_lengths_that_a_target_can_compute_are_taken() -> None:
    options = DeployOptions.for_target("android-npu", recipe="int8-embeddings", lengths=(16,), max_length=32)
    assert (options.recipe, options.lengths, options.max_length) == ("int8-embeddings", (16,), 32)


def test_another_target_is_refused_with_those_there_are() -> None:
    with pytest.raises(UnknownNameError, match="old-android"):
        DeployOptions.for_target("toaster")
