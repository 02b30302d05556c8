"""Question answering in PyTorch: where in a text of Wikipedia is the answer? (CMRC 2018)

python examples/finetuning/torch_question_answering.py
"""

import beginnings
import metrics
import questions
import reading
import torch
import torch_training

from roformer_edge import RoFormerConfig, RoFormerForQuestionAnswering

torch.manual_seed(0)
options = reading.read_options(__doc__, epochs=4)
train = reading.read_rows(options, "qa/cmrc2018", "train")
tokenizer = reading.new_tokenizer({text for row in train for text in (row["context"], row["question"])})
# windows of 128 tokens are all that the model ever reads, in training and on a device
sizes = reading.SMALL | {"max_position_embeddings": 128, "hidden_dropout_prob": 0.0}
config = RoFormerConfig(**sizes, vocab_size=len(tokenizer))
RoFormerForQuestionAnswering(config).save_pretrained(options.out)
beginnings.look_for_equals(options.out, "RoFormerForQuestionAnswering")
model = RoFormerForQuestionAnswering.from_pretrained(options.out)

# first clauses with a gap and short windows of text, then the questions, among them more clauses
clauses = questions.Reader(tokenizer, 48).train(questions.cloze(train, times=8, seed=0), seed=0, negative=0)
torch_training.train(model, clauses, epochs=1, rate=2e-3)
reader = questions.Reader(tokenizer, 128)
lessons = train * options.epochs + questions.cloze(train, times=2, seed=1)
torch_training.train(model, reader.train(lessons, seed=0), epochs=1)
model.save_pretrained(options.out)
tokenizer.save_pretrained(options.out)

# the development questions are asked and answered in the manner of the training ones, the test questions at more length
for split in ("dev", "test"):
    rows = reading.read_rows(options, "qa/cmrc2018", split)
    windows, origins = reader.windows(rows)
    starts, ends = torch_training.predict_spans(model, windows)
    found = reader.answers(rows, origins, starts, ends)
    metrics.report_answers(found, train, rows, split)
