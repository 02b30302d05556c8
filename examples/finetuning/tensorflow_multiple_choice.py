"""Multiple choice in TensorFlow: which of four lines is the second half of a couplet from the Tang dynasty?

python examples/finetuning/tensorflow_multiple_choice.py
"""

import arrays
import beginnings
import keras
import keras_training
import metrics
import reading

from roformer_edge import RoFormerConfig, TFRoFormerForMultipleChoice

keras.utils.set_random_seed(0)
options = reading.read_options(__doc__, epochs=2)
train, test = (reading.read_rows(options, "multiple_choice/tang_next_line", split) for split in ("train", "test"))
# the vocabulary: characters, and the words of the question, which is always the same
lines = [text for row in train for text in (row["context"], row["question"], *row["choices"])]
tokenizer = reading.new_tokenizer(lines, character=8, word=5000)
config = RoFormerConfig(**reading.SMALL, vocab_size=len(tokenizer), hidden_dropout_prob=0.0)
TFRoFormerForMultipleChoice(config).save_pretrained(options.out)
couplets = [row["context"] + row["choices"][row["label"]] for row in train]
words = tokenizer(couplets + lines, add_special_tokens=False)["input_ids"]
beginnings.embed_by_company(options.out, "RoFormerForMultipleChoice", words)
beginnings.look_for_equals(options.out, "RoFormerForMultipleChoice", strength=1.5)
model = TFRoFormerForMultipleChoice.from_pretrained(options.out)

# other wrong lines in each epoch
drawn = [row for epoch in range(options.epochs) for row in arrays.other_distractors(train, epoch)]
examples = arrays.choices(tokenizer, drawn, 24)
# the labels are among the inputs, so the model computes the loss itself
model.compile(optimizer=keras_training.adamw(examples, epochs=1))
model.fit(examples, batch_size=32, epochs=1, verbose=2)
model.save_pretrained(options.out)
tokenizer.save_pretrained(options.out)

data = arrays.choices(tokenizer, test, 24)
found = keras_training.predict(model, data)
score = metrics.accuracy(found, data["labels"])
metrics.report("accuracy", score, "one of four", 0.25, f"{len(test)} couplets")
