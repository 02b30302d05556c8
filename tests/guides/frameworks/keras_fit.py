"""The six guides with Keras, as they are written for transformers: compile without a loss, fit, save, load, predict."""

import sys

import numpy as np
import tensorflow as tf
from transformers import BertTokenizerFast
from transformers import (
    TFRoFormerForCausalLM,
    TFRoFormerForMaskedLM,
    TFRoFormerForMultipleChoice,
    TFRoFormerForQuestionAnswering,
    TFRoFormerForSequenceClassification,
    TFRoFormerForTokenClassification,
)

folder = sys.argv[1]
out = sys.argv[2]
tokenizer = BertTokenizerFast(f"{folder}/vocab.txt")
texts = ["这个公园很好看", "我不喜欢这个东西", "音乐非常好听", "今天真的不好"]
encoded = dict(tokenizer(texts, padding=True, return_tensors="np"))
ids = encoded["input_ids"]
special = (ids == tokenizer.cls_token_id) | (ids == tokenizer.sep_token_id) | (ids == tokenizer.pad_token_id)


def train(model, features, labels):
    data = tf.data.Dataset.from_tensor_slices((features, labels)).batch(2).repeat()
    model.compile(optimizer="adam")
    losses = model.fit(data, steps_per_epoch=1, epochs=20, verbose=0).history["loss"]
    model.save_pretrained(out)
    again = type(model).from_pretrained(out)
    first = {name: values[:2] for name, values in features.items()}
    return {"losses": losses, "kept": float(np.abs(np.asarray(again(first)[0]) - np.asarray(model(first)[0])).max())}


def sequence_classification():
    model = TFRoFormerForSequenceClassification.from_pretrained(f"{folder}/SequenceClassification")
    return train(model, encoded, np.array([1, 0, 1, 0]))


def token_classification():
    model = TFRoFormerForTokenClassification.from_pretrained(f"{folder}/TokenClassification")
    return train(model, encoded, np.where(special, -100, ids % 2))


def question_answering():
    model = TFRoFormerForQuestionAnswering.from_pretrained(f"{folder}/QuestionAnswering")
    contexts = ["这个公园很好看", "我们去北京公园", "音乐真的很好听", "今天东西真坏了"]
    questions = dict(tokenizer(["什么好看", "什么坏了"] * 2, contexts, padding=True, return_tensors="np"))
    return train(model, questions, {"start_positions": np.array([6, 7, 8, 6]), "end_positions": np.array([7, 9, 8, 7])})


def causal_language_modeling():
    model = TFRoFormerForCausalLM.from_pretrained(f"{folder}/CausalLM")
    return train(model, encoded, np.where(ids == tokenizer.pad_token_id, -100, ids))


def masked_language_modeling():
    model = TFRoFormerForMaskedLM.from_pretrained(f"{folder}/MaskedLM")
    hidden = ~special & (np.arange(ids.size).reshape(ids.shape) % 3 == 0)
    masked = {**encoded, "input_ids": np.where(hidden, tokenizer.mask_token_id, ids)}
    return train(model, masked, np.where(hidden, ids, -100))


def multiple_choice():
    model = TFRoFormerForMultipleChoice.from_pretrained(f"{folder}/MultipleChoice")
    pairs = tokenizer(["明天我们", "这个东西"] * 4, ["去公园", "很不好"] * 4, padding=True, return_tensors="np")
    return train(model, {name: values.reshape(4, 2, -1) for name, values in pairs.items()}, np.array([0, 1, 0, 1]))


guides = (
    sequence_classification,
    token_classification,
    question_answering,
    causal_language_modeling,
    masked_language_modeling,
    multiple_choice,
)
report = {guide.__name__: guide() for guide in guides}
