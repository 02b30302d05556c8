"""The picture of the app's screen: whatever the layout holds is in it, in both languages, by day and night."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from android_demo.tools import preview
from android_demo.tools.preview import ANDROID, APP, Screen, bar, java_format, values
from tests.runtime.tiny_tasks import bundle_of


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {
        task: bundle_of(task, tmp_path_factory.mktemp(task), "int8-dynamic")
        for task in ("text-classification", "token-classification", "fill-mask")
    }


@pytest.mark.parametrize(("language", "night"), [("en", False), ("zh", True)])
def test_texts_and_colours_are_the_apps(bundles: dict[str, Path], language: str, night: bool) -> None:
    screen = Screen(language, night)
    screen.answer(bundles["text-classification"], None)
    page = screen.page()
    texts = values("values") | (values("values-zh") if language == "zh" else {})
    for key in ("app_name", "answer", "licences"):
        assert texts[key] in page
    for sentence in texts["sentences_text_classification"]:
        assert sentence in page
    colours = values("values-night" if night else "values")
    for key in ("background", "ink", "faint", "surface", "bar"):
        assert colours[key] in page
    assert page.count('class="bar"') == 2
    assert "LABEL_1" in page
    # what is gone by default stays away, and what the app hides without a text
    assert page.count('class="EditText"') == 1
    assert preview.STYLE.count("INK") == 1
    assert "INK" not in page


def test_entities_have_the_colours_of_their_labels_and_texts_are_data(bundles: dict[str, Path]) -> None:
    screen = Screen("en", night=False)
    screen.answer(bundles["token-classification"], "今天<b>天气")
    assert "<b>" not in screen.page()
    marked = screen._marked("a<b>c", [(0, 1, "X"), (1, 4, "Y"), (4, 5, "X")])
    first, second = (f"#{values('values')['marks'][place][3:]}" for place in (0, 1))
    spans = [(first, "a"), (second, "&lt;b&gt;"), (first, "c")]
    assert marked == "".join(f'<span style="background: {colour}">{text}</span>' for colour, text in spans)


def test_other_tasks_are_refused(bundles: dict[str, Path]) -> None:
    with pytest.raises(SystemExit, match="answers of fill-mask are not drawn"):
        Screen("en", night=False).answer(bundles["fill-mask"], "[MASK]")


@pytest.mark.parametrize(
    ("name", "value", "said"), [("rotation", "9", "has rotation='9'"), (None, "Chronometer", "Chronometer is not")]
)
def test_what_is_not_translated_is_an_error(name: str | None, value: str, said: str) -> None:
    screen = Screen("en", night=False)
    button = next(screen._tree.iter("Button"))
    if name is None:
        button.tag = value
    else:
        button.set(f"{ANDROID}{name}", value)
    with pytest.raises(SystemExit, match=said):
        screen.page()


def test_strings_of_both_languages_take_the_same_values() -> None:
    english, chinese = values("values"), values("values-zh")
    assert java_format(english["took"], 1.25, 1.31, 3) == "1.2 ms (median 1.3 of 3)"
    assert java_format(chinese["tested"], 0.00123) == "自检通过：最大误差 0.0012"
    assert {name for name, text in english.items() if isinstance(text, str) and not text.startswith("#")} == set(
        chinese
    )
    assert "width: 100.00%" in bar("a", 1.5)


def test_the_layout_is_read_as_it_is_built() -> None:
    tree = ElementTree.parse(APP / "layout" / "main.xml").getroot()
    assert {element.tag for element in tree.iter()} == set(preview._WIDGETS)
