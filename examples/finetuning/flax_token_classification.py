"""Token classification in Flax: people, places and organisations in Chinese sentences (UNER GSDSIMP).

python examples/finetuning/flax_token_classification.py
"""

import arrays
import beginnings
import flax_training
import metrics
import reading

from roformer_edge import FlaxRoFormerForTokenClassification, RoFormerConfig

options = reading.read_options(__doc__, epochs=6)
train, test = (reading.read_rows(options, "token_classification/uner_gsdsimp", split) for split in ("train", "test"))
tags = arrays.tag_names(train)
sentences = [row["text"] for row in train]
tokenizer = reading.new_tokenizer(sentences, word=5)
config = RoFormerConfig(**reading.SMALL, vocab_size=len(tokenizer), id2label=dict(enumerate(tags)))
FlaxRoFormerForTokenClassification(config).save_pretrained(options.out)
words = tokenizer(sentences, add_special_tokens=False)["input_ids"]
beginnings.embed_by_company(options.out, "RoFormerForTokenClassification", words, window=3)
model = FlaxRoFormerForTokenClassification.from_pretrained(options.out)

flax_training.train(model, arrays.tagged(tokenizer, train, tags, 80), epochs=options.epochs)
model.save_pretrained(options.out)
tokenizer.save_pretrained(options.out)

found = flax_training.predict(model, arrays.texts(tokenizer, test, 80))
expected = [{(entity["label"], entity["start"], entity["end"]) for entity in row["entities"]} for row in test]
guess = metrics.entity_f1(metrics.known_entities(train, [row["text"] for row in test]), expected)
score = metrics.entity_f1(arrays.entities(tokenizer, test, tags, found), expected)
metrics.report("entity F1", score, "dictionary of the training entities", guess, f"{len(test)} sentences")
