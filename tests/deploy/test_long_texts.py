"""Texts longer than the model takes, from the files that calibrate and measure to the answers of both formats."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

import roformer_edge
from roformer_edge.cli.main import main
from roformer_edge.config import RoFormerConfig
from roformer_edge.crf import Crf
from roformer_edge.deploy.journey import deploy_checkpoint
from roformer_edge.deploy.options import DeployOptions
from roformer_edge.errors import DatasetError
from roformer_edge.formats import FORMATS
from roformer_edge.models.torch import heads
from tests.tiny_checkpoint import TEXTS, TOKENS, write_lines

LABELS = ("O", "B-灯", "I-灯")
LONG = "".join(TEXTS) * 2
POSITIONS = 32
SHARED = 15  # half of what fits between [CLS] and [SEP]


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "crf"])
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("long") / "checkpoint"
    torch.manual_seed(2)
    config = RoFormerConfig(
        vocab_size=len(TOKENS),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=48,
        max_position_embeddings=POSITIONS,
        id2label=dict(enumerate(LABELS)),
    )
    model = heads.RoFormerForTokenClassification(config)
    torch.nn.init.normal_(model.classifier.weight)
    model.save_pretrained(folder)
    if request.param:
        rng = np.random.default_rng(5)
        shapes = {"start_transitions": (3,), "end_transitions": (3,), "transitions": (3, 3)}
        scores = {f"crf.{name}": (2 * rng.standard_normal(shape)).astype(np.float32) for name, shape in shapes.items()}
        save_file({**load_file(folder / "model.safetensors"), **scores}, folder / "model.safetensors")
    (folder / "vocab.txt").write_text("\n".join(TOKENS) + "\n", encoding="utf-8")
    return folder


def expected_labels(checkpoint: Path, text: str) -> list[str]:
    """Window by window in torch, each token decided by the window in whose middle it stands."""
    tokenizer = roformer_edge.RoFormerTokenizer.from_pretrained(checkpoint)
    model = heads.RoFormerForTokenClassification.from_pretrained(checkpoint).eval()
    first, *tokens, last = tokenizer.encode(text)
    room = POSITIONS - 2
    starts = range(0, len(tokens) - room + SHARED, room - SHARED)
    assert len(starts) > 2
    chosen: dict[int, tuple[int, np.ndarray]] = {}
    ends = []
    for start in starts:
        part = tokens[start : start + room]
        with torch.no_grad():
            logits = model(torch.tensor([[first, *part, last]])).logits[0].numpy()
        ends.append(logits)
        for place in range(len(part)):
            before = 1000 if start == 0 else place
            after = 1000 if start + len(part) == len(tokens) else len(part) - 1 - place
            if start + place not in chosen or min(before, after) > chosen[start + place][0]:
                chosen[start + place] = (min(before, after), logits[place + 1])
    logits = np.stack([ends[0][0], *(chosen[index][1] for index in range(len(tokens))), ends[-1][-1]])
    stored = load_file(checkpoint / "model.safetensors")
    if "crf.transitions" in stored:
        names = {"start": "start_transitions", "end": "end_transitions", "transitions": "transitions"}
        crf = Crf(**{name: stored[f"crf.{key}"] for name, key in names.items()})
        return [LABELS[label] for label in crf.best_labels(logits.astype(np.float64))[1:-1]]
    return [LABELS[label] for label in logits[1:-1].argmax(axis=1)]


@pytest.mark.parametrize("name", FORMATS)
def test_every_token_of_a_long_text_is_labelled(checkpoint: Path, tmp_path: Path, name: str) -> None:
    made = deploy_checkpoint(checkpoint, tmp_path / "bundle", DeployOptions(recipe="fp32", format=name)).bundle
    with roformer_edge.load(made) as find:
        entries = find(LONG, aggregation="none", stride=SHARED)
        assert [entry.label for entry in entries] == expected_labels(checkpoint, LONG)
        assert {"O", *LABELS} & {entry.label for entry in entries} != {"O"}
        assert "".join(entry.text for entry in entries) == LONG.replace(" ", "")
        assert find(LONG) == find([LONG, "好"])[0]
        # a text that fits is answered as ever
        for text in TEXTS:
            assert find(text, stride=SHARED) == find(text, truncation=True)


def test_run_validate_and_deploy_take_them(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with roformer_edge.load(
        deploy_checkpoint(checkpoint, tmp_path / "bundle", DeployOptions(recipe="fp32")).bundle
    ) as find:
        gold = find(LONG)
    row = {"text": LONG, "entities": [{"start": one.start, "end": one.end, "label": one.label} for one in gold]}
    assert gold
    assert gold[-1].end > len(LONG) - 20
    data = write_lines(tmp_path / "data.jsonl", [row])
    made = tmp_path / "int8"
    words = [str(checkpoint), "--task", "token-classification", "--recipe", "int8-static", "--calibration", str(data)]
    assert main(["deploy", *words, "--eval", str(data), "--out", str(made)]) == 0
    # of the reference: it found all, to the end of the text
    assert capsys.readouterr().out.split("F1")[1].split()[0] == "100.00"
    assert main(["run", str(tmp_path / "bundle"), "--input", str(data)]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert [(one["start"], one["end"]) for one in json.loads(line)["entities"]] == [
        (one.start, one.end) for one in gold
    ]
    validate = ["validate", str(tmp_path / "bundle"), "--reference", str(checkpoint), "--data", str(data)]
    assert main([*validate, "--max-drop", "0"]) == 0


def calibrated(tmp_path: Path, checkpoint: Path, task: str, row: dict, **options: object) -> dict:
    data = write_lines(tmp_path / "rows.jsonl", [row])
    asked = DeployOptions(task=task, recipe="int8-static", calibration=data, **options)
    made = deploy_checkpoint(checkpoint, tmp_path / f"made {len(list(tmp_path.iterdir()))}", asked).bundle
    return json.loads((made / "recipe.json").read_text(encoding="utf-8"))["calibration"]["ranges"]


def test_calibration_sees_long_texts_to_their_end(checkpoint: Path, tmp_path: Path) -> None:
    task = "token-classification"
    whole = calibrated(tmp_path, checkpoint, task, {"text": LONG})
    assert whole != calibrated(tmp_path, checkpoint, task, {"text": LONG}, truncation=True)
    assert whole != calibrated(tmp_path, checkpoint, task, {"text": LONG[: len(LONG) // 2]})


def test_calibration_of_question_answering_reads_contexts_in_windows(tmp_path: Path) -> None:
    config = RoFormerConfig(
        vocab_size=len(TOKENS),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=48,
        max_position_embeddings=POSITIONS,
    )
    heads.RoFormerForQuestionAnswering(config).save_pretrained(tmp_path / "checkpoint")
    (tmp_path / "checkpoint" / "vocab.txt").write_text("\n".join(TOKENS) + "\n", encoding="utf-8")
    row = {"question": "今天", "context": LONG}
    whole = calibrated(tmp_path, tmp_path / "checkpoint", "question-answering", row)
    short = {"question": "今天", "context": LONG[: len(LONG) // 2]}
    assert whole != calibrated(tmp_path, tmp_path / "checkpoint", "question-answering", short)
    with pytest.raises(DatasetError, match="36 tokens, the model takes 32"):
        calibrated(
            tmp_path, tmp_path / "checkpoint", "question-answering", {"question": "今天天气" * 8, "context": "好"}
        )
