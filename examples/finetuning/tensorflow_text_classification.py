"""Text classification in TensorFlow: what a traveller wants, from one sentence of a dialogue (CrossWOZ, 16 labels).

python examples/finetuning/tensorflow_text_classification.py
"""

import arrays
import keras
import keras_training
import metrics
import reading

from roformer_edge import RoFormerConfig, TFRoFormerForSequenceClassification

keras.utils.set_random_seed(0)
options = reading.read_options(__doc__, epochs=8)
train, test = (reading.read_rows(options, "classification/crosswoz_intent", split) for split in ("train", "test"))
labels = sorted({row["label"] for row in train + test})

tokenizer = reading.new_tokenizer((row["text"] for row in train), word=5)
config = RoFormerConfig(**reading.SMALL, vocab_size=len(tokenizer), id2label=dict(enumerate(labels)))
model = TFRoFormerForSequenceClassification(config)
examples = arrays.labelled(tokenizer, train, labels, 48)
# the labels are among the inputs, so the model computes the loss itself
model.compile(optimizer=keras_training.adamw(examples, epochs=options.epochs))
model.fit(examples, batch_size=32, epochs=options.epochs, verbose=2)

model.save_pretrained(options.out)
tokenizer.save_pretrained(options.out)

data = arrays.labelled(tokenizer, test, labels, 48)
found = keras_training.predict(model, data)
guess = metrics.largest_share(data["labels"])
metrics.report("accuracy", metrics.accuracy(found, data["labels"]), "largest class", guess, f"{len(test)} texts")
