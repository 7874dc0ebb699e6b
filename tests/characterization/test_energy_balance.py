"""Energy balance: circuits with known energies, and cells, converters and columns within 1 %."""

import numpy as np
import pytest

from gaincell.characterization.energy_balance import energy_balance, node_charge, with_energy_vectors
from gaincell.characterization.flatten_netlist import flatten_netlist
from gaincell.characterization.measure import energy
from gaincell.characterization.procedure import Context, find
from gaincell.circuits.errors import SimulationError
from gaincell.circuits.runner import Simulation, simulate
from gaincell.circuits.technology import Technology
from gaincell.circuits.testbench import bank_reference

CHARGED = """* a capacitor charged through a resistor inside two sub-circuits
v1 in 0 pwl(0 0 1p 0 2p 1)
.subckt inner a b
r1 a b 1k
c1 b 0 1p
.ends inner
.subckt outer a
x1 a far inner
.ends outer
xo in outer
.options reltol=1e-5
.tran 10p 20n 0 20p
.end
"""


def test_expanded_elements_have_the_names_of_ngspice():
    found = {element.name: element for element in flatten_netlist(CHARGED)}
    assert set(found) == {"v1", "r.xo.x1.r1", "c.xo.x1.c1"}
    assert found["r.xo.x1.r1"].nodes == ("in", "xo.far")
    assert found["c.xo.x1.c1"].nodes == ("xo.far", "0")


@pytest.mark.parametrize("line", ["s1 a 0 b 0 model", "x1 a 0 foundry_nmos w=1u"])
def test_unknown_elements_are_refused_by_name(line):
    with pytest.raises(SimulationError, match=line[:2]):
        flatten_netlist(f"* unknown\n{line}\n.end\n")


def test_half_of_the_charging_energy_is_dissipated():
    circuit = flatten_netlist(CHARGED)
    waves = simulate(with_energy_vectors(Simulation(CHARGED, end=20e-9), circuit)).require()
    found = energy_balance(waves, circuit, 0.0, 20e-9)
    assert found.delivered == pytest.approx(1e-12, rel=1e-3)
    assert found.dissipated == pytest.approx(0.5e-12, rel=1e-3)
    assert found.stored == pytest.approx(0.5e-12, rel=1e-3)
    assert found.error < 1e-3
    assert node_charge(waves, circuit, "xo.far", 0.0, 20e-9) == pytest.approx(-1e-12, rel=1e-3)


def test_missing_element_gives_a_balance_error():
    circuit = flatten_netlist(CHARGED)
    waves = simulate(with_energy_vectors(Simulation(CHARGED, end=20e-9), circuit)).require()
    assert energy_balance(waves, circuit[:-1], 0.0, 20e-9).error == pytest.approx(0.5, rel=1e-2)


def test_balances_of_cell_converters_and_column_close_within_one_percent():
    ctx = Context(Technology.load("generic28"), seed=5, samples=1)
    procedure = find("charge_balance")
    points = procedure.points(ctx)
    for i, batch in enumerate(procedure.batches(ctx, points)):
        waves = simulate(batch.simulation).require()
        row = procedure.measure(ctx, points.iloc[[i]].reset_index(drop=True), waves).iloc[0]
        missing = row["e_delivered"] - row["e_dissipated"] - row["e_stored"]
        assert abs(missing) < 0.01 * abs(row["e_delivered"]), points["circuit"][i]
        assert row["e_dissipated"] > 0.5 * row["e_delivered"]
    assert points["circuit"].iloc[-1] == "column"
    # The transistors on the bit line hold the rest of its charge.
    assert row["q_cells"] == pytest.approx(row["q_line"], rel=0.02)
    assert row["q_cells"] > 1e-14


@pytest.mark.parametrize("signed", [False, True])
def test_balance_of_a_bank_s_bias_and_spare_converter_closes(signed):
    """Most of the energy that all sources deliver is what the bill calls the bias and the spare converter."""
    condition = Context(Technology.load("generic28")).condition
    simulation = bank_reference(condition, signed=signed)
    circuit = flatten_netlist(simulation.netlist)
    waves = simulate(with_energy_vectors(simulation, circuit)).require()
    # ngspice reports no charges at the operating point.
    found = energy_balance(waves, circuit, 1e-10, simulation.end)
    assert found.error < 0.002
    billed = energy(waves, "dd", condition.vdd) + energy(waves, "ddc", condition.vdd)
    assert found.delivered == pytest.approx(billed, rel=0.05)


def test_hidden_transistors_give_an_error_instead_of_a_balance(monkeypatch):
    """The rows of these points then have the reason, and the other points of the plan are measured."""
    from gaincell.characterization.procedures import charge_balance

    def hidden(netlist):
        raise SimulationError("the sub-circuit nfet of a library")

    monkeypatch.setattr(charge_balance, "flatten_netlist", hidden)
    ctx = Context(Technology.load("generic28"), samples=1)
    procedure = find("charge_balance")
    points = procedure.points(ctx)
    batch = procedure.batches(ctx, points)[0]
    waves = simulate(batch.simulation).require()
    with pytest.raises(SimulationError, match="nfet of a library"):
        procedure.measure(ctx, points.iloc[[0]].reset_index(drop=True), waves)
    assert np.isfinite(waves.axis[-1])
