"""Question answering in TensorFlow: where in a text of Wikipedia is the answer? (CMRC 2018)

python examples/finetuning/tensorflow_question_answering.py
"""

import beginnings
import keras
import keras_training
import metrics
import questions
import reading
from keras import ops

from roformer_edge import RoFormerConfig, TFRoFormerForQuestionAnswering

keras.utils.set_random_seed(0)
options = reading.read_options(__doc__, epochs=5)
train, test = (reading.read_rows(options, "qa/cmrc2018", split) for split in ("train", "test"))
tokenizer = reading.new_tokenizer({text for row in train for text in (row["context"], row["question"])})
# windows of 128 tokens are all that the model ever reads, in training and on a device
sizes = reading.SMALL | {"max_position_embeddings": 128, "hidden_dropout_prob": 0.0}
config = RoFormerConfig(**sizes, vocab_size=len(tokenizer))
TFRoFormerForQuestionAnswering(config).save_pretrained(options.out)
beginnings.look_for_equals(options.out, "RoFormerForQuestionAnswering")
model = TFRoFormerForQuestionAnswering.from_pretrained(options.out)

# first clauses with a gap and short windows of text, then the questions
clauses = questions.Reader(tokenizer, 48).train(questions.cloze(train, times=8, seed=0), seed=0, negative=0)
# the labels are among the inputs, so the model computes the loss itself
model.compile(optimizer=keras_training.adamw(clauses, epochs=1, rate=2e-3))
model.fit(clauses, batch_size=32, epochs=1, verbose=2)
reader = questions.Reader(tokenizer, 128)
examples = reader.train(train * options.epochs, seed=0)
model.compile(optimizer=keras_training.adamw(examples, epochs=1))
model.fit(examples, batch_size=32, epochs=1, verbose=2)
model.save_pretrained(options.out)
tokenizer.save_pretrained(options.out)

windows, origins = reader.windows(test)
logits = keras_training.predict(model, windows, lambda output: ops.stack([output.start_logits, output.end_logits], 1))
found = reader.answers(test, origins, logits[:, 0], logits[:, 1])
likest = metrics.likest_clauses(test)
for name, given in (("model", found), ("clause most like the question", likest)):
    print(f"{name}: exact {metrics.exact_match(given, test):.3f}, F1 {metrics.answer_f1(given, test):.3f}")
guess = metrics.answer_f1(metrics.constant_spans(train, test), test)
metrics.report("F1", metrics.answer_f1(found, test), "the same place in every text", guess, f"{len(test)} questions")
