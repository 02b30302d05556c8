"""Bundles that the ports of other languages are tried on."""

from __future__ import annotations

from pathlib import Path

from roformer_edge.demo.embedded import embedded_checkpoint
from roformer_edge.deploy.journey import deploy_checkpoint
from roformer_edge.deploy.options import DeployOptions

RECIPES = ("fp32", "int8-dynamic")


def demo_bundle(folder: Path, recipe: str) -> Path:
    """Deploy the embedded checkpoint."""
    with embedded_checkpoint() as checkpoint:
        options = DeployOptions(task="text-classification", recipe=recipe)
        return deploy_checkpoint(checkpoint, folder / recipe, options).bundle
