"""Synthesised blocks in transistors: energy against toggles times tables, results at every corner."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from small_liberty import small_liberty

from gaincell.characterization import liberty
from gaincell.characterization.plan import Plan
from gaincell.characterization.procedure import Context
from gaincell.characterization.procedures.chain import chain_energies, chain_point, chain_widths
from gaincell.characterization.table import SHIPPED_TABLES, read_manifest, read_table
from gaincell.circuits.digital import Block, Periphery, Stimuli, blocks
from gaincell.circuits.digital.arithmetic import counted
from gaincell.circuits.digital.drive import conversions, gray, query_pulses
from gaincell.circuits.digital.liberty import Library
from gaincell.circuits.digital.mixed import (
    CHAIN_OPTIONS,
    count_stimuli,
    counted_chain_deck,
    counted_conversion_deck,
    driven_row_deck,
)
from gaincell.circuits.digital.simulation import UNIT
from gaincell.circuits.digital.synthesis import Instance, Netlist, synthesise
from gaincell.circuits.digital.transistors import (
    block_deck,
    output_word,
    predicted,
    supply_energy,
)
from gaincell.circuits.errors import SimulationError
from gaincell.circuits.runner import simulate
from gaincell.circuits.technology import Technology
from gaincell.circuits.testbench import Condition, Schedule, chain
from gaincell.models import Hardware
from gaincell.models.chain import bit_line_charge, product_widths

pytestmark = pytest.mark.skipif(
    any(shutil.which(tool) is None for tool in ("iverilog", "yosys", "ngspice")),
    reason="Icarus Verilog, Yosys or ngspice is not installed",
)
SHIPPED = Path(liberty.__file__).parent / "shipped" / "generic28_tt_27c_0v9.lib"
CORNERS = ("tt", "ff", "ss", "fs", "sf")
AGREE = 0.1
"""Tolerance of the energy: what the issue asks for."""


@pytest.fixture(scope="module")
def library():
    return Library.read(SHIPPED)


@pytest.fixture(scope="module")
def technology():
    return Technology.load("generic28")


def made(form, library, technology, corner):
    """Condition, sizes and netlist of one column or row."""
    condition = Condition(technology, corner=corner)
    periphery = Periphery(condition.designs, depth=1)
    return condition, periphery, synthesise(blocks(periphery)[form], library)


def words(waves, netlist, drive, output, vdd):
    ends = [*drive.stimuli.times, drive.stimuli.end]
    return [output_word(waves, netlist, output, vdd, ends[i + 1] * UNIT - 1e-13) for i in drive.samples]


def crossings(waves, name, threshold):
    """Times at which a signal crosses a threshold, s."""
    time, value = waves.axis, waves[name]
    at = np.flatnonzero(np.diff((value > threshold).astype(int)))
    share = (threshold - value[at]) / (value[at + 1] - value[at])
    return time[at] + share * (time[at + 1] - time[at])


def read_out(form, widths, library, technology, corner):
    """Energy in transistors over toggles times tables, and the counts."""
    condition, periphery, netlist = made(form, library, technology, corner)
    drive = conversions(netlist.block, periphery, np.array(widths)[:, None] / periphery.counts)
    start = drive.stimuli.end // drive.operations
    activity, _ = predicted(netlist, drive.stimuli, start=start)
    waves = simulate(block_deck(condition, netlist, drive.stimuli)).require()
    joules = supply_energy(waves, netlist, drive.stimuli, condition.vdd, start * UNIT)
    found = words(waves, netlist, drive, "magnitude", condition.vdd)
    return joules / (activity.dynamic + activity.leakage), found


def test_energy_of_one_inverter_is_that_of_its_tables(tmp_path, technology):
    library = Library.read(SHIPPED)
    block = Block("one", "one", (), {}, {"a": 1}, {"y": 1}, 1.0, None)
    netlist = Netlist(
        block, (Instance("u0", "inv_x4", {"a": "n0", "y": "n1"}),), {"a": ("n0",), "y": ("n1",)}, library
    )
    stimuli = Stimuli(500_000 * np.arange(5), {"a": [0, 1, 0, 1, 0]}, 2_500_000)
    load = {"n1": 5e-15}
    condition = Condition(technology)
    waves = simulate(block_deck(condition, netlist, stimuli, outputs=load)).require()
    joules = supply_energy(waves, netlist, stimuli, condition.vdd, 0.4e-9)
    activity, _ = predicted(netlist, stimuli, start=400_000, outputs=load)
    assert joules == pytest.approx(activity.dynamic + activity.leakage, rel=0.02)
    # Twice the load, once a cycle, and the pin: the least that two cycles can take.
    assert joules > 2 * (5e-15 + 1.1e-15) * condition.vdd**2
    assert [output_word(waves, netlist, "y", condition.vdd, t) for t in (0.4e-9, 0.9e-9)] == [1, 0]


def test_cells_without_transistors_are_refused(tmp_path, technology):
    library = Library.read(small_liberty(tmp_path))
    block = Block("one", "one", (), {}, {"a": 1}, {"y": 1}, 1.0, None)
    netlist = Netlist(block, (Instance("u0", "other", {"a": "n0"}),), {"a": ("n0",), "y": ("n0",)}, library)
    stimuli = Stimuli(np.array([0]), {"a": [0]}, 1000)
    with pytest.raises(SimulationError, match="other is no cell of cells.sp"):
        block_deck(Condition(technology), netlist, stimuli)


def test_a_column_of_counters_takes_what_its_cells_take(library, technology):
    ratio, counts = read_out("readout_counters", [7.9, 2.2], library, technology, "tt")
    assert counts == [8, 2]
    assert ratio == pytest.approx(1, abs=AGREE)


@pytest.mark.slow
@pytest.mark.parametrize("corner", CORNERS)
@pytest.mark.parametrize("form", ["readout_counters", "readout_gray"])
def test_counts_in_transistors_are_exact_at_every_corner(form, corner, library, technology):
    # Away from the counting edges by more than the Gray bus is late at the slowest corner.
    widths = [7.2, 14.2, 0.1, 1.2] if form == "readout_gray" else [7.9, 14.2, 0.1, 1.2]
    ratio, counts = read_out(form, widths, library, technology, corner)
    wanted = np.array([counted(width / 15, 15) for width in widths])
    assert counts == list(gray(wanted) if form == "readout_gray" else wanted)
    if corner == "tt":
        assert ratio == pytest.approx(1, abs=AGREE)


@pytest.mark.slow
@pytest.mark.parametrize("corner", CORNERS)
def test_pulses_behind_the_row_driver_are_as_long_as_the_levels(corner, library, technology):
    condition, periphery, netlist = made("pulse_generators_gray", library, technology, corner)
    levels, columns = [3, 9], 16
    drive = query_pulses(netlist.block, periphery, np.array(levels)[:, None])
    one = drive.stimuli.end // drive.operations
    (row,) = netlist.ports["row"]
    pin = library.kind("inv_x1").pins["a"].capacitance
    activity, _ = predicted(netlist, drive.stimuli, start=one, outputs={row: pin})
    waves = simulate(driven_row_deck(condition, netlist, drive.stimuli, columns)).require()
    edges = crossings(waves, "v(far)", condition.vdd / 2)
    # The first operation begins with an unknown pulse, which its load ends.
    last = [edge for edge in edges if edge > one * UNIT]
    assert len(last) == 2 and last[1] - last[0] == pytest.approx(levels[1] * periphery.clock, abs=0.1e-9)
    first = [edge for edge in edges if edge <= one * UNIT][-2:]
    assert first[1] - first[0] == pytest.approx(levels[0] * periphery.clock, abs=0.1e-9)
    if corner == "tt":
        joules = supply_energy(waves, netlist, drive.stimuli, condition.vdd, one * UNIT)
        assert joules == pytest.approx(activity.dynamic + activity.leakage, rel=AGREE)
        table = read_table(SHIPPED_TABLES / "generic28", "row_driver")
        driver = table[table["columns"] == columns]["e_drive"].mean()
        spent = -condition.vdd * waves.integrate("i(vddd)", one * UNIT)
        assert spent == pytest.approx(driver, rel=AGREE)


@pytest.mark.slow
@pytest.mark.parametrize("corner", CORNERS)
def test_a_converted_charge_is_counted_exactly(corner, library, technology):
    condition, periphery, netlist = made("readout_gray", library, technology, corner)
    steps, level = periphery.counts, 7.2
    design = condition.designs.readout
    charge = design.i_ramp * condition.designs.clocking.t_pulse_max * level / steps
    schedule = Schedule.single(condition.designs, True)
    window = (schedule.window, schedule.window_end)
    last = schedule.window_end + 2 * periphery.count_clock
    bare = count_stimuli(window, [], steps, last)
    waves = simulate(counted_conversion_deck(condition, netlist, bare, charge)).require()
    (pulse,) = netlist.ports["pulse"]
    begin, end = crossings(waves, f"v({pulse})", condition.vdd / 2)
    word = output_word(waves, netlist, "magnitude", condition.vdd, bare.end * UNIT - 1e-12)
    assert word == gray(np.array([counted((end - begin) / condition.designs.clocking.t_pulse_max, steps)]))[0]
    if corner != "tt":
        return
    driven = count_stimuli(window, [(begin, end)], steps, last)
    # After the clear, from which on no level is unknown.
    start = bare.end - round(17.5 * periphery.count_clock / UNIT)
    activity, _ = predicted(netlist, driven, start=start)
    joules = supply_energy(waves, netlist, bare, condition.vdd, start * UNIT)
    table = read_table(SHIPPED_TABLES / "generic28", "converter")
    table = table[table["signed"].astype(bool)].sort_values("charge")
    converter = float(np.interp(charge, table["charge"], table["e_convert"]))
    spent = -condition.vdd * waves.integrate("i(vconv)")
    assert joules == pytest.approx(activity.dynamic + activity.leakage, rel=AGREE)
    assert spent == pytest.approx(converter, rel=AGREE)


@pytest.mark.slow
def test_chain_with_counters_and_bias_takes_what_its_parts_take(library, technology):
    size, seed = 4, 48
    context = Context.of(Plan.build(read_manifest(SHIPPED_TABLES / "generic28")["plan"]), "chain", technology)
    condition, hardware = context.condition, Hardware.from_pretrained("generic28")
    row = chain_point(condition, np.random.default_rng(seed), size)
    query, key, value = (np.array(row[name]) for name in ("t_query", "v_key", "v_value"))
    key, value = key.reshape(size, size), value.reshape(size, size)
    periphery = Periphery(condition.designs, depth=size)
    netlist = synthesise(blocks(periphery)["readout_gray"], library)
    schedule = Schedule.of(condition.designs)
    window = (schedule.window_2, schedule.window_2_end)
    bare = count_stimuli(window, [], periphery.counts, schedule.end)
    analog = chain(condition, query, key, value, options=CHAIN_OPTIONS)
    waves = simulate(counted_chain_deck(condition, analog, netlist, bare)).require()

    # Counters: those of the gates that get the simulated pulses.
    edges = [crossings(waves, f"v(out{column})", condition.vdd / 2) for column in range(size)]
    pulses = [tuple(found) if len(found) == 2 else (0.0, 0.0) for found in edges]
    driven = count_stimuli(window, pulses, periphery.counts, schedule.end)
    start = round((schedule.window_2 - 0.6e-9) / UNIT)
    activity, responses = predicted(netlist, driven, start=start)
    spent = {"counters": supply_energy(waves, netlist, bare, condition.vdd, start * UNIT)}
    expected = {"counters": activity.dynamic + activity.leakage}
    word = output_word(waves, netlist, "magnitude", condition.vdd, schedule.end - 1e-12)
    assert word is not None and word == responses.values["magnitude"][-1] and word > 0

    # Cells, converters and biases: those of the tables.
    alone = read_table(SHIPPED_TABLES / "generic28", "converter")
    bias = read_table(SHIPPED_TABLES / "generic28", "bias_gating").groupby("signed")["p_on"].first()
    found, laws = chain_energies(condition, waves), {s.name: s.law for s in hardware.energy.stages}
    phi = product_widths(hardware, query / hardware.t_pulse_max, key, 1)
    arrays = ((1, False, key, query / hardware.t_pulse_max, "K"), (2, True, value, phi, "V"))
    for array, signed, stored, widths, letter in arrays:
        curve = alone[alone["signed"] == signed].sort_values("charge")
        charge = bit_line_charge(hardware, widths, stored, array)
        expected[f"converters {array}"] = np.interp(charge, curve["charge"], curve["e_convert"]).sum()
        spent[f"converters {array}"] = found[f"e_convert_{array}"]
        expected[f"bias {array}"] = bias[signed] * waves.axis[-1]
        spent[f"bias {array}"] = -condition.vdd * waves.integrate(f"i(vbias{array})")
        cells = laws[f"{letter} array cells"].curve(stored).numpy()
        expected[f"cells {array}"] = float((widths @ cells).sum())
        spent[f"cells {array}"] = found[f"e_cells_{array}"]
    for name, joules in expected.items():
        # The V array's cells take a thousandth of the whole here.
        assert spent[name] == pytest.approx(joules, rel=AGREE, abs=1e-15), name
    assert sum(spent.values()) == pytest.approx(sum(expected.values()), rel=0.05)
    signed_widths = chain_widths(condition, waves, size, size)[1]
    assert np.abs(signed_widths).max() > 1e-9
