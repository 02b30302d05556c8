from __future__ import annotations

import pytest

from roformer_edge.checkpoint.names import shapes_of
from roformer_edge.errors import UnknownNameError
from roformer_edge.scopes import scopes_of
from roformer_edge.tasks import TASKS


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.name)
def test_the_names_cover_every_scope(tiny_config, task):
    shapes = shapes_of(tiny_config, task.model_class)
    for scope in scopes_of(tiny_config, task):
        assert all(weight in shapes for weight in scope.weights)


def test_an_unknown_architecture(tiny_config):
    with pytest.raises(UnknownNameError, match="choose one of: RoFormerModel"):
        shapes_of(tiny_config, "BertModel")
