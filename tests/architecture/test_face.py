"""The names of the package's face: each resolves, or says which extra to install."""

from __future__ import annotations

import pytest

import roformer_edge
from roformer_edge._extras import available
from roformer_edge.errors import MissingDependencyError

FRAMEWORKS = {"TFRoFormer": "tensorflow", "FlaxRoFormer": "flax", "RoFormer": "torch"}


@pytest.mark.parametrize("name", roformer_edge.__all__)
def test_every_name_resolves_or_names_its_extra(name):
    prefix = next((prefix for prefix in FRAMEWORKS if name.startswith(prefix)), "")
    if prefix in ("TFRoFormer", "FlaxRoFormer") and not available(FRAMEWORKS[prefix]):
        with pytest.raises(MissingDependencyError, match=rf"roformer-edge\[{FRAMEWORKS[prefix]}\]"):
            getattr(roformer_edge, name)
    else:
        assert getattr(roformer_edge, name) is not None


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'RoBerta'"):
        _ = roformer_edge.RoBerta


def test_all_twenty_models_of_the_original_are_named():
    models = [name for name in roformer_edge.__all__ if "RoFormerModel" in name or "RoFormerFor" in name]
    assert len(models) == 20
