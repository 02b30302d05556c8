from __future__ import annotations

import pytest
import torch

from roformer_edge.models.torch.heads import (
    RoFormerForQuestionAnswering,
    RoFormerForSequenceClassification,
)


class TestLosses:
    IDS = torch.tensor([[5, 6, 7], [8, 9, 10]])

    def loss(self, config, labels: torch.Tensor) -> float:
        torch.manual_seed(0)
        model = RoFormerForSequenceClassification(config.replace(initializer_range=0.5)).eval()
        self.logits = model(self.IDS).logits.detach()
        return model(self.IDS, labels=labels).loss.item()

    def test_integer_labels_mean_one_label(self, tiny_config):
        found = self.loss(tiny_config, torch.tensor([2, 0]))
        expected = -torch.log_softmax(self.logits, dim=1)[[0, 1], [2, 0]].mean()
        assert found == pytest.approx(expected.item(), abs=1e-6)

    def test_an_ignored_label_does_not_count(self, tiny_config):
        found = self.loss(tiny_config, torch.tensor([2, -100]))
        assert found == pytest.approx(-torch.log_softmax(self.logits, dim=1)[0, 2].item(), abs=1e-6)

    def test_float_labels_mean_several(self, tiny_config):
        labels = torch.tensor([[1.0, 0, 1], [0, 0, 1]])
        found = self.loss(tiny_config, labels)
        p = torch.sigmoid(self.logits)
        expected = -(labels * p.log() + (1 - labels) * (1 - p).log()).mean()
        assert found == pytest.approx(expected.item(), abs=1e-6)

    def test_one_logit_means_regression(self, tiny_config):
        found = self.loss(tiny_config.replace(id2label={0: "score"}), torch.tensor([0.5, -2.0]))
        assert found == pytest.approx(((self.logits[:, 0] - torch.tensor([0.5, -2.0])) ** 2).mean().item(), abs=1e-6)

    def test_the_config_can_say_so(self, tiny_config):
        labels = torch.tensor([[1.0, 2, 3], [4, 5, 6]])
        found = self.loss(tiny_config.replace(problem_type="regression"), labels)
        assert found == pytest.approx(((self.logits - labels) ** 2).mean().item(), abs=1e-5)

    def test_spans_outside_do_not_count(self, tiny_config):
        model = RoFormerForQuestionAnswering(tiny_config).eval()
        both = model(self.IDS, start_positions=torch.tensor([1, 9]), end_positions=torch.tensor([[2], [9]])).loss
        one = model(self.IDS[:1], start_positions=torch.tensor([1]), end_positions=torch.tensor([2])).loss
        assert both.item() == pytest.approx(one.item(), abs=1e-6)
