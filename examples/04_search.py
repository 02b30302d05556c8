"""Embed sentences and search them: vectors of the embedded checkpoint's encoder, averaged over the tokens.

python examples/04_search.py [QUERY ...]
"""

import json
import sys

import numpy as np

import roformer_edge
from roformer_edge.demo.embedded import embedded_checkpoint, embedded_evaluation

with embedded_checkpoint() as checkpoint, embedded_evaluation() as evaluation:
    options = roformer_edge.DeployOptions(task="feature-extraction", pooling="mean", overwrite=True)
    bundle = roformer_edge.deploy_checkpoint(checkpoint, "out/examples/encoder", options).bundle
    sentences = [json.loads(line)["text"] for line in evaluation.read_text("utf-8").splitlines()]

embed = roformer_edge.load(bundle)


def vectors(texts: list[str]) -> np.ndarray:
    """One row of length 1 a text, so that a product of two is their cosine."""
    rows = np.stack(embed(texts))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


index = vectors(sentences)
for query in sys.argv[1:] or ["客厅太暗了，开灯", "出门要带伞吗"]:
    cosines = index @ vectors([query])[0]
    print(query)
    for place in np.argsort(-cosines)[:3]:
        print(f"  {cosines[place]:.3f}  {sentences[place]}")
