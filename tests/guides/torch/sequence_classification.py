"""The guide of sequence classification, as it is written for transformers: sentences with a feeling in them."""

import sys

import numpy as np
from datasets import Dataset
from transformers import DataCollatorWithPadding, Trainer, TrainingArguments, set_seed
from transformers import RoFormerForSequenceClassification, RoFormerTokenizerFast

folder = sys.argv[1]
set_seed(42)
texts = [
    "这个公园很好看",
    "我不喜欢这个东西",
    "音乐非常好听",
    "今天真的不好",
    "明天我们去公园，好不好",
    "东西坏了",
    "很好",
    "不好看",
]
data = Dataset.from_dict({"text": texts, "label": [1, 0, 1, 0, 1, 0, 1, 0]}).train_test_split(test_size=2, seed=0)

tokenizer = RoFormerTokenizerFast.from_pretrained(folder)


def preprocess(examples):
    return tokenizer(examples["text"], truncation=True)


tokenized = data.map(preprocess, batched=True)
id2label = {0: "NEGATIVE", 1: "POSITIVE"}
model = RoFormerForSequenceClassification.from_pretrained(
    folder, num_labels=2, id2label=id2label, label2id={label: index for index, label in id2label.items()}
)


def compute_metrics(predicted):
    predictions, labels = predicted
    return {"accuracy": float((np.argmax(predictions, axis=1) == labels).mean())}


trainer = Trainer(
    model=model,
    args=TrainingArguments(
        output_dir=sys.argv[2],
        learning_rate=1e-3,
        per_device_train_batch_size=3,
        max_steps=20,
        weight_decay=0.01,
        eval_strategy="steps",
        eval_steps=10,
        save_steps=10,
        logging_steps=1,
        load_best_model_at_end=True,
        report_to=[],
        disable_tqdm=True,
        use_cpu=True,
    ),
    train_dataset=tokenized["train"],
    eval_dataset=tokenized["test"],
    processing_class=tokenizer,
    data_collator=DataCollatorWithPadding(tokenizer=tokenizer),
    compute_metrics=compute_metrics,
)
trainer.train()
predicted = trainer.predict(tokenized["test"].remove_columns("label")).predictions
