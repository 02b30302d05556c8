"""The guide of token classification, as it is written for transformers: places in sentences that are cut into words."""

import sys

import numpy as np
from datasets import Dataset
from transformers import DataCollatorForTokenClassification, Trainer, TrainingArguments, set_seed
from transformers import RoFormerForTokenClassification, RoFormerTokenizerFast

folder = sys.argv[1]
set_seed(42)
label_list = ["O", "B-LOC", "I-LOC"]
words = [["我们", "明天", "去", "公园"], ["北京", "很", "好看"], ["今天", "去", "上海", "听", "音乐"], ["东西", "坏了"]]
tags = [[0, 0, 0, 1], [1, 0, 0], [0, 0, 1, 0, 0], [0, 0]]
data = Dataset.from_dict({"tokens": words * 2, "ner_tags": tags * 2})

tokenizer = RoFormerTokenizerFast.from_pretrained(folder)


def tokenize_and_align_labels(examples):
    inputs = tokenizer(examples["tokens"], truncation=True, is_split_into_words=True)
    labels = []
    for i, label in enumerate(examples["ner_tags"]):
        previous, row = None, []
        for word in inputs.word_ids(batch_index=i):
            row.append(-100 if word is None or word == previous else label[word])
            previous = word
        labels.append(row)
    inputs["labels"] = labels
    return inputs


tokenized = data.map(tokenize_and_align_labels, batched=True)
model = RoFormerForTokenClassification.from_pretrained(
    folder, num_labels=3, id2label=dict(enumerate(label_list)), label2id={tag: i for i, tag in enumerate(label_list)}
)


def compute_metrics(predicted):
    predictions, labels = predicted
    found = np.argmax(predictions, axis=2)
    return {"accuracy": float((found == labels)[labels != -100].mean())}


trainer = Trainer(
    model=model,
    args=TrainingArguments(
        output_dir=sys.argv[2],
        learning_rate=1e-3,
        per_device_train_batch_size=3,
        max_steps=20,
        weight_decay=0.01,
        eval_strategy="epoch",
        save_strategy="no",
        logging_steps=1,
        report_to=[],
        disable_tqdm=True,
        use_cpu=True,
    ),
    train_dataset=tokenized,
    eval_dataset=tokenized,
    processing_class=tokenizer,
    data_collator=DataCollatorForTokenClassification(tokenizer=tokenizer),
    compute_metrics=compute_metrics,
)
trainer.train()
trainer.save_model()
predicted = trainer.predict(tokenized).predictions
