"""Testbench of the charge-to-pulse converters."""

from __future__ import annotations

from collections.abc import Sequence

from ..designs import Converter
from ..runner import Simulation
from .bench import Condition, close_circuit, open_circuit, step, supply
from .schedule import EDGE, Schedule

LOAD = 5e-15
"""Load capacitance of a converter's output without a row driver, F."""
SWAP_CLOCKS = ("fwd", "fwdb", "rev", "revb")
"""Clocks of the switches that swap the plates, in a converter with two phases; each has one edge at the
swap."""
SWAP_GAP = 2 * EDGE
"""Time from the opening of the first pair of switches to the swap, and from the swap to the closing of the
second, s."""


def conversion(condition: Condition, charge: Sequence[float], *, signed: bool) -> Simulation:
    """Converters that get a charge from an ideal current pulse during the integration phase.

    Saves per copy i: v(int<i>), v(out<i>), i(vdd<i>), and v(sign<i>) of the signed converter; i(vref) of the
    reset reference; and with two phases the currents of `SWAP_CLOCKS`, of all copies together.

    Args:
        condition: technology, sizes, operating point.
        charge: charges, shape (copies,), C; positive charge is taken from the integration node, as by a
            column of cells above mid-scale.
        signed: the signed read-out converter instead of the unsigned one.
    """
    design = condition.designs.readout if signed else condition.designs.converter
    schedule = Schedule.single(condition.designs, signed)
    circuit = open_circuit("charge-to-pulse conversion", condition, *netlists_of(design))
    converter_lines(circuit, condition, design, schedule, copies=len(charge))
    save = ["i(vref)", *swap_currents(design)]
    for i, q in enumerate(charge):
        supply(circuit, f"dd{i}", condition.vdd)
        add_converter(circuit, design, str(i), f"int{i}", f"out{i}", f"dd{i}")
        charge_source(circuit, condition, schedule, f"q{i}", f"int{i}", float(q))
        circuit.C(f"l{i}", f"out{i}", circuit.gnd, LOAD)
        save += [f"v(int{i})", f"v(out{i})", f"i(vdd{i})"] + ([f"v(sign{i})"] if signed else [])
    return close_circuit(circuit, end=schedule.end, save=save)


def charge_source(
    circuit, condition: Condition, schedule: Schedule, name: str, node: str, charge: float
) -> None:
    """Add a current pulse that takes a charge from an integration node during the integration phase.

    Args:
        circuit: circuit to add it to.
        condition: technology, sizes, operating point.
        schedule: times of the phases.
        name: name of the source.
        node: integration node.
        charge: charge, C.
    """
    begin, finish = schedule.positive, schedule.ramp - condition.designs.clocking.t_guard
    current = charge / (finish - begin)
    values = [(0.0, 0.0), (begin - EDGE / 2, 0.0), (begin + EDGE / 2, current)]
    values += [(finish - EDGE / 2, current), (finish + EDGE / 2, 0.0)]
    circuit.PieceWiseLinearCurrentSource(name, node, circuit.gnd, values=values)


def netlists_of(*designs: Converter) -> tuple[str, ...]:
    """Names of the netlists that a circuit with these converters needs besides that of the cells."""
    swapped = any(design.phases == 2 for design in designs)
    return ("logic", "charge_to_pulse", *(["signed_query"] if swapped else []))


def swap_currents(design: Converter) -> list[str]:
    """Vectors of the currents of `SWAP_CLOCKS`; none with one phase."""
    return [f"i(v{name})" for name in SWAP_CLOCKS] if design.phases == 2 else []


def converter_lines(
    circuit,
    condition: Condition,
    design: Converter,
    schedule: Schedule,
    tag: str = "",
    second: bool = False,
    copies: int = 1,
) -> None:
    """Add the clocks, the reference and the ramp bias of a bank of converters.

    All are ideal sources except the bias, which replicas of the ramps generate from ideal reference currents,
    and the reference, which has a resistance (docs/circuits.md). The bias is that of a whole bank.

    Args:
        circuit: circuit to add them to.
        condition: technology, sizes, operating point.
        design: sizes of the converters.
        schedule: times of the clocks' edges.
        tag: suffix of the names of the lines.
        second: whether the bank reads the second array of a pair.
        copies: number of converters on the lines. Lines and reference have the resistance that they have for
            the share of one of `SubArray.columns` converters that all switch together.
    """
    bank_clocks(circuit, condition, design, schedule, tag, second, copies)
    supply(circuit, f"bias{tag}", condition.vdd)
    array = condition.designs.array
    add_bias(circuit, design, f"bias{tag}", tag, r_bias=array.r_bias * array.columns / copies)


def add_bias(
    circuit, design: Converter, vdd: str, tag: str = "", *, r_bias: float = 1e-3, currents: bool = True
) -> None:
    """Add the ramp bias of a bank: lines `bp` and `bn`, reference nodes `rp` and `rn`.

    Args:
        circuit: circuit to add it to; it has the cascodes' levels `bpc` and `bnc`, and `ref`.
        design: sizes of the converters.
        vdd: supply node.
        tag: suffix of the names of the lines.
        r_bias: resistance of each line, ohm.
        currents: whether ideal reference currents feed it. Otherwise the caller adds cells at `rp` and `rn`,
            and the replicas have the widths for them.
    """
    sizes = design.bias_parameters
    if not currents:
        sizes["w_p"] *= design.replica_width_p
        sizes["w_n"] *= design.replica_width_n
    lines = [f"{line}{tag}" for line in ("bp", "bn", "bpc", "bnc", "rp", "rn", "ref")]
    circuit.X(f"bias{tag}", "ramp_bias", *lines, vdd, circuit.gnd, **sizes, r_bias=float(r_bias))
    if currents:
        circuit.I(f"rp{tag}", f"rp{tag}", circuit.gnd, design.i_ramp)
        circuit.I(f"rn{tag}", vdd, f"rn{tag}", design.i_ramp_n or design.i_ramp)


def bank_clocks(
    circuit,
    condition: Condition,
    design: Converter,
    schedule: Schedule,
    tag: str = "",
    second: bool = False,
    copies: int = 1,
) -> None:
    """Add the clocks, the reference and the cascodes' levels of a bank of converters, but not its bias.

    The arguments are those of `converter_lines`.
    """
    vdd = condition.vdd
    reset = schedule.ramp if second else schedule.reset
    wake = schedule.wake_2 if second else schedule.wake
    ramp = schedule.ramp_2 if second else schedule.ramp
    window = schedule.window_2 if second else schedule.window
    finish = schedule.window_2_end if second else schedule.window_end
    reference_line(circuit, condition, tag, copies)
    supply(circuit, f"bpc{tag}", condition.cascode_p(design))
    supply(circuit, f"bnc{tag}", design.v_cascode_n)
    resets = [(0.0, vdd), (reset, 0.0)]
    if second:
        resets = [(0.0, 0.0), (reset - condition.designs.clocking.t_reset, vdd), (reset, 0.0)]
    step(circuit, f"rst{tag}", resets)
    step(circuit, f"rstb{tag}", [(time, vdd - level) for time, level in resets])
    step(circuit, f"on{tag}", [*resets, (wake, vdd), (finish + 4 * EDGE, 0.0)])
    step(circuit, f"ramp{tag}", [(0.0, 0.0), (ramp, vdd), (finish + 4 * EDGE, 0.0)])
    step(circuit, f"win{tag}", [(0.0, 0.0), (window, vdd), (finish, 0.0)])
    if design.signed:
        step(circuit, f"smp{tag}", [(0.0, vdd), (schedule.sample, 0.0)])
        step(circuit, f"smpb{tag}", [(0.0, 0.0), (schedule.sample, vdd)])
    if design.phases == 2:
        _swap_lines(circuit, schedule, vdd, tag)


def reference_line(circuit, condition: Condition, tag: str = "", copies: int = 1) -> None:
    """Add the reset reference of a bank, `ref<tag>`: source `vref<tag>` behind its resistance.

    Args:
        circuit: circuit to add it to.
        condition: technology, sizes, operating point.
        tag: suffix of the names.
        copies: number of converters on the line (see `converter_lines`).
    """
    array, line = condition.designs.array, f"ref{tag}"
    if array.r_ref == 0:
        supply(circuit, line, condition.v_mid)
        return
    circuit.V(line, f"buffer{tag}", circuit.gnd, condition.v_mid)
    circuit.R(line, f"buffer{tag}", line, array.r_ref * array.columns / copies)


def _swap_lines(circuit, schedule: Schedule, vdd: float, tag: str) -> None:
    """Add the clocks of the switches that swap the plates: both pairs are closed during the reset only."""
    forward = [(0.0, vdd), (schedule.swap - SWAP_GAP, 0.0)]
    reverse = [(0.0, vdd), (schedule.reset, 0.0), (schedule.swap + SWAP_GAP, vdd)]
    for name, levels in (("fwd", forward), ("rev", reverse)):
        step(circuit, f"{name}{tag}", levels)
        step(circuit, f"{name}b{tag}", [(time, vdd - level) for time, level in levels])


def add_converter(
    circuit,
    design: Converter,
    name: str,
    node: str,
    out: str,
    vdd: str,
    tag: str = "",
    sign: str = "",
    vss: str = "",
) -> None:
    """Add one converter.

    Args:
        circuit: circuit to add it to.
        design: sizes of the converter.
        name: suffix of the instance name.
        node: integration node.
        out: output node.
        vdd: supply node.
        tag: `tag` given to `converter_lines` for its bank.
        sign: node of the sign of a signed converter; `sign<name>` by default.
        vss: ground node; ideal ground by default.
    """
    lines = [f"{line}{tag}" for line in ("ramp", "win", "ref", "bp", "bpc")]
    if design.signed:
        lines = [f"{line}{tag}" for line in ("smp", "smpb", "ramp", "win", "ref", "bp", "bpc", "bn", "bnc")]
        out_nodes = [out, sign or f"sign{name}"]
    else:
        out_nodes = [out]
    if design.phases == 2:
        lines = [f"{line}{tag}" for line in ("fwd", "fwdb", "rev", "revb")] + lines
    nodes = [node, *out_nodes, f"on{tag}", f"rst{tag}", f"rstb{tag}", *lines, vdd, vss or circuit.gnd]
    circuit.X(f"conv{tag}{name}", design.subcircuit, *nodes, **design.parameters)
