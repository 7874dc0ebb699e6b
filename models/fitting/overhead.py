"""Energy of what surrounds the arrays: leakage, bias, clock lines, write DAC, charge pumps."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Any

import numpy as np
import pandas as pd

from ..cost import StageEnergy, StandingPower, SubTileOperations, Writes

OVERHEAD_TABLES = ("idle_power", "bias_gating", "clock_lines", "write_dac")
"""Procedures whose tables, if present, add stages."""
WRITE_DAC = "write DAC"
"""Name of the stage of the ladder of write levels."""
SETTLED = 1e-3
"""Largest error of a ramp's current after its bias was off: a thirtieth of half a read-out level."""
LONGEST_OFF = 10e-6
"""Longest time for which a bias is off between two operations, s: 13 times the period of 12 layers."""
RAMP_ENDS = 0.2e-9
"""Time from the end of a window to the end of its ramp, s (`bank_clocks`)."""
WRITE_ERROR = 1 / 64
"""Largest error of a written level from the ladder's resistance, steps between levels."""
PUMP_BAND = (0.0, 1.5)
"""Plausible multiples of the charge pumps' loss: rails from outside, and pumps of 80 % of the ideal."""


def bias_stages(good: Mapping[str, pd.DataFrame], designs: Mapping[str, Any], signed: bool, label: str):
    """Ramp bias of a bank that is on from a wake-up lead before its ramp to the end of the ramp.

    Args:
        good: procedure -> table without failed rows.
        designs: sizes, as in the manifest's condition.
        signed: the bank of signed converters.
        label: name of the bank in reports.

    Returns:
        The stages; None without a table, or if the lines do not settle within `SETTLED` at any lead: then the
        bias is never off.
    """
    if "bias_gating" not in good:
        return None
    rows = good["bias_gating"]
    rows = rows[(rows["signed"].astype(bool) == signed) & (rows["t_off"] <= LONGEST_OFF)]
    lead = wake_up_lead(rows)
    if lead is None:
        return None
    converter = designs["readout" if signed else "converter"]
    on = lead + converter["t_skew"] + designs["clocking"]["t_pulse_max"] + RAMP_ENDS
    used = rows[rows["t_lead"] == lead]
    joules = float(rows["p_on"].max()) * on + max(float(used["e_wake"].max()), 0.0)
    return (
        StageEnergy(
            name=f"{label} ramp bias",
            origin="simulated",
            law=SubTileOperations(joules=joules),
            note=f"bias_gating: bias of a bank, on for {on * 1e9:.1f} ns of an operation, {lead * 1e9:g} ns "
            f"before its ramp; after up to {LONGEST_OFF * 1e6:g} us off the pulse is within "
            f"{SETTLED:.1%}",
        ),
        StageEnergy(
            name=f"{label} ramp bias, off",
            origin="simulated",
            law=StandingPower(watts=max(float(rows["p_off"].max()), 0.0)),
            note="bias_gating: leakage of the bias while it is off",
        ),
    )


def wake_up_lead(rows: pd.DataFrame) -> float | None:
    """Shortest lead from which on every error stays within `SETTLED`, s; None if there is none.

    Args:
        rows: rows of the table `bias_gating`.
    """
    errors = rows[["error_p", "error_n"]].abs().max(axis=1).groupby(rows["t_lead"]).max()
    beyond = errors.index[errors > SETTLED]
    left = errors.index if beyond.empty else errors.index[errors.index > beyond.max()]
    return float(left.min()) if len(left) else None


def overhead_stages(
    good: Mapping[str, pd.DataFrame], designs: Mapping[str, Any], device: str, temperature: float, vdd: float
) -> tuple[StageEnergy, ...]:
    """Stages of clock lines, write DAC, charge pumps and leakage, as far as their tables are there.

    Args:
        good: procedure -> table without failed rows.
        designs: sizes, as in the manifest's condition.
        device: write device.
        temperature: temperature, Celsius.
        vdd: supply, V.
    """
    found = []
    if "clock_lines" in good:
        found.append(_clocks(good["clock_lines"], designs))
    if "write_dac" in good and (ladder := _ladder(good["write_dac"], designs, vdd)) is not None:
        found.append(ladder)
    if (pumps := _pumps(good, designs, device, vdd)) is not None:
        found.append(pumps)
    if "idle_power" in good:
        found += _leakage(good["idle_power"], designs, temperature)
    return tuple(found)


def _clocks(rows: pd.DataFrame, designs: Mapping[str, Any]) -> StageEnergy:
    joules = 0.0
    for signed, count in ((False, designs["array"]["columns"]), (True, _outputs(designs))):
        bank = rows[rows["signed"].astype(bool) == signed]
        joules += count * float((bank["e_line"] * bank["loss"]).sum())
    return StageEnergy(
        name="converter clocks",
        origin="simulated",
        law=SubTileOperations(joules=joules),
        note="clock_lines: gates and wires of rst, on, ramp, win and smp of both banks, with their drivers",
    )


def _ladder(rows: pd.DataFrame, designs: Mapping[str, Any], vdd: float) -> StageEnergy | None:
    """The ladder of the largest resistance that still settles; None if none does."""
    step = vdd / (designs["levels"]["key"] - 1)
    worst = rows["v_error"].abs().groupby(rows["resistance"]).max()
    settled = worst.index[worst <= WRITE_ERROR * step]
    if settled.empty:
        return None
    ohms = float(settled.max())
    alone = rows[(rows["resistance"] == ohms) & (rows["level"] == -1)]["e_ladder"]
    return StageEnergy(
        name=WRITE_DAC,
        origin="simulated",
        law=Writes(joules=float(alone.iloc[0]) / designs["array"]["columns"]),
        note=f"write_dac: static current of a ladder of {ohms:g} ohm for each array, on during a write, "
        f"per cell of a word; a word of equal levels settles within 1/{1 / WRITE_ERROR:g} step",
    )


def _pumps(
    good: Mapping[str, pd.DataFrame], designs: Mapping[str, Any], device: str, vdd: float
) -> StageEnergy | None:
    """Loss of ideal charge pumps for the word lines' levels; None if the levels lie within the supply."""
    high, low = designs["cell"]["v_write_on"], designs["cell"]["v_write_off"]
    if "write_path" not in good or (high <= vdd and low >= 0):
        return None
    rows = good["write_path"]
    designed = np.isclose(rows["t_write"], designs["cell"]["t_write"], atol=0)
    rows = rows[(rows["write_device"] == device) & designed]
    paid = vdd * (ceil(high / vdd) + ceil(max(-low, 0.0) / vdd))
    factor = paid / (high + max(-low, 0.0)) - 1
    return StageEnergy(
        name="charge pumps",
        origin="estimate",
        law=Writes(joules=max(factor, 0.0) * float(rows["e_word_line"].mean())),
        note=f"word lines from {low:g} to {high:g} V: an ideal pump takes a charge from ceil(V / vdd) x vdd, "
        f"so the rails cost {1 + factor:.2f} times the energy that write_path delivers from them; band "
        f"{PUMP_BAND[0]:g} (rails from outside) to {PUMP_BAND[1]:g} (pumps of 80 % of the ideal)",
        band=PUMP_BAND,
    )


def _leakage(rows: pd.DataFrame, designs: Mapping[str, Any], temperature: float) -> list[StageEnergy]:
    here = rows[rows["temperature"] == temperature]
    watts = here.groupby("circuit")["power"].mean()
    array, outputs = designs["array"], _outputs(designs)
    lines = array["rows"] * (2 if array.get("mirrored") else 1)
    words = array["columns"]
    cells = words * (lines + outputs)
    parts = {
        "leakage of cells": (cells * watts["cell"], f"{cells} cells, mean over the levels"),
        "leakage of converters": (
            words * watts["ReLU converter"] + outputs * watts["signed converter"],
            "idle converters of both banks, their comparators switched off",
        ),
        "leakage of drivers": (
            (lines + words) * watts["row driver"]
            + 2 * words * watts["write word-line drivers"]
            + (lines + outputs) * watts["level switches"],
            "row drivers, drivers of the write word lines, level switches of the write bit lines",
        ),
    }
    return [
        StageEnergy(
            name=name,
            origin="simulated",
            law=StandingPower(watts=float(power)),
            note=f"idle_power at {temperature:g} C: {note}, of a sub-tile",
        )
        for name, (power, note) in parts.items()
    ]


def _outputs(designs: Mapping[str, Any]) -> int:
    """Number of columns of the V array."""
    array = designs["array"]
    return array["rows"] + (array.get("normaliser") is not None)
