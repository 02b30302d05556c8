"""Masked language modelling in TensorFlow: hidden characters of poems of the Tang dynasty.

python examples/finetuning/tensorflow_masked_lm.py
"""

import arrays
import beginnings
import keras
import keras_training
import metrics
import reading

from roformer_edge import RoFormerConfig, TFRoFormerForMaskedLM

keras.utils.set_random_seed(0)
options = reading.read_options(__doc__, epochs=2)
rows = (reading.read_rows(options, "text/chinese_poetry", split) for split in ("train", "test"))
train, test = ([row for row in split if row["genre"].startswith("tang")] for split in rows)

tokenizer = reading.new_tokenizer((row["text"] for row in train), character=20)
sizes = reading.SMALL | {"embedding_size": 64, "hidden_dropout_prob": 0.0}
config = RoFormerConfig(**sizes, vocab_size=len(tokenizer))
TFRoFormerForMaskedLM(config).save_pretrained(options.out)
words = tokenizer([row["text"] for row in train], add_special_tokens=False)["input_ids"]
beginnings.embed_by_company(options.out, "RoFormerForMaskedLM", words)
model = TFRoFormerForMaskedLM.from_pretrained(options.out)

poems = arrays.texts(tokenizer, train, 64)
examples = arrays.masked(tokenizer, poems)
# the labels are among the inputs, so the model computes the loss itself
model.compile(optimizer=keras_training.adamw(examples, epochs=options.epochs, rate=2e-3))
model.fit(examples, batch_size=keras_training.BATCH, epochs=options.epochs, verbose=2)

model.save_pretrained(options.out)
tokenizer.save_pretrained(options.out)

data = arrays.masked(tokenizer, arrays.texts(tokenizer, test, 64), seed=1)
found = keras_training.predict(model, data)
guess = metrics.largest_share(data["labels"])
hidden = f"{(data['labels'] != arrays.IGNORED).sum()} hidden characters"
metrics.report("accuracy", metrics.accuracy(found, data["labels"]), "most frequent character", guess, hidden)
