"""Traces of random signals for the ledger's tests."""

import pytest
import torch

from gaincell.cosim import trace_attention


@pytest.fixture
def traces_of():
    """Function from hardware to traces of random signals by layer, as `record_traces` gives them."""

    def build(hardware, heads=2, kv_heads=2, length=20, depth=6, batch=1, layers=("a", "b"), **options):
        torch.manual_seed(1)
        found = {}
        for layer in layers:
            q = torch.rand(batch, heads, length, depth, dtype=torch.float64)
            k, v = 0.9 * torch.rand(2, batch, kv_heads, length, depth, dtype=torch.float64)
            found[layer] = [trace_attention(q, k, v, hardware, **options)[1]]
        return found

    return build
