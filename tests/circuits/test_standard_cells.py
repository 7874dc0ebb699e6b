"""Standard cells: their logic, and their tables against closed forms and whole circuits in SPICE."""

from itertools import pairwise, product

import numpy as np
import pytest
from cell_tables import Gate, simulated

from gaincell.characterization.liberty.area import cell_area, transistor_widths
from gaincell.characterization.procedure import Context
from gaincell.characterization.procedures.standard_cell import SLEWS
from gaincell.characterization.transitions import crossings
from gaincell.circuits.errors import PlanError, TechnologyError
from gaincell.circuits.runner import Simulation, simulate
from gaincell.circuits.standard_cells import (
    CELLS,
    State,
    edge_from,
    evaluate,
    find_cell,
    first_state,
    outputs_of,
    walk,
)
from gaincell.circuits.technology import Technology
from gaincell.circuits.testbench.bench import close_circuit, open_circuit, supply
from gaincell.circuits.testbench.cell_constraints import Constraint, trials_of
from gaincell.circuits.testbench.standard_cells import CELL_OPTIONS, CellScale, ramp_source

VDD = 0.9


@pytest.fixture(scope="module")
def ctx():
    return Context(Technology.load("generic28"))


@pytest.fixture(scope="module")
def scale(ctx):
    return CellScale.of(ctx.condition)


@pytest.fixture(scope="module")
def edges(ctx):
    """Table of the cells of the ring oscillator and of the divider."""
    return simulated(ctx, "standard_cell", ("inv_x1", "dff_x1"))


def deck(ctx, title, end, save, build, **initial):
    """Transient of a circuit that `build` adds to."""
    circuit = open_circuit(title, ctx.condition, "logic", "cells")
    supply(circuit, "vdd", VDD)
    build(circuit)
    return close_circuit(
        circuit, end=end, save=save, initial=initial, step=1e-12, max_step=end / 200, options=CELL_OPTIONS
    )


@pytest.mark.parametrize(
    ("function", "values", "expected"),
    [
        ("!(a & b)", {"a": 1, "b": 1}, 0),
        ("!a", {"a": 0}, 1),
        ("a ^ b", {"a": 1, "b": 0}, 1),
        ("(a & b) | (c & (a | b))", {"a": 0, "b": 1, "c": 1}, 1),
    ],
)
def test_functions_are_evaluated(function, values, expected):
    assert evaluate(function, values) == expected


@pytest.mark.parametrize("name", ["ha_x1", "fa_x1"])
def test_adders_add(name):
    cell = CELLS[name]
    for bits in product((0, 1), repeat=len(cell.inputs)):
        outputs = outputs_of(cell, State(bits, ()))
        assert 2 * outputs["co"] + outputs["y"] == sum(bits)


def test_flip_flop_stores_at_the_rising_edge_only():
    cell = CELLS["dff_x1"]
    state = first_state(cell)
    seen = []
    for pin in ("d", "clk", "d", "clk", "clk", "d", "clk", "clk"):
        state = edge_from(cell, state, pin).after
        seen.append(outputs_of(cell, state)["q"])
    #        d=1 clk^ d=0 clkv clk^ d=1 clkv clk^
    assert seen == [0, 1, 1, 1, 0, 0, 0, 1]


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_walk_is_continuous_and_has_every_edge_once(cell):
    edges = walk(cell)
    assert all(one.after == two.before for one, two in pairwise(edges))
    new = [(edge.before, edge.pin) for edge in edges if not edge.seen]
    states = {edge.before for edge in edges if not edge.seen}
    assert len(new) == len(set(new)) == len(states) * len(cell.inputs)


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_first_output_switches_whenever_another_does(cell):
    first, *others = cell.outputs
    for edge in walk(cell):
        before, after = outputs_of(cell, edge.before), outputs_of(cell, edge.after)
        if any(before[pin] != after[pin] for pin in others):
            assert before[first] != after[first]


def test_unknown_cell_is_refused_with_the_known_ones():
    with pytest.raises(PlanError, match="unknown standard cell 'nand9_x1'; use one of inv_x1, "):
        find_cell("nand9_x1")


def test_transistors_are_counted_through_sub_circuits():
    assert transistor_widths("inv_x4") == [("n", 4.0), ("p", 8.0)]
    assert len(transistor_widths("fa_x1")) == 28
    assert len(transistor_widths("dff_x1")) == 24
    assert sum(width for kind, width in transistor_widths("nand2_x1") if kind == "n") == 3.0


def test_area_of_a_nand2_is_three_columns(ctx):
    # Two fingers of each kind and the distance to the next cell, 110 nm each, by eight pitches of height.
    assert cell_area(ctx.technology, "nand2_x1") == pytest.approx(3 * 110e-9 * 8 * 110e-9, abs=0)


def test_energy_of_a_load_is_its_capacitance_times_the_supply_squared(edges):
    rows = edges[(edges["cell"] == "inv_x1") & (edges["slew"] == edges["slew"].min())]
    for kind, expected in (("rise", VDD**2), ("fall", 0.0)):
        some = rows[rows["output_edge"] == kind].sort_values("load")
        slope = np.polyfit(some["load"], some["energy"], 1)[0]
        assert slope == pytest.approx(expected, abs=0.01 * VDD**2)


def test_idle_clock_of_a_flip_flop_costs_what_its_two_edges_cost(ctx, scale, edges):
    slew, period = 3 * scale.delay, 300 * scale.delay
    flip_flop = Gate("dff_x1", edges, VDD)
    flip_flop.set("clk", 1)
    expected = sum(flip_flop.switch("clk", slew, scale.load) for _ in range(2))
    expected += flip_flop.capacitance["clk"] * VDD**2  # in `internal`, an input's charge beyond this

    def build(circuit):
        ramp_source(circuit, ctx.condition, "d", 0, [], slew)
        moves = [((i + 1) * period / 2, (i + 1) % 2) for i in range(6)]
        ramp_source(circuit, ctx.condition, "clk", 0, moves, slew)
        circuit.X("u", "dff_x1", "d", "clk", "q", "vdd", circuit.gnd)
        circuit.C("l", "q", circuit.gnd, scale.load)

    waves = simulate(deck(ctx, "idle", 3.5 * period, ["i(vvdd)", "i(vclk)"], build)).require()
    window = (0.9 * period, 2.9 * period)  # two clocks
    taken = -VDD * waves.integrate("i(vvdd)", *window) / 2
    given = [-VDD * waves.integrate("i(vclk)", (k + 0.9) * period, (k + 1.2) * period) for k in (0.5, 1.5)]
    leakage = -VDD * float(waves["i(vvdd)"][-1]) * period
    assert taken - leakage + np.mean(given) == pytest.approx(expected, rel=0.03, abs=0)


def test_ring_oscillator_has_the_period_and_energy_of_its_tables(ctx, scale, edges):
    stages, wire = 7, 0.5e-15
    inverter = Gate("inv_x1", edges, VDD)
    load = wire + inverter.capacitance["a"]

    def build(circuit):
        for i in range(stages):
            circuit.X(f"u{i}", "inv_x1", f"n{i}", f"n{(i + 1) % stages}", "vdd", circuit.gnd)
            circuit.C(f"w{i}", f"n{i}", circuit.gnd, wire)

    end = 40 * stages * scale.delay
    waves = simulate(deck(ctx, "ring", end, ["v(n0)", "i(vvdd)"], build, n0=0.0)).require()
    rises = [
        time
        for time in crossings(waves, "v(n0)", VDD / 2)
        if waves.at("v(n0)", time + scale.delay / 10) > VDD / 2
    ]
    period = float(np.mean(np.diff(rises[-6:])))
    spent = -VDD * waves.integrate("i(vvdd)", rises[-6], rises[-1]) / 5

    slews = {"rise": 2 * scale.delay, "fall": 2 * scale.delay}
    for _ in range(20):
        delays = {}
        for edge, other, value in (("rise", "fall", 1), ("fall", "rise", 0)):
            inverter.set("a", 1 - value)
            delays[other] = inverter.look_up("delay", "a", bool(value), slews[edge], load)
            slews[other] = inverter.look_up("slew_out", "a", bool(value), slews[edge], load)
    assert period == pytest.approx(stages * sum(delays.values()), rel=0.06, abs=0)
    inverter.set("a", 0)
    expected = stages * sum(inverter.switch("a", slews[edge], load) for edge in ("rise", "fall"))
    assert spent == pytest.approx(expected, rel=0.03, abs=0)


def test_divider_chain_has_the_energy_of_its_tables(ctx, scale, edges):
    """Three flip-flops that each halve the frequency, over eight clocks."""
    stages, slew, period, wire = 3, 2 * scale.delay, 120 * scale.delay, 0.2e-15
    clocks = 8

    def build(circuit):
        moves = [((i + 1) * period / 2, (i + 1) % 2) for i in range(2 * (2 * clocks + 1))]
        ramp_source(circuit, ctx.condition, "c0", 0, moves, slew)
        for i in range(stages):
            circuit.X(f"f{i}", "dff_x1", f"d{i}", f"c{i}", f"q{i}", "vdd", circuit.gnd)
            circuit.X(f"i{i}", "inv_x1", f"q{i}", f"d{i}", "vdd", circuit.gnd)
            # The complement clocks the next stage, so that the counter counts up.
            circuit.X(f"c{i}", "inv_x1", f"q{i}", f"c{i + 1}", "vdd", circuit.gnd)
            circuit.C(f"w{i}", f"q{i}", circuit.gnd, wire)

    names = ["i(vvdd)", "i(vc0)", *(f"v(q{i})" for i in range(stages))]
    waves = simulate(deck(ctx, "divider", (2 * clocks + 1.2) * period, names, build)).require()
    window = (0.95 * period + period * clocks, 0.95 * period + 2 * period * clocks)
    for i in range(stages):  # counts right: 2^-i edges per clock
        found = crossings(waves, f"v(q{i})", VDD / 2, *window)
        assert len(found) == clocks / 2**i
    spent = -VDD * waves.integrate("i(vvdd)", *window) / clocks

    inverter = Gate("inv_x1", edges, VDD)
    gates = [Gate("dff_x1", edges, VDD) for _ in range(stages)]
    load_q = wire + 2 * inverter.capacitance["a"]
    load_d, load_c = gates[0].capacitance["d"], gates[0].capacitance["clk"]
    local = edges["slew_out"].min() * 1.5
    for gate in gates:
        gate.set("d", 1)
    total = 0.0

    def clock(i: int) -> float:
        """Energy of an edge of the clock of stage i and of all that follows."""
        gate, before = gates[i], gates[i].output
        energy = gate.switch("clk", slew if i == 0 else local, load_q)
        if gate.output != before:
            for pin_load, follow in ((load_d, "d"), (load_c, "clk")):
                inverter.set("a", before)
                energy += inverter.switch("a", local, pin_load)
                if follow == "d":
                    energy += gate.switch("d", local, load_q)
                elif i + 1 < stages:
                    energy += clock(i + 1)
        return energy

    for cycle in range(2 * clocks):
        two_edges = clock(0) + clock(0)
        if cycle >= clocks:
            total += two_edges / clocks
    # The last stage's clock pin is not there, and the first stage's clock comes from a source.
    total -= inverter.vdd**2 * load_c / 2**stages
    leakage = 4e-9 * stages * period * VDD
    assert spent == pytest.approx(total, rel=0.04, abs=leakage)


def test_leakage_is_that_of_the_operating_points(ctx):
    table = simulated(ctx, "standard_cell_leakage", ("nand2_x1",)).set_index("state")["leakage"]
    assert len(table) == 4
    for state, leakage in table.items():
        circuit = open_circuit("operating point", ctx.condition, "logic", "cells")
        supply(circuit, "vdd", VDD)
        values = dict(part.split("=") for part in state.split())
        for pin, value in values.items():
            supply(circuit, pin, VDD * int(value))
        circuit.X("u", "nand2_x1", "a", "b", "y", "vdd", circuit.gnd)
        lines = [str(circuit).rstrip(), ".options gmin=1e-15 abstol=1e-15", ".save i(vvdd) i(va) i(vb)"]
        waves = simulate(Simulation("\n".join([*lines, ".op", ".end\n"]))).require()
        high = [pin for pin, value in values.items() if value == "1"]
        expected = -VDD * sum(float(waves[f"i(v{name})"][-1]) for name in ("vdd", *high))
        assert leakage == pytest.approx(expected, rel=0.01, abs=0)


def test_flip_flop_stores_at_its_set_up_time_and_not_much_later(ctx, scale):
    slew = 1.5 * scale.delay
    chosen = {"kind": "setup", "slew_data": slew, "slew_clock": slew}
    table = simulated(ctx, "standard_cell_constraint", ("dff_x1",), **chosen).set_index("edge")["time"]
    assert 0 < table["rise"] < 6 * scale.delay
    store, end = 200 * scale.delay, 260 * scale.delay
    moments = {"met": store - table["rise"], "missed": store - table["rise"] + 1.5 * scale.delay}

    def build(circuit):
        clock = [(50 * scale.delay, 1), (100 * scale.delay, 0), (store, 1)]
        ramp_source(circuit, ctx.condition, "clk", 0, clock, slew)
        for name, moment in moments.items():
            ramp_source(circuit, ctx.condition, name, 0, [(moment, 1)], slew)
            circuit.X(name, "dff_x1", name, "clk", f"q{name}", "vdd", circuit.gnd)

    waves = simulate(deck(ctx, "set-up", end, ["v(qmet)", "v(qmissed)"], build)).require()
    assert waves["v(qmet)"][-1] > 0.95 * VDD
    assert waves["v(qmissed)"][-1] < 0.05 * VDD


@pytest.mark.parametrize("cell", [cell for cell in CELLS.values() if cell.latches], ids=lambda c: c.name)
@pytest.mark.parametrize("kind", ["setup", "hold"])
@pytest.mark.parametrize("rising", [True, False])
def test_a_constrained_pin_decides_what_is_stored(cell, kind, rising):
    for pin in cell.data_pins:
        trials = trials_of(cell, Constraint(pin, kind, rising))
        assert trials
        wanted = int(rising == (kind == "setup"))
        for trial in trials:
            values = dict(trial.others) | {pin: wanted, cell.latches[-1].name: trial.q_before}
            assert evaluate(cell.next_state, values) == trial.q_after


@pytest.mark.slow
@pytest.mark.parametrize("technology", ["generic28", "freepdk45", "gf180mcu"])
def test_every_cell_follows_its_function_in_every_technology(technology):
    """The procedure refuses a level that is not the function's at the end of any slot."""
    try:
        ctx = Context(Technology.load(technology))
    except TechnologyError as missing:
        pytest.skip(str(missing))
    slew = SLEWS[1] * CellScale.of(ctx.condition).delay
    table = simulated(ctx, "standard_cell", tuple(CELLS), slew=slew)
    switched = table[table["output_edge"] != "none"]
    assert (switched["delay"] > 0).all()
    assert set(table["cell"]) == set(CELLS)
