"""One operation of a whole sub-array at transistor level, with stored values and pulses that no fit uses."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ...circuits.designs import LevelCounts
from ...circuits.rawfile import Waveforms
from ...circuits.testbench import Condition, Schedule, array, mirrored_rows
from ..draws import FULL_SCALE_CELLS, round_to_levels, signs_queries
from ..measure import energy, pulse_width
from ..procedure import Batch, Context, Procedure, procedure

ARRAY_COLUMNS = {
    "signed": "-: a V array with signed read-out; otherwise a K array with ReLU converters",
    "rows": "-: cells on a bit line",
    "t_pulse": "s: pulse width at each row driver, negative in the first of two phases",
    "v_store": "V: stored voltages, (row, column) flattened; complements last where a K array is mirrored",
    "index": "-: column",
    "t_out": "s: width of the output pulse, negative for a negative sign",
    "v_start": "V: bit line at the converter before the pulses",
    "v_end": "V: bit line at the converter after the pulses",
    "e_cells": "J: from the supply of all cells, the whole operation",
    "e_drive": "J: from the supply of all row drivers",
    "e_convert": "J: from the supply of all converters",
}
"""Descriptions of the table's columns."""


@procedure
class ArrayProcedure(Procedure):
    """Sub-arrays of 8 x 8 and 16 x 16 cells, one operation"""

    name = "array"
    columns = ARRAY_COLUMNS
    sizes = (8, 16)
    """Numbers of rows and columns of the square arrays."""
    kinds = (False, True)
    """Values of `signed` for which arrays are simulated."""

    def points(self, ctx: Context) -> pd.DataFrame:
        rows = []
        for size in self.sizes:
            for signed in self.kinds:
                rng = ctx.rng(f"{self.name} {size} {'signed' if signed else 'relu'}")
                rows += [array_point(ctx.condition, rng, size, signed) for _ in range(ctx.count(1))]
        return pd.DataFrame(rows)

    def batches(self, ctx: Context, points: pd.DataFrame) -> list[Batch]:
        batches = []
        for i, row in enumerate(points.itertuples(index=False)):
            stored = np.array(row.v_store).reshape(len(row.t_pulse), -1)
            simulation = array(ctx.condition, np.array(row.t_pulse), stored, signed=bool(row.signed))
            batches.append(Batch(simulation, [i]))
        return batches

    def measure(self, ctx: Context, points: pd.DataFrame, waves: Waveforms) -> pd.DataFrame:
        point = points.iloc[0]
        columns = len(point["v_store"]) // len(point["t_pulse"])
        return array_columns(ctx.condition, waves, columns, bool(point["signed"])).assign(point=0)


def draw_array(
    rng: np.random.Generator, size: int, signed: bool, levels: LevelCounts
) -> tuple[np.ndarray, np.ndarray]:
    """Draw the stored values and pulses of one array.

    All columns have the same pulses. The mean and spread of the stored values and their correlation with the
    pulse widths vary from column to column. A column far beyond its converter's range is drawn again, and so
    are three out of four columns that a ReLU converter would convert to zero.

    Args:
        rng: random generator.
        size: number of rows and of columns.
        signed: a V array, read by signed converters; otherwise a K array.
        levels: number of levels of the DACs.

    Returns:
        Stored values, shape (size, size), fractions of the supply; pulse widths, shape (size,), fractions of
        the longest pulse.
    """
    common = rng.standard_normal(size)
    width = np.clip(rng.uniform(0.3, 0.6) + 0.35 * common, 0.0, 1.0) * (rng.random(size) < 0.9)
    width = np.where(width < 0.01, 0.0, width) if signed else round_to_levels(width, levels.query)
    columns = []
    while len(columns) < size:
        mean = rng.normal(0.5, 0.96 / np.sqrt(size))  # few rows reach the full scale too
        spread, lean = rng.uniform(0.08, 0.6), rng.uniform(-0.9, 0.9)
        own = rng.standard_normal(size)
        stored = np.clip(mean + spread * (lean * common + np.sqrt(1 - lean**2) * own), 0.0, 1.0)
        stored = round_to_levels(stored, levels.value if signed else levels.key)
        charge = np.sum(width * (2 * stored - 1)) / FULL_SCALE_CELLS[signed]
        lowest = -1.2 if signed or len(columns) % 4 == 3 else 0.02
        if lowest < charge < 1.2:
            columns.append(stored)
    return np.stack(columns, axis=1), width


def array_point(condition: Condition, rng: np.random.Generator, size: int, signed: bool) -> dict:
    """Draw one array (`draw_array`) in the form of a row of `ArrayProcedure.points`.

    Args:
        condition: technology and sizes.
        rng: random generator.
        size: number of rows and of columns of stored numbers.
        signed: a V array, read by signed converters; otherwise a K array.

    Returns:
        Values of the swept columns by name.
    """
    designs = condition.designs
    stored, width = draw_array(rng, size, signed, designs.levels)
    if not signed and signs_queries(designs):
        flipped = rng.random(size) < 0.5
        width, stored = np.where(flipped, -width, width), np.where(flipped[:, None], 1 - stored, stored)
    stored, width = stored * condition.vdd, width * designs.clocking.t_pulse_max
    if not signed and designs.array.mirrored:
        stored, width = mirrored_rows(stored, width, condition.vdd)
    return {
        "signed": signed,
        "rows": len(width),
        "t_pulse": width.tolist(),
        "v_store": stored.ravel().tolist(),
    }


def array_columns(condition: Condition, waves: Waveforms, columns: int, signed: bool) -> pd.DataFrame:
    """Measure a simulated array.

    Args:
        condition: technology, sizes, operating point.
        waves: waveforms of `testbench.array`.
        columns: number of columns.
        signed: signed read-out converters; otherwise ReLU converters.

    Returns:
        One row per column: `index`, `t_out` (s), `v_start` and `v_end` (V), and the energies of the whole
        array (J).
    """
    schedule, guard = Schedule.single(condition.designs, signed), condition.designs.clocking.t_guard
    threshold, rows = condition.vdd / 2, []
    for c in range(columns):
        width = pulse_width(waves, f"v(out{c})", threshold)
        negative = signed and waves[f"v(sign{c})"][-1] < threshold
        rows.append(
            {
                "index": c,
                "t_out": -width if negative else width,
                "v_start": float(waves.at(f"v(bl{c})", schedule.integrate - guard / 4)),
                "v_end": float(waves.at(f"v(bl{c})", schedule.ramp - guard / 4)),
            }
        )
    supplies = {"e_cells": "dcell", "e_drive": "ddrv", "e_convert": "dconv"}
    energies = {name: energy(waves, source, condition.vdd) for name, source in supplies.items()}
    return pd.DataFrame(rows).assign(**energies)
