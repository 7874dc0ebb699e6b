"""The fast implementations that run here."""

import pytest
import torch

from gaincell.cosim.attention.kernels.dispatch import KERNELS
from gaincell.cosim.attention.ring import positions_of
from gaincell.cosim.attention.stages import OperationContext

from .cases import FAST, PLAIN


@pytest.fixture(params=FAST, scope="module")
def fast(request, leroux):
    """Name of a fast implementation that runs here, on CPU tensors."""
    positions = positions_of(
        1, 1, window=None, columns=64, key_start=0, stored=None, device=torch.device("cpu")
    )
    op = OperationContext(leroux, PLAIN, positions, None, None)
    reason = KERNELS[request.param].unavailable(op, torch.empty(1, 1, 1, 1))
    if reason is not None:
        pytest.skip(f"{request.param}: {reason}")
    return request.param
