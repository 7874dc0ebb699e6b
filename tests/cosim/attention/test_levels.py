"""One quantiser: a voltage goes to the same level in every implementation, wherever it lies."""

import pytest
import torch

from gaincell.circuits.errors import HardwareError
from gaincell.cosim import Effects, gain_cell_attention
from gaincell.cosim.attention.kernels.dispatch import KNOWN
from gaincell.cosim.attention.levels import levels_of, volts_of
from gaincell.models import Hardware, Levels

CPU = [name for name in KNOWN if name not in ("auto", "triton")]
RANGES = {"from 0 V": {}, "from 0.1 V": {"v_min": 0.1, "v_max": 0.83, "v_zero": 0.4}}


def volts_between(hardware, points, shape):
    """Volts on an equally spaced grid over the range, as another converter's levels would be."""
    share = torch.randint(0, points, shape) / (points - 1)
    return hardware.v_min + (hardware.v_max - hardware.v_min) * share


@pytest.mark.parametrize("implementation", CPU)
@pytest.mark.parametrize("queries", [1, 40])
@pytest.mark.parametrize("scope", RANGES)
@pytest.mark.parametrize("name", ["leroux2025", "generic28"])
def test_volts_on_any_grid_are_read_at_their_levels(name, scope, queries, implementation):
    """The list's case: a grid of 15 on 8 levels, where every second value lies midway between two levels.

    Native kernels multiplied by a reciprocal: 71 % of the read-outs differed from the reference.
    """
    torch.manual_seed(0)
    base = Hardware.from_pretrained(name).model_copy(update=RANGES[scope])
    for levels in (8, 7, 16):
        hardware = base.model_copy(update={"levels": Levels(key=levels, value=levels)})
        grids = (2 * levels - 1, 4 * levels - 3, 6 * levels - 5, 3 * levels)
        for points in grids:
            q = torch.rand(1, 2, queries, 32)
            k, v = (volts_between(hardware, points, (1, 2, 40, 32)) for _ in range(2))
            written = [volts_of(levels_of(x, i, hardware), i, hardware) for i, x in ((1, k), (2, v))]
            options = {"window": 32, "implementation": implementation}
            out = gain_cell_attention(q, k, v, hardware, **options)
            assert torch.equal(out, gain_cell_attention(q, *written, hardware, **options)), (levels, points)


def test_levels_are_those_of_the_reference_for_all_numbers_near_a_tie():
    """Every float within 64 units in the last place of each tie, in both precisions."""
    hardware = Hardware.from_pretrained("ideal").model_copy(update=RANGES["from 0.1 V"])
    low, high, steps = hardware.v_min, hardware.v_max, hardware.levels.key - 1
    for dtype in (torch.float32, torch.float64):
        middles = low + (high - low) * (torch.arange(steps, dtype=dtype) + 0.5) / steps
        unit = torch.finfo(dtype).eps * middles
        near = middles[:, None] + unit[:, None] * torch.arange(-64, 65, dtype=dtype)
        expected = torch.round((near - low) / (high - low) * steps)
        assert torch.equal(levels_of(near, 1, hardware).to(dtype), expected)
        held = volts_of(levels_of(near, 1, hardware), 1, hardware, dtype)
        assert torch.equal(levels_of(held, 1, hardware).to(dtype), expected)


def test_missing_numbers_and_numbers_outside_the_range_have_a_level():
    hardware = Hardware.from_pretrained("generic28")
    found = levels_of(torch.tensor([-1.0, -torch.inf, 2.0, torch.inf, torch.nan]), 1, hardware)
    assert found.tolist() == [0, 0, 7, 7, 255]
    assert volts_of(found, 1, hardware).isnan().tolist() == [False] * 4 + [True]


def test_effects_without_quantisation_hold_no_levels():
    q, k = torch.rand(1, 1, 1, 8), torch.zeros(1, 1, 4, 8, dtype=torch.uint8)
    hardware = Hardware.from_pretrained("generic28")
    with pytest.raises(HardwareError, match="hold no levels"):
        gain_cell_attention(q, k, k, hardware, effects=Effects().without("quantise"))
