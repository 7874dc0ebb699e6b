"""Gradients with noise, and the published surrogate of every fast implementation, against the reference."""

from dataclasses import replace

import pytest
import torch

from gaincell.cosim import gain_cell_attention
from gaincell.models import Noise, Polynomial

from .cases import CIRCUITS, PLAIN, Case, check_values, near


def test_noise_is_the_same_in_the_backward_pass(full):
    """The derivative for frozen noise is that of the computation which the seed repeats."""
    x = [torch.rand(1, 1, 5, 3), *0.9 * torch.rand(2, 1, 1, 5, 3)]
    x = [y.double().requires_grad_() for y in x]
    effects = replace(PLAIN, noise=True)

    def noisy(*x):
        torch.manual_seed(5)
        return gain_cell_attention(
            *x, full, window=4, effects=effects, chip=full.chip(0), implementation="torch"
        )

    assert torch.autograd.gradcheck(noisy, x, eps=1e-7, atol=1e-4)
    before = torch.get_rng_state()
    out = gain_cell_attention(*x, full, effects=effects, implementation="torch").sum()
    after = torch.get_rng_state()
    assert not torch.equal(before, after)
    out.backward()
    assert torch.equal(torch.get_rng_state(), after)


def test_the_surrogate_gradient_sees_the_noise_of_the_forward_pass(full):
    """With write noise alone, the linear cell's charge is that of the voltages that were written."""
    line = Polynomial(coefficients=[0.0, 4e-15], center=0.45)
    update = {
        "cells": full.cells | {"linear": line},
        "noise": Noise(charge_1=0, charge_2=0, write_volts=0.05),
    }
    hardware = full.model_copy(update=update)
    x = [torch.rand(1, 1, 9, 6), *0.9 * torch.rand(2, 1, 1, 9, 6)]
    settings = {"effects": replace(PLAIN, noise=True), "gradient": "fixed-slope"}
    results = []
    for implementation in ("reference", "torch"):
        inputs = [y.double().requires_grad_() for y in x]
        torch.manual_seed(5)
        out = gain_cell_attention(*inputs, hardware, implementation=implementation, **settings)
        results.append((out.detach(), *torch.autograd.grad(out.sum(), inputs)))
    for found, expected in zip(*reversed(results), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9 * float(expected.abs().max()))


@pytest.mark.parametrize("circuit", sorted(CIRCUITS))
def test_the_surrogate_gradient_of_every_circuit(fast, circuit):
    case = Case(circuit, queries=40, keys=70, window=50, heads=(4, 2), gradient="fixed-slope")
    check_values(case, fast)
    check_values(replace(case, queries=1, off=("decay",)), fast)
    check_values(replace(case, batch=2, padding=10, chip=True), fast)


# Of a linear cell's levels many a charge is exactly zero, on the edge of a clip.
@pytest.mark.parametrize("chip", [False, True])
@pytest.mark.parametrize("circuit", sorted(set(CIRCUITS) - {"linear cell"}))
def test_the_surrogate_gradient_of_levels(fast, circuit, chip):
    case = Case(circuit, queries=40, keys=70, window=50, heads=(4, 2), chip=chip, gradient="fixed-slope")
    (_, expected), (_, found) = (case.run(name, quantise=True) for name in ("reference", fast))
    assert near(found, expected, case.dtype)


def test_the_fixed_slope_is_that_of_the_linear_cell(leroux):
    """One key and one value: all derivatives are as if f(x) were 19.3 (x - 0.45); the output is the same."""
    hardware = leroux.model_copy(update={"q_sat_1": 10.0})
    outs, slopes = [], []
    for gradient in ("exact", "fixed-slope"):
        x = [torch.tensor(y).reshape(1, 1, 1, 1).requires_grad_() for y in (0.6, 0.8, 0.3)]
        settings = {"effects": PLAIN, "implementation": "reference"}
        out = gain_cell_attention(*x, hardware, gradient=gradient, **settings)
        outs.append(out.detach())
        slopes.append([float(y) for y in torch.autograd.grad(out, x)])
    assert torch.equal(*outs)
    phi = float(hardware.transfer(0.8)) * 0.6 / 10
    by_phi = 19.3 * (0.3 - 0.45) / hardware.q_sat_2
    by_query, by_key = by_phi * 19.3 * (0.8 - 0.45) / 10, by_phi * 19.3 * 0.6 / 10
    assert slopes[1] == pytest.approx([by_query, by_key, phi * 19.3 / hardware.q_sat_2], rel=1e-5)
    assert all(a != pytest.approx(b, rel=0.01) for a, b in zip(*slopes, strict=True))


@pytest.mark.parametrize("circuit", ["published", "fitted"])
def test_the_way_back_may_lie_in_autocast(fast, circuit):
    case = Case(circuit, queries=70, keys=70)
    x = [x.requires_grad_() for x in case.inputs()]
    found = []
    for enabled in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            out = gain_cell_attention(*x, case.hardware(), implementation=fast)
            found.append((out.detach(), *torch.autograd.grad(out.square().sum(), x)))
    for plain, cast in zip(*found, strict=True):
        torch.testing.assert_close(cast, plain, rtol=0, atol=1e-6 * float(plain.abs().max()))
