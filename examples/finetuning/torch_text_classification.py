"""Text classification in PyTorch: what a traveller wants, from one sentence of a dialogue (CrossWOZ, 16 labels).

python examples/finetuning/torch_text_classification.py
"""

import arrays
import metrics
import reading
import torch
import torch_training

from roformer_edge import RoFormerConfig, RoFormerForSequenceClassification

torch.manual_seed(0)
options = reading.read_options(__doc__, epochs=8)
train, test = (reading.read_rows(options, "classification/crosswoz_intent", split) for split in ("train", "test"))
labels = sorted({row["label"] for row in train + test})

tokenizer = reading.new_tokenizer((row["text"] for row in train), word=5)
config = RoFormerConfig(**reading.SMALL, vocab_size=len(tokenizer), id2label=dict(enumerate(labels)))
model = RoFormerForSequenceClassification(config)
torch_training.train(model, arrays.labelled(tokenizer, train, labels, 48), epochs=options.epochs)

model.save_pretrained(options.out)
tokenizer.save_pretrained(options.out)

data = arrays.labelled(tokenizer, test, labels, 48)
found = torch_training.predict(model, data)
guess = metrics.largest_share(data["labels"])
metrics.report("accuracy", metrics.accuracy(found, data["labels"]), "largest class", guess, f"{len(test)} texts")
