"""Agreement of next-token predictions with the exact network."""

import copy

import pytest
import torch
from tiny import CONTEXT, network
from torch.nn.functional import kl_div, log_softmax

from gaincell.cosim import convert
from gaincell.cosim.network.agreement import teacher_agreement

WINDOWS = torch.randint(0, 256, (3, CONTEXT + 1), generator=torch.Generator().manual_seed(0))


def test_a_network_agrees_with_itself():
    teacher = network()
    found = teacher_agreement(copy.deepcopy(teacher), teacher, WINDOWS)
    assert (found.top1, found.kl_nats) == (1.0, 0.0)


def test_agreement_counts_the_scored_tokens(leroux):
    teacher = network().eval()
    model = convert(copy.deepcopy(teacher), leroux).eval()
    scored = torch.zeros(3, CONTEXT, dtype=torch.bool)
    scored[0, 2:], scored[2, :5] = True, True
    with torch.no_grad():
        own, known = (log_softmax(x(WINDOWS[:, :-1]).logits[scored], -1) for x in (model, teacher))
    found = teacher_agreement(model, teacher, WINDOWS, scored=scored)
    same = (own.argmax(-1) == known.argmax(-1)).float().mean()
    assert found.top1 == pytest.approx(float(same))
    expected = kl_div(own, known, log_target=True, reduction="batchmean")
    assert found.kl_nats == pytest.approx(float(expected), rel=1e-4)
    assert found.kl_nats > 0
