"""Causal language modelling in TensorFlow: the next character of poems of the Tang dynasty.

python examples/finetuning/tensorflow_causal_lm.py
"""

import arrays
import keras
import keras_training
import metrics
import reading

from roformer_edge import RoFormerConfig, TFRoFormerForCausalLM

keras.utils.set_random_seed(0)
options = reading.read_options(__doc__, epochs=2)
rows = (reading.read_rows(options, "text/chinese_poetry", split) for split in ("train", "test"))
train, test = ([row for row in split if row.get("genre", "tang").startswith("tang")] for split in rows)

tokenizer = reading.new_tokenizer((row["text"] for row in train), character=20)
config = RoFormerConfig(
    **reading.SMALL | {"embedding_size": 64}, vocab_size=len(tokenizer), hidden_dropout_prob=0.0, is_decoder=True
)
model = TFRoFormerForCausalLM(config)
poems = arrays.texts(tokenizer, train, 64)
examples = arrays.continued(tokenizer, poems)
# the labels are among the inputs, so the model computes the loss itself
model.compile(optimizer=keras_training.adamw(examples, epochs=options.epochs, batch=8, rate=2e-3))
model.fit(examples, batch_size=8, epochs=options.epochs, verbose=2)

model.save_pretrained(options.out)
tokenizer.save_pretrained(options.out)

start = tokenizer(test[0]["text"][:2], return_tensors="tf")["input_ids"][:, :-1]  # without [SEP], which ends a poem
print(tokenizer.decode(model.generate(start, max_new_tokens=30)[0], skip_special_tokens=True))
data = arrays.continued(tokenizer, arrays.texts(tokenizer, test, 64))
found, expected = keras_training.predict(model, data)[:, :-1], data["labels"][:, 1:]
guess = metrics.largest_share(expected)
total = f"{(expected != arrays.IGNORED).sum()} characters"
metrics.report("accuracy", metrics.accuracy(found, expected), "most frequent character", guess, total)
