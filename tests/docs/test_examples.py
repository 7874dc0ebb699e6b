"""Simulations of the example technology and the example procedure."""

import numpy as np
import pytest
import torch

from gaincell.characterization.cache import Cache
from gaincell.characterization.execute import characterize
from gaincell.characterization.plan import Plan
from gaincell.characterization.table import read_table
from gaincell.circuits.runner import simulate
from gaincell.circuits.technology import Technology
from gaincell.circuits.testbench import Condition, cell_read
from gaincell.cosim import Effects, gain_cell_attention
from gaincell.cosim.attention import stages
from gaincell.cosim.attention.kernels.dispatch import KERNELS
from gaincell.cosim.attention.operation import OperationContext
from gaincell.cosim.attention.ring import positions_of
from gaincell.models import Hardware


@pytest.fixture
def run(tmp_path):
    """A function that runs a plan and returns its tables by name."""

    def tables(plan):
        summary = characterize(plan, tmp_path / "out", jobs=1, cache=Cache(tmp_path / "cache"))
        assert summary.failed == 0
        return {name: read_table(tmp_path / "out", name) for name in plan.procedures}

    return tables


def test_cell_of_the_example_technology_is_written_within_7_mv_and_leaks_faster_when_warm(docs, run):
    plan = Plan.load(docs / "examples" / "lp28-first-look.toml")
    tables = run(plan)
    device = tables["device"].set_index(["role", "length"])
    assert 600 < device.loc[("nmos", 30e-9), "i_on"] < 900  # A/m = uA/um
    assert 0.08 < device.loc[("pmos", 30e-9), "swing"] < 0.095
    write = tables["cell_write"]
    assert set(write["write_device"]) == {"cmos"}, "it has no oxide device"
    assert (write["v_written"] - write["v_target"]).abs().max() < 7e-3
    retention = tables["cell_retention"]
    early = retention["age"].between(1e-4, 1e-2)  # before every level has reached its final value
    warm, cold = (np.isclose(retention["temperature"], t) & early for t in (85.0, 27.0))
    drift = (retention["v_aged"] - retention["v_store"]).abs()
    assert drift[warm].mean() > 3 * drift[cold].mean()


def test_drive_of_the_example_technology_rises_from_slow_to_fast(docs, run):
    plan = Plan(name="devices", technology=str(docs / "examples" / "lp28.toml"), procedures=("device",))
    drive = [run(plan.override(corner=corner))["device"]["i_on"] for corner in ("slow", "typ", "fast")]
    assert (drive[0] < drive[1]).all() and (drive[1] < drive[2]).all()


def test_both_kinds_of_device_of_the_example_get_width_and_length(docs):
    technology = Technology.load(docs / "examples" / "lp28.toml")
    assert "m0 d g s b lp_n w={w} l={l} m={m} delvto={zvt*" in technology.header("typ")
    assert "x0 d g s b lp_n_hvt w={w} l={l} m={m} dvth={zvt*" in technology.header("typ")


def test_example_cell_is_balanced_at_half_of_its_supply(docs):
    technology = Technology.load(docs / "examples" / "lp28.toml")
    from gaincell.circuits.designs import Designs

    condition = Condition(technology, Designs.of(technology), corner="typ")
    waves = simulate(cell_read(condition, [0.0, 0.5, 1.0], 15e-9, [0.5] * 3)).require()
    low, middle, high = (-waves.integrate(f"i(vbl{i})") for i in range(3))
    assert low < 0 < high
    assert abs(middle) < 0.01 * high
    assert high == pytest.approx(-low, rel=0.05)


def test_example_procedure_agrees_with_single_reads_and_with_symmetry(docs, run):
    import cell_supply

    table = run(Plan(name="supply", procedures=("cell_supply",)))["cell_supply"]
    assert len(table) == 39
    assert set(table.columns) == {"point", "status", "message", *cell_supply.CellSupply.columns}
    condition = Condition(Technology.load("generic28"))
    nominal = table[np.isclose(table["vdd"], 0.9)]
    stored = nominal["v_store"].tolist()
    waves = simulate(cell_read(condition, stored, 15e-9, [0.45] * len(stored))).require()
    expected = [-waves.integrate(f"i(vbl{i})") for i in range(len(stored))]
    np.testing.assert_allclose(nominal["q_bl"], expected, atol=1e-17)
    for vdd, rows in table.groupby("vdd"):
        middle = np.interp(vdd / 2, rows["v_store"], rows["q_bl"])
        assert abs(middle) < 0.02 * rows["q_bl"].abs().max()


@pytest.mark.parametrize("quantise", [False, True])
@pytest.mark.parametrize("name", ["leroux2025", "generic28"])
def test_example_effect_reaches_every_implementation(docs, monkeypatch, name, quantise):
    import read_disturb

    published = Hardware.from_pretrained(name)
    # A hardware of its own, so that no description made without the effect is used.
    hardware = published.model_copy(update={"name": f"{name} with read disturb"})
    torch.manual_seed(0)
    x = [y.requires_grad_() for y in (torch.rand(1, 2, 90, 32), *0.9 * torch.rand(2, 1, 2, 90, 32))]
    effects = Effects() if quantise else Effects().without("quantise")

    def results(hardware, implementation):
        # Slow enough for the cells of generic28 to lose something.
        options = {"effects": effects, "window": 70, "token_period": 1e-3, "implementation": implementation}
        out = gain_cell_attention(*x, hardware, **options)
        return out.detach(), *torch.autograd.grad(out.square().sum(), x)

    plain = results(published, "torch")
    monkeypatch.setattr(stages, "aged_terms", read_disturb.disturbed_terms)
    expected = results(hardware, "reference")
    assert (expected[0] - plain[0]).abs().max() > 1e-3
    positions = positions_of(90, 90, window=70, columns=64, key_start=0, stored=None, device="cpu")
    op = OperationContext(hardware, effects, positions, None, None)
    fast = [key for key, kernel in KERNELS.items() if kernel.unavailable(op, x[0]) is None]
    assert "torch" in fast
    for implementation in fast:
        for found, theirs in zip(results(hardware, implementation), expected, strict=True):
            apart = (found - theirs).abs() > 1e-4 * float(theirs.abs().max())
            assert apart.float().mean() < 2e-3, implementation
