"""Testbench of a bank's ramp bias that is switched off between operations."""

from __future__ import annotations

from ..errors import TechnologyError
from ..runner import Simulation
from .bench import Condition, close_circuit, open_circuit, step, supply
from .converters import netlists_of
from .fingers import fingers
from .references import READ_STAGE

SETTLED = 2e-9
"""Time before the bias is switched off, s."""
LONGEST_WAKE = 400e-9
"""Time after the bias is switched on again, s."""
TICK = 5e-9
"""Time between two breakpoints of the simulator after the wake-up, s."""


def gated_bias(condition: Condition, t_off: float, *, signed: bool) -> Simulation:
    """Replica bias of a bank that is at rest, switched off at `SETTLED` for `t_off`, and on again.

    The switch closes the replicas, the tails of the amplifiers and the read switches of the replica cells,
    and nothing else: the lines keep their charge. The ramps of the bank's converters are off. A p and an n
    ramp of a converter's size, always on and at half the supply, show what the lines are worth; they have a
    supply of their own.

    Saves i(vdd) of the bias and its replica cells, v(bp), v(bn) (lines), and i(vprobep), i(vproben) of the
    two ramps, from the ramp into half the supply.

    Args:
        condition: technology, sizes, operating point.
        t_off: time for which the bias is off, s.
        signed: the bank of signed read-out converters.

    Raises:
        TechnologyError: the converter has no `replica_cells`.
    """
    role = "readout" if signed else "converter"
    design, vdd = getattr(condition.designs, role), condition.vdd
    if design.replica_cells is None:
        raise TechnologyError(f"designs.{role}.replica_cells is not set: the bank has no replica to switch")
    circuit = open_circuit("ramp bias, switched", condition, "gain_cell", *netlists_of(design), "gated_bias")
    levels = {"top": condition.write_level(vdd), "bottom": condition.write_level(0.0)}
    sources = {**levels, "dd": vdd, "probe": vdd, "ref": condition.v_mid}
    for name, volts in {**sources, "bpc": condition.cascode_p(design), "bnc": design.v_cascode_n}.items():
        supply(circuit, name, volts)
    again = SETTLED + t_off
    step(circuit, "on", [(0.0, vdd), (SETTLED, 0.0), (again, vdd)])
    step(circuit, "onb", [(0.0, 0.0), (SETTLED, vdd), (again, 0.0)])
    sizes = design.bias_parameters
    sizes["w_p"] *= design.replica_width_p
    sizes["w_n"] *= design.replica_width_n
    lines = ("bp", "bn", "bpc", "bnc", "rp", "rn", "ref", "on", "onb")
    circuit.X("bias", "gated_ramp_bias", *lines, "dd", circuit.gnd, **sizes, r_bias=1e-3)
    cell = {key: condition.designs.cell.parameters[key] for key in READ_STAGE}
    for polarity, level in (("p", "top"), ("n", "bottom")):
        for i in range(design.replica_cells):
            nodes = ("on", "onb", f"r{polarity}", level, "dd", circuit.gnd)
            circuit.X(f"cell{polarity}{i}", "read_stage", *nodes, **cell)
    ramp = {"l": design.l_ramp}
    circuit.X(
        "probep", "ramp_p", "qp", circuit.gnd, "bp", "bpc", "probe", circuit.gnd, w=design.w_ramp_p, **ramp
    )
    circuit.X("proben", "ramp_n", "qn", "probe", "bn", "bnc", "probe", circuit.gnd, w=design.w_ramp_n, **ramp)
    # The bank's ramps, off, with their gates on the lines.
    columns, off = condition.designs.array.columns, {"p": "probe", "n": circuit.gnd}
    for polarity in "pn" if signed else "p":
        width = columns * getattr(design, f"w_ramp_{polarity}")
        nodes = ("ref", off[polarity], f"b{polarity}", f"b{polarity}c", "probe", circuit.gnd)
        size = fingers(condition, width, "w", width) or {"w": width}
        circuit.X(f"bank{polarity}", f"ramp_{polarity}", *nodes, **size, **ramp)
    for polarity in "pn":
        circuit.V(f"probe{polarity}", f"q{polarity}", "ref", 0.0)
    # The edges of a clock without a load limit the steps after the wake-up, whatever the longest step is.
    ticks = [(again + k * TICK, float(k % 2)) for k in range(1, round(LONGEST_WAKE / TICK))]
    step(circuit, "clock", [(0.0, 0.0), *ticks])
    return close_circuit(
        circuit,
        end=again + LONGEST_WAKE,
        save=["i(vdd)", "v(bp)", "v(bn)", "i(vprobep)", "i(vproben)"],
        max_step=max(t_off / 20, 2e-9),
    )
