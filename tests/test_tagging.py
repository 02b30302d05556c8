"""How labels are read depends on the set they are of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roformer_edge.tagging import OUTSIDE, Tag, TagScheme


def read(*labels: str) -> dict[str, tuple[str, str]]:
    return {label: tuple(tag) for label, tag in TagScheme.of(labels).tags.items()}


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ("O B-LOC I-LOC", [("", ""), ("LOC", "B"), ("LOC", "I")]),
        ("O B_LOC I_LOC", [("", ""), ("LOC", "B"), ("LOC", "I")]),
        ("O LOC-B LOC-I", [("", ""), ("LOC", "B"), ("LOC", "I")]),
        ("O LOC_B LOC_I", [("", ""), ("LOC", "B"), ("LOC", "I")]),
        ("o b-loc i-loc", [("", ""), ("loc", "B"), ("loc", "I")]),
        ("O I-LOC I-PER", [("", ""), ("LOC", "I"), ("PER", "I")]),  # IOB1
        ("B-LOC M-LOC E-LOC S-LOC O", [("LOC", "B"), ("LOC", "M"), ("LOC", "E"), ("LOC", "S"), ("", "")]),
        ("O B-LOC L-LOC U-LOC U-PER", [("", ""), ("LOC", "B"), ("LOC", "L"), ("LOC", "U"), ("PER", "U")]),
        ("O B-LOC I-LOC B-PER", [("", ""), ("LOC", "B"), ("LOC", "I"), ("PER", "B")]),
        ("O B-LOC B-PER", [("", ""), ("LOC", "B"), ("PER", "B")]),
        ("O B-GPE-CITY I-GPE-CITY", [("", ""), ("GPE-CITY", "B"), ("GPE-CITY", "I")]),
        ("O B-a_b I-a_b", [("", ""), ("a_b", "B"), ("a_b", "I")]),
        # names that look like letters and names
        ("O E-mail S-Bahn", [("", ""), ("E-mail", ""), ("S-Bahn", "")]),
        ("O B-Plan E-mail S-Bahn", [("", ""), ("B-Plan", ""), ("E-mail", ""), ("S-Bahn", "")]),
        ("O B-LOC I-LOC E-mail", [("", ""), ("LOC", "B"), ("LOC", "I"), ("E-mail", "")]),
        ("O B-LOC I-LOC S-Bahn", [("", ""), ("LOC", "B"), ("LOC", "I"), ("S-Bahn", "")]),
        ("O B-E-mail I-E-mail B-S-Bahn", [("", ""), ("E-mail", "B"), ("E-mail", "I"), ("S-Bahn", "B")]),
        ("O S-Bahn", [("", ""), ("S-Bahn", "")]),
        ("O U-Bahn 地名", [("", ""), ("U-Bahn", ""), ("地名", "")]),
        ("PER LOC", [("PER", ""), ("LOC", "")]),
        ("O B- -B B", [("", ""), ("B-", ""), ("-B", ""), ("B", "")]),
        # other marks between, and letters alone
        ("O B:LOC I:LOC", [("", ""), ("LOC", "B"), ("LOC", "I")]),
        ("O LOC.B LOC.I", [("", ""), ("LOC", "B"), ("LOC", "I")]),
        ("O B/LOC I/LOC", [("", ""), ("LOC", "B"), ("LOC", "I")]),
        ("O B|LOC M|LOC E|LOC", [("", ""), ("LOC", "B"), ("LOC", "M"), ("LOC", "E")]),
        ("B M E S", [("_", "B"), ("_", "M"), ("_", "E"), ("_", "S")]),
        ("b i o", [("_", "B"), ("_", "I"), ("", "")]),
        ("O B U", [("", ""), ("B", ""), ("U", "")]),
        ("S M L XL", [("S", ""), ("M", ""), ("L", ""), ("XL", "")]),
        ("A B AB O", [("A", ""), ("B", ""), ("AB", ""), ("", "")]),
        ("O I E", [("", ""), ("I", ""), ("E", "")]),
        ("O B I LOC", [("", ""), ("B", ""), ("I", ""), ("LOC", "")]),
        ("B-LABEL_I I-LABEL_I O", [("LABEL_I", "B"), ("LABEL_I", "I"), ("", "")]),
    ],
)  # fmt: skip
def test_a_set_of_labels_is_read(labels, expected):
    assert list(read(*labels.split()).values()) == expected


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ("B-A I-A O B-A B-A", [("A", 0, 2), ("A", 3, 4), ("A", 4, 5)]),
        ("I-A I-A B-A I-B", [("A", 0, 2), ("A", 2, 3), ("B", 3, 4)]),
        ("S-A B-A E-A E-A O E-B", [("A", 0, 1), ("A", 1, 3), ("A", 3, 4), ("B", 5, 6)]),
        ("O O", []),
        ("", []),
    ],
)
def test_entities_are_joined(labels, expected):
    scheme = TagScheme.of(["O", *(f"{letter}-{name}" for name in "AB" for letter in "BIES")])
    assert scheme.join(labels.split()) == expected


def test_words_are_cut_by_letters_alone():
    scheme = TagScheme.of(["B", "M", "E", "S"])
    assert scheme.join(list("BMESBE")) == [("_", 0, 3), ("_", 3, 4), ("_", 4, 6)]
    assert scheme.strict_reader()(list("BMESBS")) == [("_", 0, 3), ("_", 3, 4), ("_", 5, 6)]


def test_labels_without_letters_are_joined_with_equal_neighbours():
    scheme = TagScheme.of(["O", "人", "E-mail"])
    assert scheme.join(["人", "人", "O", "E-mail", "E-mail", "人"]) == [("人", 0, 2), ("E-mail", 3, 5), ("人", 5, 6)]
    assert scheme.strict_reader() is None
    assert scheme.names == ("人", "E-mail")


def test_one_scheme_in_every_spelling_gives_the_same_entities():
    spellings = ("{0}-{1}", "{0}_{1}", "{1}-{0}", "{1}_{0}")
    tags = ["B", "I", "O", "I", "B", "B", "I"]
    found = set()
    for spelling in spellings:
        for case in (str.upper, str.lower):
            labels = ["O", *(spelling.format(case(letter), "LOC") for letter in "BI")]
            scheme = TagScheme.of(labels)
            sequence = ["O" if tag == "O" else spelling.format(case(tag), "LOC") for tag in tags]
            found.add((tuple(scheme.join(sequence)), tuple(scheme.strict_reader()(sequence))))
    assert found == {
        ((("LOC", 0, 2), ("LOC", 3, 4), ("LOC", 4, 5), ("LOC", 5, 7)), (("LOC", 0, 2), ("LOC", 4, 5), ("LOC", 5, 7)))
    }


@given(st.lists(st.text("OBIESo-_名ab", max_size=5), max_size=8, unique=True), st.data())
def test_every_set_can_be_read_and_entities_lie_side_by_side(labels, data):
    scheme = TagScheme.of(labels)
    assert scheme.tags.keys() == set(labels)
    assert all(tag == OUTSIDE or tag.name for label, tag in scheme.tags.items() if label)
    sequence = data.draw(st.lists(st.sampled_from(labels), max_size=9)) if labels else []
    entities = scheme.join(sequence)
    ends = [0, *(end for _, _, end in entities)]
    assert all(end <= start < stop <= len(sequence) for end, (_, start, stop) in zip(ends, entities, strict=False))
    assert all(scheme.tags[sequence[start]].name == name for name, start, _ in entities)


def test_a_tag_without_a_letter_is_a_name():
    assert Tag("PER") == ("PER", "")
