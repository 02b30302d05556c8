"""A user's program with a mistake in every marked line; checked, never run."""

from __future__ import annotations

import roformer_edge
from roformer_edge import BenchOptions, DeployOptions, deploy_checkpoint

roformer_edge.load("dist/intent", task="text-clasification")  # wrong
roformer_edge.load("dist/intent", task="text-classification", thread=1)  # wrong
roformer_edge.load("dist/intent", optimization="al")  # wrong
roformer_edge.load("dist/intent", verify="no")  # wrong
roformer_edge.nothing  # wrong

classify = roformer_edge.load("dist/intent", task="text-classification")
classify("好", topk=3)  # wrong
classify("好", top_k="3")  # wrong
classify(3)  # wrong
classify("好", threshold="0.5")  # wrong
classify("好").lable  # wrong
classify(["好"]).label  # wrong
classify.recipe.nam  # wrong

find = roformer_edge.load("dist/names", task="token-classification")
find("我在北京", aggregation="simpel")  # wrong
find("我在北京", pooling="mean")  # wrong

embed = roformer_edge.load("dist/encoder", task="feature-extraction")
embed("好", pooling="meen")  # wrong
embed.vectors(["好"], normalise=True)  # wrong

write = roformer_edge.load("dist/writer", task="text-generation")
write("好", max_tokens=3)  # wrong

DeployOptions(recipee="int8-static")  # wrong
DeployOptions(format="onx")  # wrong
DeployOptions(preset="x86-vnn")  # wrong
DeployOptions(observer="min-max")  # wrong
DeployOptions(tokenizer="rapid")  # wrong
DeployOptions(index_dtype="int16")  # wrong
DeployOptions(task="ner")  # wrong
DeployOptions(max_drop="0.5")  # wrong
DeployOptions.for_target("cpu", recipee="int8-static")
deploy_checkpoint("checkpoint", "dist/bundle", DeployOptions(), overwrite=True)  # wrong
BenchOptions(lengths=16)  # wrong
