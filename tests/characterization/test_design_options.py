"""Procedures of the design options on known waveforms; a changed size re-simulates what uses it."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from gaincell.characterization.cache import Cache
from gaincell.characterization.draws import draw_chain, draw_column, signs_queries
from gaincell.characterization.execute import characterize
from gaincell.characterization.plan import Plan
from gaincell.characterization.procedure import Context, find
from gaincell.characterization.procedures.converter import swap_energy
from gaincell.characterization.procedures.signed_column import SCHEMES, with_scheme
from gaincell.circuits.designs import TWO_PHASES, LevelCounts
from gaincell.circuits.rawfile import Waveforms
from gaincell.circuits.runner import simulate
from gaincell.circuits.technology import Technology
from gaincell.circuits.testbench import Schedule, chain
from gaincell.circuits.testbench.converters import SWAP_CLOCKS

T_MAX = 15e-9


@pytest.fixture(scope="module")
def technology():
    return Technology.load("generic28")


def waveforms(**signals):
    """A pulse on v(out) of 4 ns between half-amplitude points, and constants, over 100 ns."""
    time = np.array([0.0, 40e-9, 40.1e-9, 44e-9, 44.1e-9, 100e-9])
    values = {"v(out)": np.array([0.0, 0.0, 0.9, 0.9, 0.0, 0.0])}
    values |= {name: np.full(len(time), float(value)) for name, value in signals.items()}
    return Waveforms("Transient", "time", time, values)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_signed_column_measurements_match_known_waveforms(technology, scheme):
    """Constant currents for 100 ns at 0.9 V, and a line 0.1 V below its rest voltage: closed forms.

    The currents of the clocks that open a pair count for the 0.2 ns before the swap; those of the clocks that
    close a pair from the swap until 0.1 ns before the positive pulses. Both signs count.
    """
    ctx = Context(technology)
    clocks = {"i(vfwd)": 4e-6, "i(vfwdb)": -5e-6, "i(vrev)": -6e-6, "i(vrevb)": 7e-6}
    waves = waveforms(**{"i(vvdd)": -2e-6, "i(vddc)": -3e-6, "v(bl)": 0.35, **clocks})
    row = find("signed_column").measure(ctx, pd.DataFrame({"scheme": [scheme]}), waves).iloc[0]
    assert row["t_out"] == pytest.approx(4e-9)
    assert row["e_cells"] == pytest.approx(0.9 * 2e-6 * 100e-9)
    assert row["e_convert"] == pytest.approx(0.9 * 3e-6 * 100e-9)
    assert row["e_reset"] == pytest.approx(1.7e-12 * 0.1 * 0.45)
    swap = 0.9 * (9e-6 * 0.2e-9 + 13e-6 * 0.9e-9) if scheme == "two-phase" else 0.0
    assert row["e_swap"] == pytest.approx(swap)
    less_skew = ctx.condition.designs.converter.t_skew - TWO_PHASES["t_skew"]
    extra = 17e-9 - less_skew if scheme == "two-phase" else 0.0  # and a second integration
    assert row["t_operation"] == pytest.approx(Schedule.of(ctx.condition.designs).end + extra)


def test_swap_energy_is_proportional_to_the_switch_width(technology):
    """It is independent of the number of converters in a deck and of the charge."""
    cost = {}
    for width, charges in ((12e-6, [0.0]), (12e-6, [-1e-13, 0.0, 3e-13]), (24e-6, [0.0])):
        ctx = Context(technology, designs={"converter": TWO_PHASES | {"w_swap": width}})
        points = pd.DataFrame({"signed": False, "charge": charges})
        found = find("converter").measure(ctx, points, simulated(ctx, "converter", points))
        assert found["e_swap"].nunique() == 1
        cost[width, len(charges)] = found["e_swap"].iloc[0]
    assert cost[12e-6, 3] == pytest.approx(cost[12e-6, 1], rel=1e-3)
    assert cost[24e-6, 1] == pytest.approx(2 * cost[12e-6, 1], rel=0.01)
    assert 20e-15 < cost[12e-6, 1] < 200e-15


def test_swap_energy_of_a_chain_is_the_sum_over_its_converters(technology):
    """The bank of a chain uses the energy of a single converter per converter, at transistor level."""
    ctx = Context(technology, designs={"converter": TWO_PHASES})
    points = pd.DataFrame({"signed": False, "charge": [1e-13]})
    alone = find("converter").measure(ctx, points, simulated(ctx, "converter", points))["e_swap"].iloc[0]
    query, keys = np.array([-1.0, 0.5, 1.0, -0.2]) * T_MAX, np.linspace(0.0, 0.9, 12).reshape(4, 3)
    deck = chain(ctx.condition, query, keys, np.full((3, 1), 0.9))
    saved = ".save " + " ".join(f"i(v{name}1)" for name in SWAP_CLOCKS)
    whole = simulate(replace(deck, netlist=deck.netlist.replace("\n.save", f"\n{saved}\n.save", 1))).require()
    clocks = {f"i(v{name})": whole[f"i(v{name}1)"] for name in SWAP_CLOCKS}
    bank = swap_energy(ctx.condition, replace(whole, signals=clocks), signed=False)
    assert bank == pytest.approx(3 * alone, rel=0.05)


def simulated(ctx, procedure, points):
    """Waveforms of the only batch of some points."""
    (batch,) = find(procedure).batches(ctx, points)
    return simulate(batch.simulation).require()


@pytest.mark.parametrize(("sign", "expected"), [(0.9, 4e-9), (0.0, -4e-9)])
def test_normaliser_measurements_match_known_waveforms(technology, sign, expected):
    waves = waveforms(**{"i(vvdd)": -2e-6, "i(vddc)": -3e-6, "v(bl)": 0.5, "v(sign)": sign})
    row = find("normaliser").measure(Context(technology), pd.DataFrame({"v_store": [0.6]}), waves).iloc[0]
    assert row["t_out"] == pytest.approx(expected)
    assert row["e_cells"] == pytest.approx(0.9 * 2e-6 * 100e-9)
    assert row["e_reset"] == 0.0


def test_both_schemes_have_equal_queries_and_stored_values(technology):
    ctx = Context(technology, samples=3)
    procedure = find("signed_column")
    points = procedure.points(ctx)
    first, second = (rows.reset_index(drop=True) for _, rows in points.groupby("scheme"))
    pd.testing.assert_frame_equal(first.drop(columns="scheme"), second.drop(columns="scheme"))
    assert min(map(min, first["t_pulse"])) < 0 < max(map(max, first["t_pulse"]))
    decks = [batch.simulation.netlist for batch in procedure.batches(ctx, points)]
    assert "query_to_pulse" not in decks[0] and "query_to_pulse" in decks[-1]
    assert decks[0].count("gain_cell") > 1.9 * decks[-1].count("gain_cell")
    mirrored, swapped = (with_scheme(ctx.condition, scheme).designs for scheme in SCHEMES)
    assert signs_queries(mirrored) and signs_queries(swapped) and not signs_queries(ctx.condition.designs)


def test_normaliser_sweeps_the_levels_above_the_middle(technology):
    ctx = Context(technology, samples=4, designs={"array": {"normaliser": 0.6}})
    points = find("normaliser").points(ctx)
    levels = [0.9 * x for x in (4 / 7, 0.6, 5 / 7, 6 / 7, 1.0)]
    np.testing.assert_allclose(sorted(points["v_store"].unique()), levels)
    np.testing.assert_allclose(points["t_sum"], [sum(t) for t in points["t_pulse"]])
    assert points["t_pulse"].map(max).max() <= T_MAX and points["t_pulse"].map(min).min() >= 0


def on_levels(x, levels):
    steps = np.abs(np.asarray(x)) * (levels - 1)
    return np.allclose(steps, np.round(steps))


def test_draws_are_on_the_levels_of_the_design():
    rng, levels = np.random.default_rng(0), LevelCounts(query=5, key=3, value=4)
    drawn = draw_chain(rng, 8, levels, negative=True)
    assert all(on_levels(drawn[name], n) for name, n in (("query", 5), ("key", 3), ("value", 4)))
    assert drawn["query"].min() < 0
    columns = [draw_column(rng, 32, False, levels, negative=True) for _ in range(8)]
    assert all(on_levels(width, 5) for _, width in columns)
    assert min(width.min() for _, width in columns) < 0
    assert sum(on_levels(stored, 3) for stored, _ in columns) >= 3


def decks(technology, procedure, designs):
    ctx = Context(technology, samples=2, designs=designs)
    found = find(procedure)
    return [batch.simulation.netlist for batch in found.batches(ctx, found.points(ctx))]


WITH_CELLS = {"cell_transfer", "cell_write", "cell_retention", "row_driver", "column", "chain"}
CHANGED_SIZES = [
    ("converter", "c_int", 3e-12, {"converter", "column", "chain"}),
    (
        "cell",
        "c_store",
        20e-15,
        {"cell_transfer", "cell_write", "cell_retention", "row_driver", "column", "chain"},
    ),
    ("levels", "key", 16, {"cell_retention", "column", "chain"}),
    ("array", "mirrored", True, {"column", "chain"}),
    ("array", "normaliser", 5 / 7, {"chain"}),
    ("array", "window", 512, set()),
    ("converter", "phases", 2, {"converter", "column", "chain"}),
    ("clocking", "t_pulse_max", 20e-9, {"cell_transfer", "converter", "row_driver", "column", "chain"}),
]


@pytest.mark.parametrize(("circuit", "size", "value", "touched"), CHANGED_SIZES)
def test_size_changes_only_the_netlists_that_use_it(technology, circuit, size, value, touched):
    procedures = Plan.load("nominal").procedures
    changed = {
        name
        for name in procedures
        if decks(technology, name, {}) != decks(technology, name, {circuit: {size: value}})
    }
    assert changed == touched


def test_procedures_without_a_changed_size_come_from_the_cache(tmp_path):
    """The driver's strength has no effect on the sweeps of single devices."""
    plan = Plan(name="two", procedures=("device", "row_driver"))
    cache = Cache(tmp_path / "cache")
    first = characterize(plan, tmp_path / "a", jobs=1, cache=cache)
    stronger = plan.override(designs={"array": {"driver": 6.0}})
    second = characterize(stronger, tmp_path / "b", jobs=1, cache=cache)
    assert first.cached == 0
    assert second.procedures["device"].cached == second.procedures["device"].points
    assert second.procedures["row_driver"].cached == 0
