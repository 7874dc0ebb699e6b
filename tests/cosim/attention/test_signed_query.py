"""Signed queries and the normalising column: against explicit loops, and in the energy laws."""

import numpy as np
import pytest
import torch

from gaincell.cosim import Effects, gain_cell_attention
from gaincell.cosim.attention.api import trace_attention
from gaincell.cosim.ledger.stage_energy import stage_energy
from gaincell.cosim.network.layer import GainCellAttention
from gaincell.models import CellReads, Conversions, DacConversions, Polynomial, Pulses, Writes

T, D, TILE = 21, 5, 8
SWAP_EFFICIENCY = 0.93


def with_options(full, scheme, normaliser):
    swap_efficiency = SWAP_EFFICIENCY if scheme == "two-phase" else None
    update = {"signed_query": scheme, "swap_efficiency": swap_efficiency, "normaliser": normaliser}
    return type(full).model_validate(full.model_dump() | update)


def inputs():
    rng = torch.Generator().manual_seed(3)
    q = torch.rand(1, 1, T, D, generator=rng, dtype=torch.float64) * 2.4 - 1.2
    k, v = torch.rand(2, 1, 1, T, D, generator=rng, dtype=torch.float64).unbind()
    return q, k, v


def column(model, charge, load):
    """Charge that the column model delivers, from its polynomial."""
    a = np.clip(charge / model.q_scale, *model.box["a"])
    u = np.clip(load, *model.box["u"])
    c = model.coefficients
    return charge * (1 + sum(c[i, j] * a**i * u**j for i in range(2) for j in range(2)))


def sums(part, volts, hardware):
    """Charge of the cells with pulse edges, and bit-line loading."""
    charge = float(part @ hardware.transfer(volts).numpy()) + hardware.edge * (part > 0).sum()
    return charge, float(part @ hardware.column_1.loading(volts).numpy())


def anchored(x, levels):
    return np.round(x * (levels - 1)) / (levels - 1)


def written(fraction):
    return 0.004 + 0.99 * 0.9 * fraction


def looped(q, k, v, hardware):
    """Output (T, D) of one head with loops over keys, phases and sub-tiles; no decay, no randomness."""
    f, g = hardware.transfer, hardware.column_1.loading
    low = 0 if hardware.signed_query is None else -1
    width = anchored(np.clip(q, low, 1), 16)
    out = np.zeros((T, D))
    for t in range(T):
        total = {}
        for s in range(t + 1):
            negative, positive = np.maximum(-width[t], 0), np.maximum(width[t], 0)
            level = anchored(np.clip(k[s] / 0.9, 0, 1), 8)
            key, mirror = written(level), written(1 - level)
            first = sums(negative, mirror if hardware.signed_query == "mirrored" else key, hardware)
            second = sums(positive, key, hardware)
            if hardware.signed_query == "two-phase":
                held = SWAP_EFFICIENCY * column(hardware.column_1, *first)
                charge = column(hardware.column_1, second[0] + held * second[1], second[1]) - held
            elif hardware.signed_query == "mirrored":
                charge = column(hardware.column_1, first[0] + second[0], first[1] + second[1])
            else:
                charge = column(hardware.column_1, *second)
            phi = float(hardware.phi(charge))
            tile = total.setdefault(s // TILE, [np.zeros(D + 1), np.zeros(D + 1)])
            target = np.append(v[s], hardware.normaliser or 0.9)
            volts = written(anchored(np.clip(target / 0.9, 0, 1), 8))
            tile[0] += phi * f(volts).numpy() + hardware.edge * (phi > 0)
            tile[1] += phi * g(volts).numpy()
        counted = sum(
            np.round(hardware.readout(column(hardware.column_2, *tile)).numpy() * 15) / 15
            for tile in total.values()
        )
        out[t] = counted[:D] / max(counted[D], 0.5 / 15) if hardware.normaliser else counted[:D]
    return out


@pytest.mark.parametrize("normaliser", [None, 0.9 * 6 / 7])
@pytest.mark.parametrize("scheme", [None, "mirrored", "two-phase"])
def test_every_option_equals_a_loop_over_its_circuit(full, scheme, normaliser):
    hardware = with_options(full, scheme, normaliser)
    q, k, v = inputs()
    out = gain_cell_attention(q, k, v, hardware, effects=Effects(decay=False))
    expected = looped(*(x[0, 0].numpy() for x in (q, k, v)), hardware)
    np.testing.assert_allclose(out[0, 0].numpy(), expected, rtol=1e-6, atol=1e-9)
    assert np.ptp(expected) > 0.1


@pytest.mark.parametrize("scheme", ["mirrored", "two-phase"])
def test_odd_cell_without_column_model_computes_the_signed_product(leroux, scheme):
    """With f(-x) = -f(x), both schemes give clip(sum w f(k))."""
    odd = Polynomial(coefficients=np.array([0.0, 19.3]), center=0.45, box={"v": (0.0, 0.9)})
    update = {"cells": {"nonlinear": odd}, "signed_query": scheme, "q_sat_1": 4.0, "q_sat_2": 30.0}
    update["swap_efficiency"] = SWAP_EFFICIENCY if scheme == "two-phase" else None
    hardware = leroux.model_copy(update=update)
    q, k, v = inputs()
    out = gain_cell_attention(q, k, v, hardware, effects=Effects.none())
    f = 19.3 * (torch.stack([k, v]).clamp(0, 0.9) - 0.45)
    phi = ((q.clamp(-1, 1) @ f[0].mT) / 4.0).clamp(0, 1).tril()
    torch.testing.assert_close(out, (phi @ f[1] / 30.0).clamp(-1, 1))


def test_signed_query_of_zero_has_a_gradient(full):
    """At q = 0 the gradient is the sum of the positive and the negative side's."""
    hardware = with_options(full, "mirrored", None)
    q, k, v = inputs()
    q = torch.zeros_like(q, requires_grad=True)
    gain_cell_attention(q, k, v, hardware, effects=Effects(quantise=False)).sum().backward()
    assert q.grad.abs().sum() > 0


def test_normalised_output_does_not_depend_on_the_number_of_equal_keys(full):
    """For equal keys the sum grows with every token, and the sum divided by that of phi does not."""
    hardware = with_options(full, "mirrored", 0.9)
    hardware = hardware.model_copy(
        update={
            "edge": None,
            "column_1": None,
            "column_2": None,
            "phi": None,
            "readout": None,
            "q_sat_2": 3e-14,
        }
    )
    k = torch.full((1, 1, 12, D), 0.7)
    v = torch.full((1, 1, 12, D), 0.8)
    q = torch.full((1, 1, 12, D), 0.4)
    out = gain_cell_attention(q, k, v, hardware, effects=Effects.none())[0, 0, :, 0]
    expected = float(hardware.transfer(0.8) / hardware.transfer(0.9))
    torch.testing.assert_close(out, torch.full((12,), expected), rtol=1e-3, atol=0)


def test_normaliser_is_stored_at_a_level_of_the_value_quantiser(full):
    hardware = with_options(full, None, 0.6)
    _, trace = trace_attention(*inputs(), hardware, effects=Effects(decay=False, write=False))
    assert trace.value_volts.shape[-1] == D + 1
    torch.testing.assert_close(trace.value_volts[..., -1], torch.full((1, 1, T), 0.9 * 5 / 7).double())


def test_unsigned_query_is_clipped_at_zero(full):
    q, k, v = inputs()
    ours = gain_cell_attention(q, k, v, full, effects=Effects(decay=False))
    torch.testing.assert_close(
        ours, gain_cell_attention(q.clamp(min=0), k, v, full, effects=Effects(decay=False))
    )


def test_energy_laws_count_complements_and_the_normalising_column(full):
    """Pulsed rows, written cells and conversions count the further elements; the query has D conversions."""
    q, k, v = inputs()
    signed = with_options(full, "mirrored", 0.9)
    _, trace = trace_attention(q, k, v, signed, effects=Effects(decay=False))
    _, two_phase = trace_attention(q, k, v, with_options(full, "two-phase", None))

    def last(law, trace):
        return float(sum(stage_energy(law, trace).values())[0, 0, -1])

    pulsed = int((q[0, 0, -1] * 15).round().clamp(-15, 15).ne(0).sum())
    tiles = -(-T // TILE)
    assert last(Pulses(array=1, joules=1.0), trace) == pulsed * tiles
    assert last(Pulses(array=1, joules=1.0), two_phase) == pulsed * tiles
    assert last(Writes(joules=1.0), trace) == 2 * D + D + 1
    assert last(Writes(joules=1.0), two_phase) == 2 * D
    assert last(DacConversions(joules=1.0), trace) == D + 2 * D + D + 1
    one = Polynomial(coefficients=[1.0])
    assert last(Conversions(converter=2, curve=one), trace) == (D + 1) * tiles
    swap = Polynomial(coefficients=[70e-15], box={"charge": (-1e-13, 4e-13)})
    assert last(Conversions(converter=1, curve=swap), two_phase) == pytest.approx(70e-15 * T)
    width = float((q[0, 0, -1].clamp(-1, 1) * 15).round().abs().sum() / 15)
    for recorded in (trace, two_phase):
        assert last(CellReads(array=1, curve=one), recorded) == pytest.approx(width * T)
    assert trace.head_dim == two_phase.head_dim == D


def test_layer_uses_the_window_of_its_hardware(full):
    hardware = with_options(full, "mirrored", 0.9).model_copy(update={"window": 6})
    q, k, v = (x.float() for x in inputs())
    ours = GainCellAttention(hardware, 1)(q, k, v)
    torch.testing.assert_close(ours, GainCellAttention(hardware, 1, window=6)(q, k, v))
    assert not torch.equal(ours, GainCellAttention(hardware, 1, window=T)(q, k, v))


def test_contradicting_options_raise_value_error(full):
    with pytest.raises(ValueError, match="swap_efficiency"):
        type(full).model_validate(full.model_dump() | {"signed_query": "two-phase"})
    with pytest.raises(ValueError, match="normaliser=0.2 must be above v_zero"):
        with_options(full, None, 0.2)


def test_chip_changes_the_output_with_complements_and_normaliser(full):
    hardware = with_options(full, "mirrored", 0.9)
    q, k, v = inputs()
    nominal = gain_cell_attention(q, k, v, hardware)
    deviating = gain_cell_attention(q, k, v, hardware, chip=hardware.chip(1))
    assert not torch.equal(nominal, deviating)
