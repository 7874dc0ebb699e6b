"""A converter's curve by equal buckets, against the spline that it was made from."""

from functools import partial

import pytest
import torch

from gaincell.cosim import Effects
from gaincell.cosim.attention.kernels.converter_curve import curve_of, value_at
from gaincell.cosim.attention.kernels.description import describe_circuit
from gaincell.cosim.attention.ring import positions_of
from gaincell.cosim.attention.stages import OperationContext
from gaincell.models import Hardware


@pytest.fixture(
    scope="module", params=[(name, array) for name in ("generic28", "generic28-sc") for array in (1, 2)]
)
def pair(request):
    """Bucketed curve, spline of the charge in full scales, and the knots in full scales."""
    name, array = request.param
    hardware, cpu = Hardware.from_pretrained(name), torch.device("cpu")
    positions = positions_of(1, 1, window=None, columns=64, key_start=0, stored=None, device=cpu)
    circuit = describe_circuit(OperationContext(hardware, Effects(), positions, None, None), cpu)
    stage = circuit.first if array == 1 else circuit.second
    spline = (hardware.phi if array == 1 else hardware.readout).curve
    return curve_of(stage), lambda x: spline(x * stage.full_scale), stage.knots


def test_no_bucket_holds_two_knots(pair):
    curve, _, knots = pair
    bucket = ((knots.double() - curve.start) * curve.per_bucket).floor()
    assert len(bucket.unique()) == len(knots)
    assert int(bucket.max()) < len(curve.knots)


def test_values_are_those_of_the_spline(pair):
    """Inside, beyond both ends, and right beside the knots."""
    curve, spline, knots = pair
    x = torch.cat([torch.linspace(-3, 3, 20_001), knots - 1e-6, knots, knots + 1e-6])
    assert (value_at(curve, x).double() - spline(x.double())).abs().max() <= 1e-6
    assert value_at(curve, torch.tensor([torch.nan])).isnan().all()


def test_slopes_are_those_of_the_spline(pair):
    curve, spline, knots = pair
    x = torch.linspace(-2, 2, 20_001)
    x = x[(x[:, None] - knots).abs().amin(1) > 1e-5]
    slopes = []
    for function, dtype in ((partial(value_at, curve), torch.float32), (spline, torch.float64)):
        own = x.to(dtype).requires_grad_()
        slopes.append(torch.autograd.grad(function(own).sum(), own)[0])
    assert (slopes[0].double() - slopes[1]).abs().max() <= 1e-4 * slopes[1].abs().max()
