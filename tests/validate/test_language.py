"""The page in Chinese: every message is in the table, and no English word of ours is left on any task's page."""

from __future__ import annotations

import ast
import dataclasses
import html
import re
from pathlib import Path
from string import Formatter
from typing import Any

import numpy as np
import pytest

import roformer_edge.validate
from roformer_edge.errors import UnknownNameError
from roformer_edge.validate.data.examples import Example
from roformer_edge.validate.format import counted, milliseconds, moment, percent
from roformer_edge.validate.gates import subjects_of
from roformer_edge.validate.language import (
    LANGUAGES,
    language_tag,
    speaking,
    translate,
    translate_phrases,
    translate_stored,
)
from roformer_edge.validate.messages import CHINESE, COUNTED, STORED
from roformer_edge.validate.predictors import Facts, FileFact, Predictor
from roformer_edge.validate.render import write_report, write_reports
from roformer_edge.validate.render.html import overview_html, to_html
from roformer_edge.validate.report import Report
from roformer_edge.validate.runner import compare
from roformer_edge.validate.tasks import MEASURES
from roformer_edge.validate.tasks.language_model import KINDS, TokenGuesses
from roformer_edge.validate.tasks.question_answering import FoundAnswer
from roformer_edge.validate.tasks.token_classification import ERRORS, GoldEntities, TaggedText
from tests.validate.render.reading import Page
from tests.validate.tables import UNTIMED, with_fixed_figures

PACKAGE = Path(roformer_edge.validate.__file__).parent
FACTS = Facts(
    engine="引擎 1.0",
    provider="处理器",
    recipe="方案",
    threads=1,
    files=(FileFact(path="模型", role="model", bytes=5_000_000), FileFact(path="词表", role="vocabulary", bytes=9_000)),
    truncates=True,
)
# names of tests, products, units and abbreviations, which are the same in Chinese
THE_SAME = {"F1", "ECE", "McNemar", "mid", "Wilson", "roformer", "edge", "Python", "numpy", "MB", "kB", "UTC", "logit"}


def literals(tree: ast.AST, name: str) -> list[str]:
    """The literal first arguments of the calls of a function; of a conditional one both."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name:
            choices = [node.args[0]]
            if isinstance(choices[0], ast.IfExp):
                choices = [choices[0].body, choices[0].orelse]
            found += [one.value for one in choices if isinstance(one, ast.Constant)]
    return found


def used() -> set[str]:
    """Everything that code and templates say through the table, as far as it is written out."""
    messages: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        messages.update(literals(ast.parse(path.read_text(encoding="utf-8")), "translate"))
    for path in PACKAGE.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        messages.update(re.findall(r'\bt\("((?:[^"\\]|\\.)*)"', text))
        messages.update(re.findall(r'else "([^"]*)", name=', text))
    return messages


def test_whatever_is_said_is_in_the_table():
    missing = used() - set(CHINESE)
    assert not missing
    for measure in MEASURES.values():
        for words in (measure.moved, *measure.effects.values(), *(metric.name for metric in measure(()).metrics)):
            assert words in CHINESE, words
        assert measure().name in CHINESE
    for words in (*KINDS.values(), *ERRORS.values()):
        assert words in CHINESE


def test_both_languages_have_the_same_values():
    for english, chinese in {**CHINESE, **STORED}.items():
        names = [{name for _, name, _, _ in Formatter().parse(text) if name} for text in (english, chinese)]
        if english.startswith("{date}"):  # a date is put together of other parts
            names = [{"time"}, {"time"} & names[1]]
        assert names[0] == names[1], english
        assert re.search("[\u4e00-\u9fff]", chinese) or english in ("{number} %", ", ", "; ") or "{" in english


ONE = {"text": "李白在长安"}


def guesses(best: str, value: float) -> TokenGuesses:
    return TokenGuesses(
        expected=("李", "长安"), best=("李", best), log_probabilities=(-0.5, value), places=((0, 1), (3, 5))
    )


# measure -> labels, inputs, gold, answers of the reference, answers of the candidate
CASES: dict[str, tuple[Any, ...]] = {
    "text-classification": (
        ("天气", "开灯", "关灯"),
        [{"text": f"文本{n}"} for n in range(4)],
        ["天气", "开灯", "天气", "关灯"],
        [(2.0, 0.0, 0.0), (0.0, 2.0, 0.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)],
        [(0.0, 2.5, 0.0), (0.0, 2.0, 0.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)],
    ),
    "text-classification/multi-label": (
        ("天气", "开灯"),
        [{"text": "甲"}, {"text": "乙"}],
        [("天气",), ()],
        [(1.0, -1.0), (-1.0, -1.0)],
        [(-1.0, -1.0), (1.0, -1.0)],
    ),
    "text-classification/regression": (
        ("分",),
        [{"text": "甲"}, {"text": "乙"}],
        [0.5, 1.5],
        [(0.5,), (1.5,)],
        [(0.75,), (1.0,)],
    ),
    "token-classification": (
        ("B-人", "I-人", "B-地", "I-地", "O"),
        [ONE, {"text": "长安在西"}],
        [GoldEntities((("人", 0, 2),), (("人", 0, 2),)), GoldEntities((("地", 0, 2),), (("地", 0, 2),))],
        [TaggedText((("人", 0, 2),), scores=(0.9,)), TaggedText((("地", 0, 2),), scores=(0.9,))],
        [TaggedText((("地", 0, 2),), scores=(0.5,)), TaggedText((), scores=(0.8,))],
    ),
    "question-answering": (
        (),
        [{"question": "谁在长安", "context": "李白在长安"}, {"question": "在哪", "context": "李白在长安"}],
        [(("李白", 0),), (("长安", 3),)],
        [FoundAnswer("李白", 0, 2, 0.9), FoundAnswer("在长安", 2, 5, 0.4)],
        [FoundAnswer("白", 1, 2, 0.8), FoundAnswer("长安", 3, 5, 0.6)],
    ),
    "multiple-choice": (
        (),
        [{"context": "甲", "question": "何", "choices": ["一", "二"]}, {"context": "乙", "choices": ["三", "四"]}],
        [0, 1],
        [(0.75, 0.25), (0.5, 0.5)],
        [(0.25, 0.75), (0.25, 0.75)],
    ),
    "fill-mask": ((), [ONE], [None], [guesses("长安", -1.0)], [guesses("洛阳", -2.0)]),
    "text-generation": ((), [ONE], [None], [guesses("长安", -1.0)], [guesses("洛阳", -2.0)]),
    "feature-extraction": (
        (),
        [{"text": text, "text_pair": text} for text in "甲乙丙"],
        [0.1, 0.5, 0.9],
        [[(1.0, 0.0), (1.0, 0.1)], [(0.9, 0.3), (0.5, 0.5)], [(0.0, 1.0), (0.2, 1.0)]],
        [[(0.0, 1.0), (1.0, 0.1)], [(0.9, 0.3), (0.1, 0.9)], [(1.0, 0.0), (0.2, 1.0)]],
    ),
}
ARRAYS = ("text-classification", "multiple-choice", "feature-extraction")


def report_of(name: str, **options: Any) -> Report:
    """A report of a task whose data and names are Chinese, so that whatever is English is ours."""
    labels, inputs, golds, ours, theirs = CASES[name]
    task, _, variant = name.partition("/")
    kind = {"multi-label": "multi_label_classification", "regression": "regression"}.get(variant)

    def side(title: str, rows: list[Any]) -> Predictor:
        table = {repr(value): row for value, row in zip(inputs, rows, strict=True)}

        def answer(asked: Any, *, batch_size: int) -> list[Any]:
            found = [table[repr(value)] for value in asked]
            return [np.array(row, dtype=np.float32) for row in found] if task in ARRAYS else found

        return Predictor(name=title, answer=answer, labels=labels, facts=FACTS, problem_type=kind)

    examples = [
        Example(inputs=value, gold=gold, line=n + 1, id=f"第{n}", others={} if n == 1 else {"类别": "甲"})
        for n, (value, gold) in enumerate(zip(inputs, golds, strict=True))
    ]
    chosen = dataclasses.replace(UNTIMED, task=task, data_name="数据", slices=("length", "类别"), **options)
    report = with_fixed_figures(compare(side("参考甲", ours), side("待测乙", theirs), examples, chosen))
    made = dataclasses.replace(report.provenance, machine="机器", version="1", python="3", numpy="2")
    return dataclasses.replace(report, provenance=made)


def english_on(source: str, *gates: str) -> set[str]:
    """Words in Latin letters that a reader, or a screen reader, meets on a page, but for gates as users type them."""
    for gate in gates:
        source = source.replace(html.escape(gate), "")
    shown = re.sub(r"<style>.*?</style>", "", source, flags=re.DOTALL)
    spoken = re.findall(r'(?:aria-label|data-name|title|alt)="([^"]*)"', shown)
    text = re.sub(r"sha256 [0-9a-f]{64}", "", " ".join([Page(shown).text, *spoken]))
    return set(re.findall(r"[A-Za-z]{2,}\d*", text)) - THE_SAME


@pytest.mark.parametrize("name", CASES)
def test_no_english_word_of_ours_is_left_on_the_page(name):
    subjects = subjects_of(MEASURES[name](CASES[name][0]).metrics)
    first = next(iter(subjects))
    earlier = report_of(name)
    report = report_of(name, baseline=earlier, max_drop=1.0, gates=(f"{first} <= 90", "size <= 1MB", "agreement >= 1%"))
    other = dataclasses.replace(
        report.since,
        counts=tuple(dataclasses.replace(row, count=1) for row in report.since.counts),
        differences=(("machine", "甲", "乙"), ("whether long texts are cut", "True", "False")),
    )
    plain = dataclasses.replace(report.since, differences=())
    asked = [gate.text for gate in report.all_gates]
    for one in (
        earlier,
        dataclasses.replace(report, since=plain),
        dataclasses.replace(report, since=other, timing=None),
    ):
        with speaking("zh"):
            page = to_html(one)
        assert english_on(page, *asked) == set()
        assert '<html lang="zh-CN">' in page
    assert english_on(to_html(report)), "the test would not see English"


def test_every_case_is_there():
    assert set(CASES) == set(MEASURES)


def test_pages_of_several_candidates_and_of_other_shapes_have_none_either():
    """Nothing moved, nothing measured, more labels than a matrix holds, over the budget and within it."""
    report = report_of("text-classification")
    labels = tuple(f"标签{n}" for n in range(60))
    texts = [f"文本{n}" for n in range(50)]

    def many(shift: int) -> Predictor:
        rows = {text: np.eye(60, dtype=np.float32)[n + shift * (n % 2)] for n, text in enumerate(texts)}
        return Predictor(name="甲", labels=labels, answer=lambda asked, *, batch_size: [rows[v["text"]] for v in asked])

    examples = [Example(inputs={"text": text}, gold=labels[n]) for n, text in enumerate(texts)]
    options = dataclasses.replace(UNTIMED, data_name="数据", max_drop=90.0)
    shapes = [compare(many(0), many(shift), examples, options) for shift in (0, 1)]
    shapes.append(compare(many(0), many(1), examples, dataclasses.replace(options, max_drop=1.0)))
    for one in (*shapes, dataclasses.replace(shapes[1], changes=())):
        with speaking("zh"):
            assert english_on(to_html(dataclasses.replace(one, provenance=report.provenance))) == set()
    with speaking("zh"):
        assert english_on(overview_html([report, dataclasses.replace(report, budget=0.1)])) == set()


def test_dates_and_numbers_are_written_as_chinese_readers_do():
    with speaking("zh"):
        assert moment("2026-01-05T23:59:59Z") == "2026年1月5日 23:59（UTC）"
        assert percent(0.5) == "50.00%"
        assert milliseconds(2.0) == "2.00 毫秒"
        assert counted(1200, "example") == "1,200 条样本"
        assert language_tag() == "zh-CN"
    assert moment("2026-01-05T23:59:59Z") == "2026-01-05 23:59 UTC"
    assert counted(1, "example") == "1 example"
    assert language_tag() == "en"


def test_sentences_that_a_report_holds_are_known_again():
    with speaking("zh"):
        assert translate_stored("not measured: the fresh process failed: {x}\nsee") == "未测量：独立进程失败：{x}\nsee"
        assert translate_stored("1–8 characters") == "1–8 个字符"
        assert translate_stored("多少 characters") == "多少 characters"
        rule = (
            "Timed in turns at the lengths of a.jsonl, 1 thread, fastest of 9 runs of the graph in ms of processor "
            "time. The quickest within a drop of 1 points of accuracy on 40 examples is chosen; within 3 % of its "
            "time, the one with the smallest error."
        )
        assert translate_stored(rule).startswith("按 a.jsonl 的长度轮流计时（1 thread；取 9 次")
        assert translate_phrases("the state of [CLS] beside the mean of the states, divided by its length") == (
            "[CLS] 的状态与各状态的平均值，除以自身长度"
        )
        assert translate_phrases("a dense layer (2_Dense) to 256 with the activation tanh") == (
            "全连接层（2_Dense），输出 256 维，激活函数 tanh"
        )
    assert translate_stored("1–8 characters") == "1–8 characters"


def test_words_of_the_data_are_not_translated():
    labels = ("accuracy", "Gates", "reference")
    rows = np.eye(3, dtype=np.float32)
    side = Predictor(
        name="甲", labels=labels, answer=lambda asked, *, batch_size: [rows[len(v["text"])] for v in asked]
    )
    examples = [Example(inputs={"text": "字" * n}, gold=label) for n, label in enumerate(labels)]
    report = compare(side, side, examples, UNTIMED)
    with speaking("zh"):
        text = Page(to_html(report)).text
    assert {"accuracy", "Gates", "reference"} <= set(re.findall(r"[A-Za-z]+", text))


def test_only_the_page_is_in_another_language(small_report, tmp_path):
    english = {path.name: path.read_bytes() for path in write_report(small_report, tmp_path / "en")}
    chinese = {path.name: path.read_bytes() for path in write_report(small_report, tmp_path / "zh", language="zh")}
    assert [name for name in english if english[name] != chinese[name]] == ["report.html"]
    # a page in one language may be replaced by one in the other
    write_report(small_report, tmp_path / "zh")
    write_report(small_report, tmp_path / "zh", language="zh")
    write_reports([small_report, small_report], tmp_path / "two", language="zh")
    for path in ("report.html", "candidate-1/report.html"):
        assert 'lang="zh-CN"' in (tmp_path / "two" / path).read_text(encoding="utf-8")
    with pytest.raises(UnknownNameError, match="unknown language of the report 'fr'; choose one of: en, zh"):
        write_report(small_report, tmp_path / "fr", language="fr")
    assert list(LANGUAGES) == ["en", "zh"]


def test_what_is_counted_has_its_measure_word():
    source = "".join(path.read_text(encoding="utf-8") for path in [*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.html")])
    nouns = set(re.findall(r"counted\([^\"']*, [\"'](\w+)[\"']\)", source))
    assert nouns <= set(COUNTED), nouns
    with speaking("zh"):
        assert translate("no such message") == "no such message"
