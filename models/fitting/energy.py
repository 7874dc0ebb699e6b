"""Energy model of fitted hardware: the energy of each stage, from the tables, with its origin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ..cost import (
    CellReads,
    Constant,
    Conversions,
    EnergyModel,
    Pulses,
    StageEnergy,
    StandingPower,
    SubTileOperations,
    Writes,
)
from ..curves import Polynomial, Spline
from ..periphery import PeripheryLaws
from ..published import PICOJOULES
from .curves import fit_spline
from .overhead import WRITE_DAC, bias_stages, overhead_stages
from .write_port import write_energy

BANKS = "bank_reference"
"""Procedure that simulates the bias and the spare converter of a bank."""


def energy_model(
    good: Mapping[str, pd.DataFrame],
    device: str,
    vdd: float,
    designs: Mapping[str, Any],
    periphery: PeripheryLaws | None = None,
    temperature: float = 27.0,
) -> EnergyModel:
    """Energy per token and head, with stages in the order of the signal path.

    Without laws of the periphery, DACs and digital control have their published constants.

    Args:
        good: procedure -> table without failed rows.
        device: write device.
        vdd: supply, V.
        designs: sizes, as in the manifest's condition.
        periphery: laws of the digital circuits; None: there are none.
        temperature: temperature of the leakage, Celsius.
    """
    reads = _read_curve(good["cell_transfer"], vdd)
    write, comprised = write_energy(good, device, designs)
    drive = good["row_driver"]
    array = designs["array"]
    pulse = float(drive[drive["columns"] == array["columns"]]["e_drive"].mean())
    # A normalising column lengthens the V array's word lines by one cell.
    longer = 1 + (array.get("normaliser") is not None) / array["columns"]
    overhead = overhead_stages(good, designs, device, temperature, vdd)
    if periphery is None:
        dac = _published("dac", "pulse-width and voltage converters at the input: not simulated here")
        digital = (
            _published("digital control", "control and routing: no digital circuit is simulated here"),
        )
    else:
        ladder = (stage for stage in overhead if stage.name == WRITE_DAC)
        dac, digital = next(ladder, None) or write_dac(write, designs), periphery.stages
    return EnergyModel(
        stages=(
            dac,
            StageEnergy(
                name="write of key and value",
                origin="simulated",
                law=Writes(joules=write),
                note=comprised,
            ),
            StageEnergy(
                name="K array word lines",
                origin="simulated",
                law=Pulses(array=1, joules=pulse),
                note="row_driver: driver, wires and gates of a whole row, one pulse",
            ),
            StageEnergy(name="K array cells", origin="simulated", law=CellReads(array=1, curve=reads)),
            StageEnergy(
                name="ReLU converters",
                origin="simulated",
                law=Conversions(converter=1, curve=_conversion_curve(good["converter"], False)),
                note=_conversion_note(good),
            ),
            *_plate_swap(good["converter"], designs),
            *_bank(good, designs, False, "ReLU"),
            StageEnergy(
                name="V array word lines",
                origin="simulated",
                law=Pulses(array=2, joules=pulse * longer),
                note="row_driver: driver, wires and gates of a whole row, one pulse",
            ),
            StageEnergy(name="V array cells", origin="simulated", law=CellReads(array=2, curve=reads)),
            StageEnergy(
                name="signed converters",
                origin="simulated",
                law=Conversions(converter=2, curve=_conversion_curve(good["converter"], True)),
                note=_conversion_note(good),
            ),
            *_bank(good, designs, True, "signed"),
            *(stage for stage in overhead if stage.name != WRITE_DAC),
            *digital,
        )
    )


def write_dac(write: float, designs: Mapping[str, Any]) -> StageEnergy:
    """Estimate of the reference ladder of the write levels.

    A ladder of resistance R between the rails charges the lines of n elements through R / 4 at most, to 1/64
    of a level step within the write: R = 4 t / (n C ln(64 (levels - 1))). It takes vdd^2 t / R meanwhile and
    is off otherwise, so each element costs C vdd^2 ln(64 (levels - 1)) / 4, whatever t and n.

    Args:
        write: energy of one simulated write, J, which is taken as C vdd^2.
        designs: sizes, as in the manifest's condition.
    """
    levels = max(designs["levels"]["key"], designs["levels"]["value"])
    return StageEnergy(
        name="write DAC",
        origin="estimate",
        law=Writes(joules=write * np.log(64 * (levels - 1)) / 4),
        note=f"reference ladder that settles to 1/64 step: C vdd^2 ln(64 x {levels - 1}) / 4 per written "
        "cell, with C vdd^2 that of the simulated write",
        band=(0.5, 4.0),
    )


def _plate_swap(converter: pd.DataFrame, designs: Mapping[str, Any]) -> tuple[StageEnergy, ...]:
    """Energy that a two-phase query adds to every conversion of the first product; empty with one phase."""
    if designs["converter"].get("phases", 1) == 1:
        return ()
    rows = converter[~converter["signed"].astype(bool)]
    box = {"charge": (float(rows["charge"].min()), float(rows["charge"].max()))}
    each = Polynomial(coefficients=np.array([rows["e_swap"].mean()]), box=box)
    return (
        StageEnergy(
            name="swap of the capacitors' plates",
            origin="simulated",
            law=Conversions(converter=1, curve=each),
            note="clocks of the plates' switches, whatever the charge; without the drivers' own losses",
        ),
    )


def _conversion_note(good: Mapping[str, pd.DataFrame]) -> str:
    if BANKS not in good:
        return "converter and reset reference; without the ideal ramp bias and clock drivers"
    return (
        "converter and reset reference; without clock drivers; the bank's bias and spare converter are "
        "stages of their own"
    )


def _bank(
    good: Mapping[str, pd.DataFrame], designs: Mapping[str, Any], signed: bool, label: str
) -> tuple[StageEnergy, ...]:
    """Bias and spare converter of a bank of converters; empty without a table of them."""
    if BANKS not in good:
        return ()
    rows = good[BANKS]
    bank = rows[rows["signed"].astype(bool) == signed].iloc[0]
    always = StageEnergy(
        name=f"{label} ramp bias",
        origin="simulated",
        law=StandingPower(watts=float(bank["p_bias"])),
        note=f"{BANKS}: bias of the ramps of a bank, which serves one sub-tile; it is not switched off "
        "between operations",
    )
    return (
        *(bias_stages(good, designs, signed, label) or (always,)),
        StageEnergy(
            name=f"{label} replica delay",
            origin="simulated",
            law=SubTileOperations(joules=float(bank["e_spare"])),
            note=f"{BANKS}: spare converter of a bank and its cell, one operation",
        ),
    )


def _published(name: str, what: str) -> StageEnergy:
    """A stage without a circuit in gaincell, at its published value; replace it by your own."""
    return StageEnergy(
        name=name,
        origin="published",
        law=Constant(joules=PICOJOULES[name][0] * 1e-12),
        note=f"{what}; Leroux et al. 2025, per token and head at window 1024",
    )


def _read_curve(transfer: pd.DataFrame, vdd: float) -> Spline:
    """Supply energy of a full-width read, J, against stored voltage (V), bit line at rest."""
    longest = transfer["t_pulse"].max()
    rows = transfer[np.isclose(transfer["v_bl"], vdd / 2) & np.isclose(transfer["t_pulse"], longest, atol=0)]
    return fit_spline(rows["v_store"], rows["e_read"], rows["held_out"].to_numpy(), unit="of peak")


def _conversion_curve(converter: pd.DataFrame, signed: bool) -> Spline:
    """Energy of a conversion and the reset after it, J, against its charge (C)."""
    rows = converter[converter["signed"] == signed]
    total = (rows["e_convert"] + rows["e_reset"]).to_numpy()
    return fit_spline(rows["charge"], total, rows["held_out"].to_numpy(), knots=12, unit="of peak")
