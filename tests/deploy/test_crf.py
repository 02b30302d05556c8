"""A token classifier with a conditional random field: from the checkpoint through the bundle to answers."""

from __future__ import annotations

import itertools
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

import roformer_edge
from roformer_edge.deploy.journey import deploy_checkpoint
from roformer_edge.deploy.options import DeployOptions
from roformer_edge.errors import BundleError
from roformer_edge.formats import FORMATS
from roformer_edge.models.torch.heads import RoFormerForTokenClassification
from tests.tiny_checkpoint import TEXTS, crf_scores, tiny_config, write_lines, write_vocabulary

LABELS = ("O", "B-灯", "I-灯")


@pytest.fixture(scope="module")
def scores() -> dict[str, np.ndarray]:
    return crf_scores(len(LABELS))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory, scores: dict[str, np.ndarray]) -> Path:
    folder = tmp_path_factory.mktemp("crf") / "checkpoint"
    torch.manual_seed(2)
    config = tiny_config(id2label=dict(enumerate(LABELS)))
    RoFormerForTokenClassification(config).save_pretrained(folder)
    weights = load_file(folder / "model.safetensors")
    save_file({**weights, **scores}, folder / "model.safetensors")
    write_vocabulary(folder)
    return folder


@pytest.fixture(scope="module")
def bundle(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("crf") / "bundle"
    return deploy_checkpoint(checkpoint, out, DeployOptions(recipe="fp32", keep_weights=True)).bundle


def best_labels(checkpoint: Path, scores: dict[str, np.ndarray], text: str) -> list[str]:
    """Every sequence of labels is scored on torch's logits."""
    tokenizer = roformer_edge.RoFormerTokenizer.from_pretrained(checkpoint)
    model = RoFormerForTokenClassification.from_pretrained(checkpoint).eval()
    with torch.no_grad():
        logits = model(torch.tensor([tokenizer.encode(text)])).logits[0].numpy()

    def score(labels: tuple[int, ...]) -> float:
        steps = sum(float(scores["crf.transitions"][pair]) for pair in itertools.pairwise(labels))
        ends = float(scores["crf.start_transitions"][labels[0]] + scores["crf.end_transitions"][labels[-1]])
        return float(logits[range(len(labels)), labels].sum()) + steps + ends

    best = max(itertools.product(range(3), repeat=len(logits)), key=score)
    return [LABELS[label] for label in best[1:-1]]


@pytest.mark.parametrize("name", FORMATS)
def test_a_bundle_of_every_format_decodes_with_it(checkpoint, bundle, tmp_path, name) -> None:
    made = deploy_checkpoint(checkpoint, tmp_path / "bundle", DeployOptions(recipe="fp32", format=name)).bundle
    wanted, found = (roformer_edge.load(one)(list(TEXTS), aggregation="none") for one in (bundle, made))
    assert [[entity.label for entity in entities] for entities in found] == [
        [entity.label for entity in entities] for entities in wanted
    ]
    scores = [[entity.score for entities in answers for entity in entities] for answers in (found, wanted)]
    np.testing.assert_allclose(*scores, atol=1e-4)


@pytest.mark.parametrize("text", [text for text in TEXTS if len(text) <= 8])
def test_answers_are_the_most_probable_sequences(checkpoint, scores, bundle, text) -> None:
    found = roformer_edge.load(bundle)(text, aggregation="none")
    assert [entity.label for entity in found] == best_labels(checkpoint, scores, text)


def test_a_quantised_bundle_has_them_too(bundle, tmp_path, scores) -> None:
    made = deploy_checkpoint(bundle, tmp_path / "int8", DeployOptions(recipe="int8-dynamic"))
    loaded = roformer_edge.load(made.bundle)
    assert np.array_equal(loaded.crf.transitions, scores["crf.transitions"])
    assert np.array_equal(loaded.crf.end, scores["crf.end_transitions"])


def test_a_report_compares_answers_with_it_on_both_sides(checkpoint, bundle, tmp_path) -> None:
    pipeline = roformer_edge.load(bundle)
    rows = []
    for text in TEXTS:
        entities = [{"start": one.start, "end": one.end, "label": one.label} for one in pipeline(text)]
        rows.append({"text": text, "entities": entities})
    data = write_lines(tmp_path / "data.jsonl", rows)
    made = deploy_checkpoint(checkpoint, tmp_path / "out", DeployOptions(recipe="fp32", evaluation=data))
    assert made.report.gated.reference == made.report.gated.candidate == 1.0
    assert made.report.agreement.share == 1.0


@pytest.mark.parametrize("change", [{"start": [1.0, 2.0]}, {"end": ["a", "b", "c"]}, {"more": 1}])
def test_scores_that_do_not_fit_are_refused(bundle, tmp_path, change) -> None:
    copy = shutil.copytree(bundle, tmp_path / "bundle")
    values = json.loads((copy / "crf.json").read_text()) | change
    (copy / "crf.json").write_text(json.dumps(values))
    manifest = json.loads((copy / "manifest.json").read_text())
    entry = next(entry for entry in manifest["files"] if entry["role"] == "crf")
    entry["bytes"] = (copy / "crf.json").stat().st_size
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match=r"crf\.json"):
        roformer_edge.load(copy, verify=False)
