"""Noise of stored voltages and of pulse widths."""

import pytest
import torch

from gaincell.cosim import Effects, trace_attention
from gaincell.cosim.cli.models import chosen_effects
from gaincell.models import Noise

QUIET = Effects.none()
NOISY = Effects(**{**vars(QUIET), "noise": True})


def signals(length=80, depth=6):
    q = torch.rand(1, 2, length, depth, dtype=torch.float64)
    k, v = 0.9 * torch.rand(2, 1, 2, length, depth, dtype=torch.float64)
    return q, k, v


def traces(hardware, noise):
    q, k, v = signals()
    noisy = hardware.model_copy(update={"noise": noise})
    return [trace_attention(q, k, v, noisy, effects=effects)[1] for effects in (QUIET, NOISY)]


def test_write_noise_has_the_stated_rms(full):
    clean, noisy = traces(full, Noise(charge_1=0.0, charge_2=0.0, write_volts=2e-3))
    for name in ("key_volts", "value_volts"):
        moved = getattr(noisy, name) - getattr(clean, name)
        assert moved.std().item() == pytest.approx(2e-3, rel=0.15)


def test_jitter_acts_on_partial_pulses_only(full):
    clean, noisy = traces(full, Noise(charge_1=0.0, charge_2=0.0, jitter_1=0.01))
    partial = (clean.phi > 0) & (clean.phi < 1)
    inside = (clean.phi > 0.1) & (clean.phi < 0.9)
    assert partial.any() and (~partial).any()
    torch.testing.assert_close(noisy.phi[~partial], clean.phi[~partial])
    assert (noisy.phi - clean.phi)[inside].std().item() == pytest.approx(0.01, rel=0.1)
    assert noisy.phi.min() >= 0 and noisy.phi.max() <= 1


def test_jitter_does_not_change_the_sign_of_a_read_out(full):
    clean, noisy = traces(full, Noise(charge_1=0.0, charge_2=0.0, jitter_2=0.02))
    before = torch.cat([tile.output.flatten() for tile in clean.sub_tiles])
    after = torch.cat([tile.output.flatten() for tile in noisy.sub_tiles])
    assert not torch.equal(before, after)
    assert (before * after >= 0).all()


def test_command_line_switches_noise_on_only_on_request():
    assert not chosen_effects(None).noise
    asked = chosen_effects(["write"], noise=True)
    assert asked.noise and not asked.write and asked.column
