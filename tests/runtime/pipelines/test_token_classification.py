from __future__ import annotations

import numpy as np
import pytest

from roformer_edge.crf import Crf
from roformer_edge.errors import BackendError, OptionError, TextError, TextTooLongError, UnknownNameError
from roformer_edge.runtime.pipelines.token_classification import Entity
from tests.runtime.tiny_tasks import TEXTS, TOKENIZER, Feeds, Real, fake, real

BIO = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
BIOES = ("O", "B-PER", "I-PER", "E-PER", "S-PER", "S-LOC")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Real:
    return real("token-classification", tmp_path_factory.mktemp("tokens"), id2label=dict(enumerate(BIO)))


def scripted(tags: list[str], labels: tuple[str, ...] = BIO, weight: float = 50.0):
    """A classifier that gives these labels to the tokens between [CLS] and [SEP]."""

    def answer(feeds: Feeds) -> Feeds:
        length = feeds["input_ids"].shape[1]
        chosen = ["B-PER" if "B-PER" in labels else labels[-1], *tags, labels[-1]]
        logits = np.zeros((len(feeds["input_ids"]), length, len(labels)), np.float32)
        for place, tag in enumerate(chosen):
            logits[:, place, labels.index(tag)] = weight
        return {"logits": logits}

    return fake("token-classification", answer, id2label=dict(enumerate(labels)))[0]


def spans(entities: list[Entity]) -> list[tuple[str, str]]:
    return [(entity.label, entity.text) for entity in entities]


SIX = "我你他的灯好"  # a token each


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (["B-PER", "I-PER", "O", "O", "B-LOC", "O"], [("PER", "我你"), ("LOC", "灯")]),
        (["B-PER", "B-PER", "O", "O", "O", "O"], [("PER", "我"), ("PER", "你")]),
        (["I-PER", "I-PER", "I-LOC", "O", "O", "I-LOC"], [("PER", "我你"), ("LOC", "他"), ("LOC", "好")]),
        (["B-PER", "I-LOC", "O", "O", "O", "B-PER"], [("PER", "我"), ("LOC", "你"), ("PER", "好")]),
        (["O"] * 6, []),
        (["B-LOC"] + ["I-LOC"] * 5, [("LOC", SIX)]),
    ],
)
def test_labels_become_stretches(tags: list[str], expected: list[tuple[str, str]]) -> None:
    assert spans(scripted(tags)(SIX)) == expected


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (["B-PER", "I-PER", "E-PER", "I-PER", "O", "S-LOC"], [("PER", "我你他"), ("PER", "的"), ("LOC", "好")]),
        (["S-PER", "S-PER", "E-PER", "E-PER", "O", "O"], [("PER", "我"), ("PER", "你"), ("PER", "他"), ("PER", "的")]),
        (["S-LOC", "O", "B-PER", "E-PER", "B-PER", "O"], [("LOC", "我"), ("PER", "他的"), ("PER", "灯")]),
    ],
)
def test_ends_and_singles_close_an_entity(tags: list[str], expected: list[tuple[str, str]]) -> None:
    assert spans(scripted(tags, BIOES)(SIX)) == expected


def test_labels_without_a_letter_in_front_are_joined_with_equal_neighbours() -> None:
    classify = scripted(["人", "人", "O", "地-名", "地-名", "人"], ("O", "人", "地-名"))
    assert spans(classify(SIX)) == [("人", "我你"), ("地-名", "的灯"), ("人", "好")]


def test_places_are_those_of_the_original_text() -> None:
    text = "  ＡＢＣ\u3000我 Good"
    tags = ["B-PER", "I-PER", "I-PER", "B-LOC", "B-PER", "I-PER", "I-PER", "I-PER"]
    assert len(TOKENIZER.tokenize(text)) in (5, 8)
    entities = scripted(tags[: len(TOKENIZER.tokenize(text))])(text)
    for entity in entities:
        assert text[entity.start : entity.end] == entity.text
    assert entities[-1].text.endswith("ood")


def test_one_entry_a_token(built: Real) -> None:
    text = "今天天气好 abc"
    entries = built.pipeline(text, aggregation="none")
    row = TOKENIZER.encode_text(text)
    scores = built.torch(row.ids).logits[0].double().softmax(-1)[1:-1]
    assert [(entry.start, entry.end) for entry in entries] == row.offsets[1:-1]
    assert [entry.label for entry in entries] == [BIO[index] for index in scores.argmax(-1)]
    assert [entry.score for entry in entries] == pytest.approx(scores.amax(-1).tolist(), abs=1e-5)
    assert "".join(entry.text for entry in entries) == "今天天气好abc"


def test_the_score_is_the_mean_of_the_tokens(built: Real) -> None:
    for text in TEXTS:
        entries = built.pipeline(text, aggregation="none")
        for entity in built.pipeline(text):
            inside = [entry for entry in entries if entity.start <= entry.start and entry.end <= entity.end]
            assert entity.score == pytest.approx(np.mean([entry.score for entry in inside]))
            assert {entry.label[2:] for entry in inside} == {entity.label}


def worded(aggregation: str) -> list[Entity]:
    """``good`` in four tokens, the first of which is a person and the others places."""
    probabilities = np.array([[1, 0, 0, 0, 0], [0.1, 0.6, 0, 0.3, 0], *[[0.1, 0, 0, 0.9, 0]] * 3, [1, 0, 0, 0, 0]])
    logits = np.log(probabilities + 1e-9).astype(np.float32)
    classify, _ = fake("token-classification", lambda feeds: {"logits": logits[None]}, id2label=dict(enumerate(BIO)))
    return classify("Good", aggregation=aggregation)


def test_words_may_have_one_label() -> None:
    assert [(entity.label, entity.text) for entity in worded("simple")] == [
        ("PER", "G"), ("LOC", "o"), ("LOC", "o"), ("LOC", "d"),
    ]  # fmt: skip
    (first,), (mean,) = worded("first"), worded("mean")
    assert (first.label, first.text, first.score) == ("PER", "Good", pytest.approx(0.6, abs=1e-4))
    assert (mean.label, mean.text, mean.score) == ("LOC", "Good", pytest.approx(0.75, abs=1e-4))


@pytest.mark.parametrize("batch_size", [2, 8])
def test_batches_answer_as_single_texts_do(built: Real, batch_size: int) -> None:
    for text, found in zip(TEXTS, built.pipeline(list(TEXTS), batch_size=batch_size), strict=True):
        single = built.pipeline(text)
        assert spans(found) == spans(single)
        assert [entity.score for entity in found] == pytest.approx([entity.score for entity in single], abs=1e-5)


def test_bad_input(built: Real) -> None:
    with pytest.raises(UnknownNameError, match="unknown aggregation 'max'; choose one of: none, simple, first, mean"):
        built.pipeline("好", aggregation="max")
    with pytest.raises(TextError, match="the text must be a str, found tuple"):
        built.pipeline(("今天", "几点"))
    answers = built.pipeline(iter(["好", 5]))
    next(answers)
    with pytest.raises(TextError, match="text 1 must be a str, found int"):
        next(answers)
    assert built.pipeline("") == []
    with pytest.raises(BackendError, match="there are 3 labels"):
        fake(
            "token-classification",
            lambda feeds: {"logits": np.zeros((*feeds["input_ids"].shape, 5), np.float32)},
            id2label={0: "a", 1: "b", 2: "c"},
        )[0]("好")


def test_the_labels_are_those_of_the_most_probable_sequence() -> None:
    # PER may not follow O inside, so the weaker B-PER is chosen
    classify = scripted(["I-PER", "I-PER", "O", "O", "O", "O"], weight=2.0)
    transitions = np.zeros((5, 5), np.float32)
    transitions[BIO.index("B-PER"), BIO.index("I-PER")] = 8
    classify.crf = Crf(start=np.zeros(5, np.float32), end=np.zeros(5, np.float32), transitions=transitions)
    entities = classify(SIX, aggregation="none")
    logits = classify._model.run([classify._model.encode(SIX, truncation=False, where="the text")], 1)
    row = next(iter(logits))["logits"].astype(np.float64)
    best = [BIO[label] for label in classify.crf.best_labels(row)[1:-1]]
    assert [entity.label for entity in entities] == best
    assert best != [BIO[label] for label in row.argmax(axis=1)[1:-1]]
    marginals = classify.crf.marginals(row)[1:-1]
    expected = [marginals[place, BIO.index(label)] for place, label in enumerate(best)]
    assert [entity.score for entity in entities] == pytest.approx(expected)


LONG = "今天天气好，我把客厅的灯打开。现在几点？ good 2024 " * 6


def seen(feeds: Feeds) -> Feeds:
    """Logits of a token that depend on its neighbours, two on each side, and on nothing else."""
    ids = np.pad(feeds["input_ids"] * feeds["attention_mask"], ((0, 0), (2, 2))).astype(np.float64)
    width = feeds["input_ids"].shape[1]
    mixed = sum((number + 1) * np.sin(ids[:, number : number + width] * (number + 2)) for number in range(5))
    return {"logits": np.stack([np.sin(mixed * (label + 1)) * 3 for label in range(len(BIO))], -1).astype(np.float32)}


def chain() -> Crf:
    random = np.random.default_rng(3)
    start, end, transitions = (random.normal(size=shape).astype(np.float32) for shape in (5, 5, (5, 5)))
    return Crf(start=start, end=end, transitions=transitions)


@pytest.mark.parametrize("crf", [None, chain()])
@pytest.mark.parametrize("aggregation", ["none", "simple", "first", "mean"])
def test_a_text_of_any_length_is_answered_as_if_it_fitted(crf: Crf | None, aggregation: str) -> None:
    """Where two tokens on each side are all that counts, windows that share as many give what one run would."""
    labels = dict(enumerate(BIO))
    parts, session = fake("token-classification", seen, id2label=labels)
    whole, _ = fake("token-classification", seen, id2label=labels, max_position_embeddings=1000)
    parts.crf = whole.crf = crf
    expected = whole(LONG, aggregation=aggregation)
    assert len(expected) > 20
    assert expected[-1].end > 150
    for stride in (4, 10, 128):
        assert parts(LONG, aggregation=aggregation, stride=stride) == expected
    assert all(call["input_ids"].shape[1] <= 40 for call in session.calls)
    assert all(LONG[entity.start : entity.end] == entity.text for entity in expected)
    mixed = [*TEXTS, LONG, "好", LONG[:100]]
    assert parts(mixed, aggregation=aggregation) == whole(mixed, aggregation=aggregation)
    assert list(parts(iter(mixed), aggregation=aggregation, batch_size=2)) == whole(mixed, aggregation=aggregation)
    # without shared tokens those at the seams are decided blindly
    assert parts(LONG, aggregation=aggregation, stride=0) != expected


def test_a_text_that_fits_is_one_row(built: Real) -> None:
    room = built.pipeline.max_length - 2
    fits, longer = "好" * room, "好" * (room + 1)
    for text in (fits, *TEXTS):
        assert built.pipeline(text, aggregation="none", stride=0) == built.pipeline(text, aggregation="none")
        assert built.pipeline(text) == built.pipeline(text, truncation=True)
    assert len(built.pipeline(longer, aggregation="none")) == room + 1
    assert len(built.pipeline(longer, aggregation="none", truncation=True)) == room


def test_graphs_of_a_fixed_length_read_windows_of_that() -> None:
    labels = dict(enumerate(BIO))
    parts, session = fake("token-classification", seen, id2label=labels, lengths=(8, 16))
    whole, _ = fake("token-classification", seen, id2label=labels, max_position_embeddings=1000)
    assert parts(LONG) == whole(LONG)
    assert {call["input_ids"].shape[1] for call in session.calls} <= {8, 16}


def test_bad_strides_and_models_without_room() -> None:
    classify, _ = fake("token-classification", seen, id2label=dict(enumerate(BIO)))
    for stride in (-1, 1.5, None):
        with pytest.raises(OptionError, match="stride must be a whole number of at least 0"):
            classify("好", stride=stride)
    narrow, _ = fake("token-classification", seen, id2label=dict(enumerate(BIO)), max_position_embeddings=2)
    assert narrow("") == []
    with pytest.raises(TextTooLongError, match=r"the text has 3 tokens, .*takes 2"):
        narrow("好")


WORDS = ["我", "今天", "在", "abc", "天气", "12"]


def test_words_are_encoded_as_the_tokenizer_encodes_words(built: Real) -> None:
    row = TOKENIZER(WORDS, is_split_into_words=True)
    logits = built.torch(row["input_ids"]).logits[0].numpy().astype(float)
    scores = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    places = row.word_ids()
    firsts = [places.index(number) for number in range(len(WORDS))]
    found = built.pipeline(WORDS, is_split_into_words=True, aggregation="none")
    assert [(one.start, one.end, one.text) for one in found] == [(n, n + 1, word) for n, word in enumerate(WORDS)]
    assert [one.label for one in found] == [BIO[scores[first].argmax()] for first in firsts]
    assert [one.score for one in found] == pytest.approx([scores[first].max() for first in firsts], abs=1e-4)
    mean = built.pipeline(WORDS, is_split_into_words=True, aggregation="mean")
    means = [
        scores[[index for index, place in enumerate(places) if place == n]].mean(axis=0) for n in range(len(WORDS))
    ]
    joined = built.pipeline.scheme.join([BIO[row.argmax()] for row in means])
    assert [(one.label, one.start, one.end) for one in mean] == joined


def test_entities_of_words_count_words() -> None:
    find = scripted(["B-PER", "I-PER", "O", "O", "B-LOC", "O"])
    words = list(SIX)
    assert find(words, is_split_into_words=True) == [
        Entity(label="PER", score=pytest.approx(1.0), start=0, end=2, text="我你"),
        Entity(label="LOC", score=pytest.approx(1.0), start=4, end=5, text="灯"),
    ]
    expected = [find(words, is_split_into_words=True)] * 2
    assert find([words, words], is_split_into_words=True) == expected
    assert list(find(iter([words, tuple(words)]), is_split_into_words=True)) == expected


def test_words_without_tokens_are_no_entities_and_count_all_the_same() -> None:
    find = scripted(["B-PER", "I-PER", "O", "O", "O", "O"])
    words = ["", "我", " ", "你", "他的灯好"]
    assert [(one.start, one.end, one.text) for one in find(words, is_split_into_words=True)] == [(1, 4, "我 你")]
    assert [one.start for one in find(words, is_split_into_words=True, aggregation="none")] == [1, 3, 4]


def test_many_words_are_read_in_windows_or_cut(built: Real) -> None:
    words = ["今天", "天气", "好", "我"] * 20
    found = built.pipeline(words, is_split_into_words=True, aggregation="none")
    assert [one.start for one in found] == list(range(80))
    cut = built.pipeline(words, is_split_into_words=True, aggregation="none", truncation=True)
    row = TOKENIZER(words, is_split_into_words=True, truncation=True, max_length=40)
    assert [one.start for one in cut] == sorted({place for place in row.word_ids() if place is not None})


def test_no_words_hold_no_entities(built: Real) -> None:
    assert built.pipeline([], is_split_into_words=True) == []
    assert built.pipeline([[], ["今天"]], is_split_into_words=True)[0] == []


def test_what_are_no_words_is_refused(built: Real) -> None:
    with pytest.raises(TextError, match="text 0 must be a list of words, found str: '今天'"):
        list(built.pipeline(iter(["今天"]), is_split_into_words=True))
    with pytest.raises(TextError, match="word 1 of text 1 must be a str, found int: 3"):
        built.pipeline([["今天"], ["好", 3]], is_split_into_words=True)
    with pytest.raises(OptionError, match="aggregation must be first, mean or none for words"):
        built.pipeline(["今天"], is_split_into_words=True, aggregation="simple")


def test_a_threshold_leaves_entities_out() -> None:
    find = scripted(["B-PER", "I-PER", "O", "O", "B-LOC", "O"], weight=2.0)
    (score,) = {round(one.score, 6) for one in find(SIX)}
    assert len(find(SIX, threshold=score - 0.01)) == 2
    assert find(SIX, threshold=score + 0.01) == []
    with pytest.raises(OptionError, match="threshold"):
        find(SIX, threshold=2)
