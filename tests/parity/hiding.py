"""Makes packages look as if they were not installed, from the start of a process."""

from __future__ import annotations

import sys
from typing import Any

# what the models of a framework must do without: the other two, transformers, and the Keras of transformers
BESIDE_TORCH = ("tensorflow", "keras", "tf_keras", "jax", "flax", "optax", "transformers")
BESIDE_TENSORFLOW = ("torch", "jax", "flax", "optax", "tf_keras", "transformers")
BESIDE_FLAX = ("torch", "tensorflow", "keras", "tf_keras", "transformers")


class Without:
    """A finder of modules that does not find some packages."""

    def __init__(self, finder: Any, packages: tuple[str, ...]) -> None:
        self.finder, self.packages = finder, packages

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Ask the finder, for packages that are not hidden."""
        return None if name.partition(".")[0] in self.packages else self.finder.find_spec(name, path, target)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.finder, name)


def hide(*packages: str) -> None:
    """Hide ``packages``, none of which may be imported yet."""
    early = {name.partition(".")[0] for name in sys.modules} & set(packages)
    assert not early, f"imported before they were hidden: {early}"
    sys.meta_path[:] = [Without(finder, packages) for finder in sys.meta_path]


def refusals(packages: tuple[str, ...]) -> dict[str, str]:
    """Every model class of ``roformer_edge`` whose framework is not there -> the error; proves that they are hidden."""
    import importlib.util

    import roformer_edge
    from roformer_edge.errors import MissingDependencyError

    assert all(importlib.util.find_spec(package) is None for package in packages)
    assert not {name.partition(".")[0] for name in sys.modules} & set(packages)
    found = {}
    for name in roformer_edge._HOMES:
        try:
            getattr(roformer_edge, name)
        except MissingDependencyError as error:
            found[name] = str(error)
    return found
