"""The little grammar that the training sentences of our own are drawn from."""

from __future__ import annotations

import importlib
import random
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture(scope="module")
def grammar_class():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(EXAMPLES)
        return importlib.import_module("request_grammar").Grammar


def drawn(grammar, label: str, times: int = 400) -> set[str]:
    rng = random.Random(0)
    return {grammar.draw(label, rng) for _ in range(times)}


@pytest.mark.parametrize(
    ("line", "sentences"),
    [
        ("(开|关)灯", {"开灯", "关灯"}),
        ("{请}开灯", {"请开灯", "开灯"}),
        ("{请|快}走", {"请走", "快走", "走"}),
        ("开灯 | 关(灯|窗)", {"开灯", "关灯", "关窗"}),
        ("(快)?开的?灯", {"快开的灯", "快开灯", "开的灯", "开灯"}),
        ("{把{大|小}}<thing>", {"把大灯", "把小灯", "把灯", "灯", "把大窗", "把小窗", "把窗", "窗"}),
    ],
)
def test_notation(grammar_class, tmp_path, line, sentences):
    path = tmp_path / "grammar.txt"
    path.write_text(f"# note\nthing = 灯 | 窗\n\n[Label]\n{line}\n", encoding="utf-8")
    assert drawn(grammar_class.read(path), "Label") == sentences


def test_lines_count_the_same_whatever_they_stand_for(grammar_class, tmp_path):
    path = tmp_path / "grammar.txt"
    path.write_text("[Label]\n(一|二|三|四|五|六|七|八|九)\n零\n", encoding="utf-8")
    grammar, rng = grammar_class.read(path), random.Random(0)
    share = sum(grammar.draw("Label", rng) == "零" for _ in range(4000)) / 4000
    assert 0.45 < share < 0.55


@pytest.mark.parametrize("line", ["(开|关", "{开", "开)", "?开", "<nothing>灯", "<灯"])
def test_mistakes_name_their_line(grammar_class, tmp_path, line):
    path = tmp_path / "grammar.txt"
    path.write_text(f"[Label]\n开灯\n{line}\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"grammar\.txt:3: "):
        grammar_class.read(path)


def test_spoken_requests_cover_every_label(grammar_class, shared_data, read_jsonl):
    folder = shared_data / "classification" / "ha_intents_zh_cn"
    labels = {row["label"] for split in ("train", "dev", "test") for row in read_jsonl(folder / f"{split}.jsonl")}
    grammar = grammar_class.read(EXAMPLES / "spoken_requests.txt")
    assert set(grammar.lines) == labels
    for label in labels:
        texts = drawn(grammar, label)
        assert len(texts) > 100
        assert all(not set("(){}<>|?") & set(text) for text in texts)
