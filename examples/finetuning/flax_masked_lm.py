"""Masked language modelling in Flax: hidden characters of poems from Tang to Yuan.

python examples/finetuning/flax_masked_lm.py
"""

import arrays
import flax_training
import metrics
import reading

from roformer_edge import FlaxRoFormerForMaskedLM, RoFormerConfig

options = reading.read_options(__doc__, epochs=1)
train, test = (reading.read_rows(options, "text/chinese_poetry", split) for split in ("train", "test"))
train = train[::2]  # the first half of the file is Tang, the second Song and Yuan

tokenizer = reading.new_tokenizer((row["text"] for row in train), character=20)
config = RoFormerConfig(**reading.SMALL, vocab_size=len(tokenizer))
model = FlaxRoFormerForMaskedLM(config)
poems = arrays.texts(tokenizer, train, 64)
flax_training.train(model, arrays.masked(tokenizer, poems), epochs=options.epochs)

model.save_pretrained(options.out)
tokenizer.save_pretrained(options.out)

data = arrays.masked(tokenizer, arrays.texts(tokenizer, test, 64), seed=1)
found = flax_training.predict(model, data)
guess = metrics.largest_share(data["labels"])
hidden = f"{(data['labels'] != arrays.IGNORED).sum()} hidden characters"
metrics.report("accuracy", metrics.accuracy(found, data["labels"]), "most frequent character", guess, hidden)
