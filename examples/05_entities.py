"""Extract entities, with their places in the text. The embedded checkpoint has none: train a model first.

python examples/finetuning/shipped_data.py
python examples/finetuning/torch_token_classification.py --data .cache/requests --epochs 30
python examples/05_entities.py [CHECKPOINT] [TEXT ...]
"""

import sys

import roformer_edge

checkpoint = sys.argv[1] if sys.argv[1:] else ".cache/examples/torch-token-classification"
texts = sys.argv[2:] or ["把客厅的灯打开", "书房和卧室的窗帘都拉上"]

options = roformer_edge.DeployOptions(recipe="int8-dynamic", overwrite=True)
made = roformer_edge.deploy_checkpoint(checkpoint, "out/examples/entities", options)

find = roformer_edge.load(made.bundle)
for text, entities in zip(texts, find(texts), strict=True):
    print(text)
    for one in entities:
        assert text[one.start : one.end] == one.text
        print(f"  {one.start}-{one.end}  {one.label}  {one.text}  ({one.score:.1%})")
