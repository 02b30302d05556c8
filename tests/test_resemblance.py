"""Objects that are taken for those of a package, once that is loaded."""

from __future__ import annotations

import sys
import types

import pytest

from roformer_edge.resemblance import blank, resembling


class Own:
    """A class of ours."""

    def name(self) -> str:
        return "own"

    @property
    def __class__(self) -> type:
        return resembling(type(self), "garden", "Gnome")


class Gnome:
    """A class of theirs."""

    def name(self) -> str:
        return "gnome"


def test_an_object_is_taken_for_both(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Own()
    assert one.__class__ is Own
    assert not isinstance(one, Gnome)
    garden = types.ModuleType("garden")
    monkeypatch.setitem(sys.modules, "garden", garden)
    assert one.__class__ is Own  # the class is not there yet
    garden.Gnome = Gnome  # type: ignore[attr-defined]
    assert isinstance(one, Gnome)
    assert isinstance(one, Own)
    assert type(one) is Own
    assert (one.name(), one.__class__.__name__) == ("own", "Own")
    assert one.__class__ is Own().__class__


def test_a_blank_object() -> None:
    assert type(blank(Own)) is Own
