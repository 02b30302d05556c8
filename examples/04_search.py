"""Embed sentences and search them: vectors of the embedded checkpoint's encoder, averaged over the tokens.

python examples/04_search.py [QUERY ...]
"""

import json
import sys

import roformer_edge
from roformer_edge.demo.embedded import embedded_checkpoint, embedded_evaluation

with embedded_checkpoint() as checkpoint, embedded_evaluation() as evaluation:
    options = roformer_edge.DeployOptions(task="feature-extraction", pooling="mean", overwrite=True)
    bundle = roformer_edge.deploy_checkpoint(checkpoint, "out/examples/encoder", options).bundle
    sentences = [json.loads(line)["text"] for line in evaluation.read_text("utf-8").splitlines()]

embed = roformer_edge.load(bundle, task="feature-extraction")
index = embed.vectors(sentences)  # float32 [sentences, width]
queries = sys.argv[1:] or ["客厅太暗了，开灯", "出门要带伞吗"]
for query, hits in zip(queries, roformer_edge.search(embed.vectors(queries), index, top_k=3), strict=True):
    print(query)
    for hit in hits:
        print(f"  {hit.score:.3f}  {sentences[hit.index]}")
