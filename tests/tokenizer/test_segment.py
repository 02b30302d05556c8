"""The cutter over the packed dictionary."""

from __future__ import annotations

import importlib.util
import math
import random
import struct
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roformer_edge.errors import UnknownNameError, VocabularyError
from roformer_edge.tokenizer.segment import LONGEST, WORDS_PATH, WordSegmenter, WordTrie, make_segmenter

MIXED = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from("北京大学研究生命起源的一二三人民中国上海"),
        st.sampled_from("abcXYZ0189+#&._%-\r\n 。，γ𠀀豈㐀"),
    )
)


@pytest.fixture(scope="module")
def segmenter() -> WordSegmenter:
    return WordSegmenter()


@pytest.fixture(scope="module")
def rjieba_cut():
    if importlib.util.find_spec("rjieba") is None:
        pytest.skip("rjieba is not installed")
    return make_segmenter("rjieba").cut


def build_words():
    path = Path(__file__).resolve().parents[2] / "scripts" / "build_words.py"
    spec = importlib.util.spec_from_file_location("build_words", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("北京大学研究生命的起源", ["北京大学", "研究", "生命", "的", "起源"]),
        ("我用Python3写C++代码", ["我", "用", "Python3", "写", "C++", "代码"]),
        ("abc++", ["ab", "c++"]),
        ("a.b-c 1", ["a", ".", "b", "-", "c", " ", "1"]),
        ("你\r\n好\r\n\n\r", ["你", "\r\n", "好", "\r\n", "\n", "\r"]),
        # the dictionary holds it, but runs do not reach over a Greek letter
        ("γ射线", ["γ", "射线"]),
        ("😀，。", ["😀", "，", "。"]),
    ],
)
def test_words(segmenter: WordSegmenter, text: str, words: list[str]):
    assert segmenter.cut(text) == words


@settings(deadline=None)
@given(MIXED)
def test_nothing_is_left_out(text: str):
    assert "".join(WordSegmenter(WORDS).cut(text)) == text


@settings(deadline=None)
@given(MIXED)
def test_equals_rjieba(text: str):
    if importlib.util.find_spec("rjieba") is None:
        pytest.skip("rjieba is not installed")
    text = "".join(character for character in text if not "\ud800" <= character <= "\udfff")
    assert WordSegmenter(WORDS).cut(text) == make_segmenter("rjieba").cut(text)


def test_equals_rjieba_on_dictionary_words(segmenter: WordSegmenter, rjieba_cut):
    if importlib.util.find_spec("jieba") is None:
        pytest.skip("jieba is not installed")
    words = sorted(build_words().read_dictionary(build_words().find_dictionary()))
    source = random.Random(7)
    for _ in range(3000):
        text = "".join(source.choice(words)[: source.randrange(1, 5)] for _ in range(source.randrange(1, 12)))
        assert segmenter.cut(text) == rjieba_cut(text)


@pytest.mark.parametrize("filler", ["北京大学研究生命", "a", "。", "字\r\n", "一二三，"])
def test_chunks_do_not_show(segmenter: WordSegmenter, filler: str):
    text = filler * (3 * WordSegmenter.CHUNK // len(filler))
    assert len(text) > 2 * WordSegmenter.CHUNK
    assert segmenter.cut(text) == segmenter._cut(text)


def test_the_packed_dictionary_is_what_the_script_builds():
    if importlib.util.find_spec("jieba") is None:
        pytest.skip("jieba is not installed")
    script = build_words()
    assert Path(WORDS_PATH).read_bytes() == script.pack(script.read_dictionary(script.find_dictionary()))


def test_the_trie_holds_the_dictionary():
    script = build_words()
    words = {"甲": 5, "甲乙": 3, "甲乙丙": 3, "a": 1, "丁丙": 8}
    segmenter = WordSegmenter(WordTrie(script.pack(words)))
    assert segmenter.cut("甲乙丙丁丙a") == ["甲乙丙", "丁丙", "a"]
    # 乙 begins no word: it counts as seen once, and 甲 with it as less than 甲乙
    assert segmenter.cut("乙甲乙") == ["乙", "甲乙"]


def test_of_two_equal_paths_the_longer_first_word_wins():
    # ln 2 + ln 8 = ln 4 + ln 4
    segmenter = WordSegmenter(WordTrie(build_words().pack({"甲": 2, "乙丙": 8, "甲乙": 4, "丙": 4})))
    assert segmenter.cut("甲乙丙") == ["甲乙", "丙"]
    # sums begin anew behind a character outside runs: what lies there would be added first, and rounded differently
    for count in range(40):
        assert segmenter.cut("甲乙丙。" + "丁" * count)[:2] == ["甲乙", "丙"]


def plain_cut(words: dict[str, int], text: str) -> list[str]:
    """Cut a text of characters inside runs as the definition says, without a trie."""
    total = math.log(sum(words.values()))
    best = [(0.0, 0)] * (len(text) + 1)
    for start in reversed(range(len(text))):
        ends = [end for end in range(start + 1, len(text) + 1) if text[start:end] in words]
        sums = [(math.log(words[text[start:end]]) - total + best[end][0], end) for end in ends]
        best[start] = max(sums, default=(0.0 - total + best[start + 1][0], start + 1))
    cut, start = [], 0
    while start < len(text):
        cut.append(text[start : best[start][1]])
        start = best[start][1]
    return cut


# frequencies of which many products are equal, so that many paths are
@settings(deadline=None, max_examples=300)
@given(
    st.dictionaries(
        st.text(st.sampled_from("甲乙"), min_size=1, max_size=4), st.sampled_from((1, 2, 4, 8)), min_size=4
    ),
    st.text(st.sampled_from("甲甲甲乙丁"), min_size=4, max_size=30),
)
def test_the_best_path_is_that_of_the_definition(words: dict[str, int], text: str):
    assert WordSegmenter(WordTrie(build_words().pack(words))).cut(text) == plain_cut(words, text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        # a letter that the dictionary has a word for is glued no less, and a word of two letters is not
        ("aab", ["aa", "b"]),
        ("baab", ["b", "aa", "b"]),
        ("a1甲b2", ["a1", "甲", "b2"]),
        ("\r\n\n\r\r\na\r\n", ["\r\n", "\n", "\r", "\r\n", "a", "\r\n"]),
        ("1" * 5, ["11111"]),
    ],
)
def test_what_is_glued(text: str, words: list[str]):
    dictionary = {"a": 9, "aa": 9, "甲": 1}
    assert WordSegmenter(WordTrie(build_words().pack(dictionary))).cut(text) == words


def test_a_prefix_that_is_no_word_is_cut_to_a_character():
    segmenter = WordSegmenter(WordTrie(build_words().pack({"甲乙丙": 1})))
    assert segmenter.cut("甲乙丁甲乙丙") == ["甲", "乙", "丁", "甲乙丙"]


def test_bytes_and_paths_are_equal(segmenter: WordSegmenter):
    from_bytes = make_segmenter("words", Path(WORDS_PATH).read_bytes())
    text = "研究生命起源，北京大学。"
    assert from_bytes.cut(text) == make_segmenter("words", Path(WORDS_PATH)).cut(text) == segmenter.cut(text)


@pytest.mark.parametrize(
    "damage", [lambda data: b"", lambda data: data[:-1], lambda data: b"x" + data[1:], lambda data: data[:20]]
)
def test_a_damaged_dictionary_is_refused(damage):
    data = Path(WORDS_PATH).read_bytes()
    with pytest.raises(VocabularyError, match=r"word dictionary|truncated or damaged"):
        WordTrie(damage(data))


def parts_of(data: bytes) -> list[int]:
    """Where the scores, first children, labels and values of a packed dictionary begin, and its end."""
    nodes, scores = struct.unpack_from("<II", data, 8)
    first = 16 + 8 * scores
    return [16, first, first + 4 * (nodes + 1), first + 4 * (nodes + 1) + 2 * nodes, len(data)]


SMALL = {"甲": 5, "甲乙": 3, "甲乙丙": 3, "a": 1, "aa": 2, "丁丙": 8, "乙丙": 1}


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_any_content_of_the_right_size_is_refused_or_cuts(data: st.DataObject):
    """Whatever points where: an error of ours or words that give the text back, and never more than that."""
    packed = bytearray(build_words().pack(SMALL))
    begin, end = data.draw(st.sampled_from(list(pairwise(parts_of(packed)))))
    for _ in range(data.draw(st.integers(1, 12))):
        at = data.draw(st.integers(begin, end - 1))
        packed[at] = data.draw(st.one_of(st.integers(0, 255), st.sampled_from((0, 1, 0xD8, 0xFF))))
    text = data.draw(st.text(st.sampled_from("甲乙丙丁a\0\ud7ff\ufeff。"), max_size=40)) + "甲乙丙丁a甲"
    complaint = "damaged"
    try:
        assert "".join(WordSegmenter(WordTrie(bytes(packed))).cut(text)) == text
    except VocabularyError as error:
        complaint = str(error)
    assert "damaged" in complaint


def test_odd_scores_are_refused():
    for odd in (float("nan"), float("inf"), -float("inf"), 1.0):
        packed = bytearray(build_words().pack(SMALL))
        struct.pack_into("<d", packed, 24, odd)
        with pytest.raises(VocabularyError, match="a score is not the logarithm of a probability"):
            WordTrie(bytes(packed))


def test_a_circle_costs_no_more_than_a_long_word():
    # the node of 一一 is its own child: every character of a run would lead on to the end of the run
    packed = bytearray(build_words().pack({"一": 1, "一一": 2, "甲": 1}))
    _, firsts, *_ = parts_of(packed)
    struct.pack_into("<I", packed, firsts + 4 * 3, 3)
    segmenter = WordSegmenter(WordTrie(bytes(packed)))
    text = "一" * 20_000
    assert "".join(segmenter.cut(text)) == text
    assert max(map(len, segmenter.cut("一" * 1_000 + "。"))) == LONGEST


def test_words_that_are_too_long_are_not_packed():
    with pytest.raises(ValueError, match="words have at most 64 characters"):
        build_words().pack({"a" * (LONGEST + 1): 1})
    segmenter = WordSegmenter(WordTrie(build_words().pack({"甲" * LONGEST: 1})))
    assert segmenter.cut("甲" * LONGEST) == ["甲" * LONGEST]


def test_a_missing_dictionary_is_refused(tmp_path: Path):
    with pytest.raises(VocabularyError, match="cannot read the word dictionary"):
        WordTrie(tmp_path / "words.bin")
    (tmp_path / "words.bin").touch()
    with pytest.raises(VocabularyError, match=r"words\.bin"):
        WordTrie(tmp_path / "words.bin")


def test_unknown_segmenter():
    with pytest.raises(UnknownNameError, match="unknown segmenter 'jieba'; choose one of: words, rjieba"):
        make_segmenter("jieba")


def test_rjieba_missing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"roformer-edge\[rjieba\]"):
        make_segmenter("rjieba")


WORDS = WordTrie()
