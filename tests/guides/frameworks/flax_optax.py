"""The five guides with Flax, as they are written for transformers: a TrainState, optax, a compiled step."""

import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax.training.train_state import TrainState
from transformers import BertTokenizerFast
from transformers import (
    FlaxRoFormerForMaskedLM,
    FlaxRoFormerForMultipleChoice,
    FlaxRoFormerForQuestionAnswering,
    FlaxRoFormerForSequenceClassification,
    FlaxRoFormerForTokenClassification,
)

folder = sys.argv[1]
out = sys.argv[2]
tokenizer = BertTokenizerFast(f"{folder}/vocab.txt")
texts = ["这个公园很好看", "我不喜欢这个东西", "音乐非常好听", "今天真的不好"]
encoded = dict(tokenizer(texts, padding=True, return_tensors="np"))
ids = encoded["input_ids"]
special = (ids == tokenizer.cls_token_id) | (ids == tokenizer.sep_token_id) | (ids == tokenizer.pad_token_id)


def cross_entropy(logits, labels):
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, jnp.maximum(labels, 0))
    counts = labels >= 0
    return (losses * counts).sum() / counts.sum()


def train(model, batch, labels, loss_of=lambda outputs, labels: cross_entropy(outputs[0], labels)):
    state = TrainState.create(apply_fn=model.__call__, params=model.params, tx=optax.adamw(1e-3, weight_decay=0.01))

    @jax.jit
    def train_step(state, dropout_rng):
        dropout_rng, new_dropout_rng = jax.random.split(dropout_rng)

        def loss_fn(params):
            return loss_of(state.apply_fn(**batch, params=params, dropout_rng=dropout_rng, train=True), labels)

        loss, grads = jax.value_and_grad(loss_fn)(state.params)
        return state.apply_gradients(grads=grads), loss, new_dropout_rng

    rng, losses = jax.random.PRNGKey(0), []
    for _ in range(20):
        state, loss, rng = train_step(state, rng)
        losses.append(float(loss))
    model.save_pretrained(out, params=state.params)
    again = type(model).from_pretrained(out)
    gap = np.abs(np.asarray(again(**batch)[0]) - np.asarray(model(**batch, params=state.params)[0])).max()
    return {"losses": losses, "kept": float(gap)}


def sequence_classification():
    model = FlaxRoFormerForSequenceClassification.from_pretrained(f"{folder}/SequenceClassification")
    return train(model, encoded, np.array([1, 0, 1, 0]))


def token_classification():
    model = FlaxRoFormerForTokenClassification.from_pretrained(f"{folder}/TokenClassification")
    return train(model, encoded, np.where(special, -100, ids % 2))


def question_answering():
    model = FlaxRoFormerForQuestionAnswering.from_pretrained(f"{folder}/QuestionAnswering")
    contexts = ["这个公园很好看", "我们去北京公园", "音乐真的很好听", "今天东西真坏了"]
    questions = dict(tokenizer(["什么好看", "什么坏了"] * 2, contexts, padding=True, return_tensors="np"))
    starts, ends = np.array([6, 7, 8, 6]), np.array([7, 9, 8, 7])

    def loss_of(outputs, labels):
        return (cross_entropy(outputs[0], labels[0]) + cross_entropy(outputs[1], labels[1])) / 2

    return train(model, questions, (starts, ends), loss_of)


def masked_language_modeling():
    model = FlaxRoFormerForMaskedLM.from_pretrained(f"{folder}/MaskedLM")
    hidden = ~special & (np.arange(ids.size).reshape(ids.shape) % 3 == 0)
    masked = {**encoded, "input_ids": np.where(hidden, tokenizer.mask_token_id, ids)}
    return train(model, masked, np.where(hidden, ids, -100))


def multiple_choice():
    model = FlaxRoFormerForMultipleChoice.from_pretrained(f"{folder}/MultipleChoice")
    pairs = tokenizer(["明天我们", "这个东西"] * 4, ["去公园", "很不好"] * 4, padding=True, return_tensors="np")
    return train(model, {name: values.reshape(4, 2, -1) for name, values in pairs.items()}, np.array([0, 1, 0, 1]))


guides = (sequence_classification, token_classification, question_answering, masked_language_modeling, multiple_choice)
report = {guide.__name__: guide() for guide in guides}
