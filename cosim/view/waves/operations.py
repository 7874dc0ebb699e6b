"""The operations that can be looked at: what each simulates, between which limits.

Every one is a few points of a characterization procedure; its arguments are in SI units.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from ....characterization.draws import draw_column
from ....characterization.procedure import Context
from ....characterization.procedures.chain import chain_energies, chain_widths
from ....characterization.procedures.converter import full_scale
from ....circuits.errors import PlanError
from ....circuits.rawfile import Waveforms
from ....circuits.testbench.schedule import EDGE
from . import counted, panels
from .recording import RecordedOperation

MOST_COPIES = 16
"""Copies of a circuit in one recording."""
LONGEST_PULSE = 1e-6
"""s; the time step stays that of a 15 ns read."""
LARGEST_CHAIN = 16


def cell_read(
    context: Context, *, v_store: Sequence[float] = (0.8,), t_pulse: float = 10e-9, v_bl: float | None = None
) -> RecordedOperation:
    """Cells that hold v_store (V) drive a clamped bit line at v_bl (V) for a pulse of t_pulse (s)."""
    vdd = context.condition.vdd
    rest = context.condition.v_mid if v_bl is None else v_bl
    _within("v_store", v_store, 0.0, vdd, "V")
    _within("v_bl", [rest], 0.0, vdd, "V")
    _within("t_pulse", [t_pulse], 2 * EDGE, LONGEST_PULSE, "s")
    points = pd.DataFrame({"v_store": list(map(float, v_store)), "t_pulse": t_pulse, "v_bl": rest})
    return RecordedOperation(
        "cell-read", "Read of a gain cell", "cell_transfer", points, ("v(rwl)", "v(rwlb)"), panels.cell_read
    )


def cell_write(
    context: Context,
    *,
    v_target: Sequence[float] = (0.8,),
    v_before: float = 0.0,
    write_device: str | None = None,
) -> RecordedOperation:
    """Cells that hold v_before (V) are written to v_target (V)."""
    vdd = context.condition.vdd
    device = write_device or context.condition.designs.cell.write_device
    if device not in ("cmos", "oxide"):
        raise PlanError(f"unknown write device {device!r}; use cmos or oxide")
    if device == "oxide":
        context.technology.device("oxide")
    _within("v_target", v_target, 0.0, vdd, "V")
    _within("v_before", [v_before], 0.0, vdd, "V")
    points = pd.DataFrame(
        {"write_device": device, "v_before": v_before, "v_target": list(map(float, v_target))}
    )
    lines = ("v(wwl)", *(("v(wwlb)",) if device == "cmos" else ()))
    vectors = (*lines, *(f"v(wbl{i})" for i in range(len(points))))
    return RecordedOperation(
        "cell-write", "Write of a gain cell", "cell_write", points, vectors, panels.cell_write
    )


def conversion(context: Context, *, charge: Sequence[float] = (200e-15,)) -> RecordedOperation:
    """Converters with ReLU and saturation that each get one charge (C) during the integration."""
    return _conversion(context, charge, signed=False)


def signed_conversion(context: Context, *, charge: Sequence[float] = (100e-15, -60e-15)) -> RecordedOperation:
    """Signed converters that each get one charge (C) during the integration."""
    return _conversion(context, charge, signed=True)


def counted_conversion(context: Context, *, charge: Sequence[float] = (100e-15,)) -> RecordedOperation:
    """A signed converter gets one charge (C), and a read-out of gates counts its pulse; needs Yosys."""
    most = full_scale(context, True)
    _within("charge", charge, -most, most, "C")
    if len(charge) > 1:
        raise PlanError(f"charge: one conversion is counted at a time; give 1 value, not {len(charge)}")
    return counted.operation(context, float(charge[0]))


def column(context: Context, *, signed: bool = False, seed: int = 0) -> RecordedOperation:
    """A column of cells with random contents and pulses on its bit line, and the converter that reads it."""
    designs, vdd = context.condition.designs, context.condition.vdd
    stored, width = draw_column(np.random.default_rng(seed), designs.array.rows, signed, designs.levels)
    stored, width = stored * vdd, width * designs.clocking.t_pulse_max
    points = pd.DataFrame({"signed": [signed], "v_store": [stored.tolist()], "t_pulse": [width.tolist()]})
    vectors = (*(f"v(rwl{row})" for row in range(len(stored))), *panels.clock_lines(signed))
    title = f"Column of {len(stored)} gain cells with its {'signed' if signed else 'ReLU'} converter"
    return RecordedOperation("column", title, "column", points, vectors, panels.column)


def chain(context: Context, *, size: int = 4, seed: int = 0) -> RecordedOperation:
    """The two-array chain on random queries, keys and values: `size` tokens and dimensions."""
    _within("size", [size], 1, LARGEST_CHAIN, "")
    rng, vdd = np.random.default_rng(seed), context.condition.vdd
    widths = context.condition.designs.levels.query
    query = rng.integers(widths // 3, widths, size) / (widths - 1)
    row = {
        "t_query": (query * context.condition.designs.clocking.t_pulse_max).tolist(),
        "v_key": (_strong(rng, size, context) * vdd).ravel().tolist(),
        "v_value": (_strong(rng, size, context) * vdd).ravel().tolist(),
    }
    return RecordedOperation(
        "chain",
        f"Two-array chain of {size} x {size} cells",
        "chain",
        pd.DataFrame([row]),
        tuple(f"v(q{d})" for d in range(size)),
        panels.chain,
        _measure_chain,
    )


WAVE_OPERATIONS: dict[str, Callable[..., RecordedOperation]] = {
    "cell-read": cell_read,
    "cell-write": cell_write,
    "conversion": conversion,
    "signed-conversion": signed_conversion,
    "counted-conversion": counted_conversion,
    "column": column,
    "chain": chain,
}
"""Name on the command line -> function of a context and keyword arguments."""


def _conversion(context: Context, charge: Sequence[float], signed: bool) -> RecordedOperation:
    most = 2 * full_scale(context, signed)
    _within("charge", charge, -most, most, "C")
    points = pd.DataFrame({"signed": signed, "charge": list(map(float, charge))})
    name = "signed-conversion" if signed else "conversion"
    title = f"{'Signed' if signed else 'ReLU'} charge-to-pulse conversion"
    return RecordedOperation(name, title, "converter", points, panels.clock_lines(signed), panels.conversion)


def _measure_chain(context: Context, points: pd.DataFrame, waves: Waveforms) -> pd.DataFrame:
    """The chain procedure's columns for a chain of any size."""
    size = len(points["t_query"].iloc[0])
    stages = chain_widths(context.condition, waves, size, size)
    pulses = [
        {"stage": stage, "index": i, "t_out": width}
        for stage, widths in enumerate(stages, start=1)
        for i, width in enumerate(widths)
    ]
    return pd.DataFrame(pulses).assign(point=0, **chain_energies(context.condition, waves))


def _strong(rng: np.random.Generator, size: int, context: Context) -> np.ndarray:
    """Stored levels near the rails, as fractions of the supply: few cells must make pulses that can be seen.

    Columns differ in how many of their cells are high, so that their sums differ in size and sign.
    """
    levels = context.condition.designs.levels.key
    outer = rng.integers(max(levels - 3, 0), levels, (size, size)) / (levels - 1)
    high = rng.random((size, size)) < rng.permutation(np.linspace(0.3, 1.0, size))
    return np.where(high, outer, 1 - outer)


def _within(name: str, values: Sequence[float], low: float, high: float, unit: str) -> None:
    if not 0 < len(values) <= MOST_COPIES:
        raise PlanError(f"{name}: give 1 to {MOST_COPIES} values, not {len(values)}")
    for value in values:
        if not low <= value <= high:
            limits = f"{low:g} to {high:g} {unit}".rstrip()
            raise PlanError(f"{name}={value:g} is out of range; give {limits}")
