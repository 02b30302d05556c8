"""Masked language modelling in TensorFlow: hidden characters of poems from Tang to Yuan.

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
train, test = (reading.read_rows(options, "text/chinese_poetry", split) for split in ("train", "test"))
train = train[::2]  # the first half of the file is Tang, the second Song and Yuan

tokenizer = reading.new_tokenizer((row["text"] for row in train), character=20)
config = RoFormerConfig(**reading.SMALL, vocab_size=len(tokenizer))
model = TFRoFormerForMaskedLM(config)
poems = arrays.texts(tokenizer, train, 64)
examples = arrays.masked(tokenizer, poems)
# the labels are among the inputs, so the model computes the loss itself
model.compile(optimizer=keras_training.adamw(examples, epochs=options.epochs))
model.fit(examples, batch_size=keras_training.BATCH, epochs=options.epochs, verbose=2)

model.save_pretrained(options.out)
tokenizer.save_pretrained(options.out)

data = arrays.masked(tokenizer, arrays.texts(tokenizer, test, 64), seed=1)
found = keras_training.predict(model, data)
guess = metrics.largest_share(data["labels"])
hidden = f"{(data['labels'] != arrays.IGNORED).sum()} hidden characters"
metrics.report("accuracy", metrics.accuracy(found, data["labels"]), "most frequent character", guess, hidden)
