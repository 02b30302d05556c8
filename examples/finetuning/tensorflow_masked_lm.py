"""Masked language modelling in TensorFlow: hidden characters of poems of the Tang dynasty.

python examples/finetuning/tensorflow_masked_lm.py
"""

import arrays
import keras
import keras_training
import metrics
import reading

from roformer_edge import RoFormerConfig, TFRoFormerForMaskedLM

keras.utils.set_random_seed(0)
options = reading.read_options(__doc__, epochs=1)
rows = (reading.read_rows(options, "text/chinese_poetry", split) for split in ("train", "test"))
train, test = ([row for row in split if row.get("genre", "tang").startswith("tang")] for split in rows)

tokenizer = reading.new_tokenizer((row["text"] for row in train), character=20)
sizes = reading.SMALL | {"embedding_size": 64, "initializer_range": 0.02, "hidden_dropout_prob": 0.0}
config = RoFormerConfig(**sizes, vocab_size=len(tokenizer))
model = TFRoFormerForMaskedLM(config)

poems = arrays.texts(tokenizer, train, 64)
hidden = arrays.masked(tokenizer, poems, share=0.3, times=options.epochs)
# the labels are among the inputs, so the model computes the loss itself
model.compile(optimizer=keras_training.adamw(hidden, epochs=1, batch=8, rate=2e-3))
model.fit(hidden, batch_size=8, epochs=1, verbose=2)

model.save_pretrained(options.out)
tokenizer.save_pretrained(options.out)

data = arrays.masked(tokenizer, arrays.texts(tokenizer, test, 64), seed=1)
found = keras_training.predict(model, data)
guess = metrics.largest_share(data["labels"])
total = f"{(data['labels'] != arrays.IGNORED).sum()} hidden characters"
metrics.report("accuracy", metrics.accuracy(found, data["labels"]), "most frequent character", guess, total)
