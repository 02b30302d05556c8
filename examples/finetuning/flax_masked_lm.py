"""Masked language modelling in Flax: hidden characters of poems of the Tang dynasty.

python examples/finetuning/flax_masked_lm.py
"""

import arrays
import beginnings
import flax_training
import metrics
import reading

from roformer_edge import FlaxRoFormerForMaskedLM, RoFormerConfig

options = reading.read_options(__doc__, epochs=2)
rows = (reading.read_rows(options, "text/chinese_poetry", split) for split in ("train", "test"))
train, test = ([row for row in split if row["genre"].startswith("tang")] for split in rows)

tokenizer = reading.new_tokenizer((row["text"] for row in train), character=20)
sizes = reading.SMALL | {"embedding_size": 64, "hidden_dropout_prob": 0.0}
config = RoFormerConfig(**sizes, vocab_size=len(tokenizer))
FlaxRoFormerForMaskedLM(config).save_pretrained(options.out)
words = tokenizer([row["text"] for row in train], add_special_tokens=False)["input_ids"]
beginnings.embed_by_company(options.out, "RoFormerForMaskedLM", words)
model = FlaxRoFormerForMaskedLM.from_pretrained(options.out)

poems = arrays.texts(tokenizer, train, 64)
flax_training.train(model, arrays.masked(tokenizer, poems), epochs=options.epochs, rate=2e-3)

model.save_pretrained(options.out)
tokenizer.save_pretrained(options.out)

data = arrays.masked(tokenizer, arrays.texts(tokenizer, test, 64), seed=1)
found = flax_training.predict(model, data)
guess = metrics.largest_share(data["labels"])
hidden = f"{(data['labels'] != arrays.IGNORED).sum()} hidden characters"
metrics.report("accuracy", metrics.accuracy(found, data["labels"]), "most frequent character", guess, hidden)
