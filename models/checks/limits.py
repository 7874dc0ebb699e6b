"""Figures of the circuits, each beside its design limit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from pydantic import ConfigDict

from ...circuits.designs import WriteReferences
from ..published import collapsed_cell
from ..values import Value


class Check(Value):
    """One figure of merit of the simulated circuits and its design limit."""

    model_config = ConfigDict(allow_inf_nan=True)

    name: str
    """Label for the report."""
    value: float
    """Simulated value, in `unit`."""
    limit: float
    """Largest value that the design allows, in `unit`."""
    unit: str
    """Unit of value and limit."""

    @property
    def met(self) -> bool:
        """Whether the value is within the limit."""
        return bool(self.value <= self.limit)


def cell_checks(transfer: pd.DataFrame, vdd: float) -> list[Check]:
    """Checks of the cell: shape, linearity in the pulse width, disturbance by a read.

    The shape is compared with the published polynomial of Leroux et al. 2025
    (https://doi.org/10.1038/s43588-025-00854-1, Methods), scaled in the least-squares sense.

    Args:
        transfer: table cell_transfer.
        vdd: supply, V.
    """
    stored = transfer["v_store"].between(-1e-9, vdd + 1e-9)
    rest = transfer[np.isclose(transfer["v_bl"], vdd / 2) & ~transfer["held_out"] & stored]
    charge = rest.pivot(index="v_store", columns="t_pulse", values="q_bl")
    full = charge.iloc[:, -1]
    peak = float(full.abs().max())
    shape = collapsed_cell()(full.index.to_numpy() * (0.9 / vdd)).numpy()
    scale = float(shape @ full / (shape @ shape))
    deviation = np.sqrt(np.mean((full / scale - shape) ** 2)) / np.abs(shape).max()
    widths = charge.columns.to_numpy()
    lines = np.polyfit(widths, charge.to_numpy().T, 1)
    residual = charge.to_numpy().T - (np.outer(widths, lines[0]) + lines[1])
    shift = (transfer["v_after"] - transfer["v_store"]).abs().max()
    return [
        Check(
            name="cell shape against the published polynomial, rms",
            value=deviation,
            limit=0.06,
            unit="of peak",
        ),
        Check(
            name="cell width non-linearity, worst",
            value=float(np.abs(residual).max() / peak),
            limit=1e-3,
            unit="of peak",
        ),
        Check(name="stored voltage after a read, worst shift", value=float(shift), limit=5e-3, unit="V"),
    ]


def write_checks(write: pd.DataFrame, device: str, references: WriteReferences) -> list[Check]:
    """Check of the worst write error of one write device.

    Args:
        write: table with write_device, v_target and v_written (V), such as cell_write; its targets reach the
            supply.
        device: the write device.
        references: trim of the write levels.
    """
    rows = write[write["write_device"] == device]
    levels = [references.level(target, rows["v_target"].max()) for target in rows["v_target"]]
    worst = float((rows["v_written"] - levels).abs().max())
    return [Check(name=f"write error, {device}, worst", value=worst, limit=7e-3, unit="V")]


class ConverterFigures(Value):
    """Straight-line fit of one polarity of a converter."""

    model_config = ConfigDict(allow_inf_nan=True)

    gain: float
    """Slope of pulse width over charge, s/C."""
    offset: float
    """Width of the line at zero charge, s."""
    inl: float
    """Worst deviation from the line, fraction of T_max, over pulses of 2 to 98 % of T_max."""


def converter_figures(rows: pd.DataFrame, t_pulse_max: float, sign: int) -> ConverterFigures:
    """Least-squares line through the pulses of one sign between 2 and 98 % of T_max.

    Shorter pulses are shorter than the edges of the gates, and below the counter's half step of 3 %.

    Args:
        rows: table converter, rows of one kind.
        t_pulse_max: width of a full pulse, s.
        sign: 1 or -1, the polarity.
    """
    width, charge = sign * rows["t_out"].to_numpy(), sign * rows["charge"].to_numpy()
    inside = (width > 0.02 * t_pulse_max) & (width < 0.98 * t_pulse_max)
    gain, offset = np.polyfit(charge[inside], width[inside], 1)
    worst = np.abs(width[inside] - (gain * charge[inside] + offset)).max()
    return ConverterFigures(gain=gain, offset=offset, inl=worst / t_pulse_max)


class WindowSkew(Value):
    """Offset of one converter's pulses, and the delay of its window that cancels it."""

    model_config = ConfigDict(allow_inf_nan=True)

    design: str
    """Table of the technology file or plan that holds `t_skew`: "converter" (ReLU) or "readout" (signed)."""
    offset: float
    """Width at zero charge of the line through the pulses, mean of the polarities, s."""
    t_skew: float
    """Delay of the window in the simulation, s."""
    to_set: float
    """Delay that cancels the offset, s; at least 0."""
    t_pulse_max: float
    """Width of a full pulse, s."""

    @property
    def small(self) -> bool:
        """Whether the offset is below 1 % of T_max, a third of the counter's half step."""
        return bool(abs(self.offset) < 0.01 * self.t_pulse_max)


def window_skews(converter: pd.DataFrame, designs: Mapping[str, Any]) -> tuple[WindowSkew, WindowSkew]:
    """Offsets of both converters, with the `t_skew` that cancels each.

    Args:
        converter: table converter, successful rows of both kinds.
        designs: sizes, as in the manifest's condition.

    Returns:
        The ReLU converter's and the signed converter's.
    """
    t_max, found = designs["clocking"]["t_pulse_max"], []
    for design, signs in (("converter", (1,)), ("readout", (1, -1))):
        rows = converter[converter["signed"] == (design == "readout")]
        offset = float(np.mean([converter_figures(rows, t_max, sign).offset for sign in signs]))
        t_skew = designs[design]["t_skew"]
        skew = {"offset": offset, "t_skew": t_skew, "to_set": max(t_skew + offset, 0.0)}
        found.append(WindowSkew(design=design, **skew, t_pulse_max=t_max))
    return found[0], found[1]


def _saturation_error(rows: pd.DataFrame, t_pulse_max: float, line: ConverterFigures) -> float:
    """Worst relative error of the widths where the line exceeds T_max by 3 %, positive polarity."""
    beyond = rows["charge"] * line.gain + line.offset > 1.03 * t_pulse_max
    return float((rows.loc[beyond, "t_out"] / t_pulse_max - 1).abs().max())


def _small_pulse_error(rows: pd.DataFrame, t_pulse_max: float, line: ConverterFigures) -> float:
    """Worst distance from the clipped line where it is below 2 % of T_max, positive polarity, of T_max.

    Pulses about as short as the edges of the gates shrink or vanish: a dead zone around zero charge.
    """
    expected = (rows["charge"] * line.gain + line.offset).clip(lower=0)
    small = (rows["charge"] > 0) & (expected < 0.02 * t_pulse_max)
    return float((rows.loc[small, "t_out"] - expected[small]).abs().max() / t_pulse_max)


def converter_checks(converter: pd.DataFrame, t_pulse_max: float, balance: float = 1.0) -> list[Check]:
    """Checks of both converters: linearity, gain match of the signs, saturation, energy.

    Args:
        converter: table converter, both kinds.
        t_pulse_max: width of a full pulse, s.
        balance: charge of a cell at the bottom level over that of one at the top level, dimensionless. Ramps
            that replica cells carry follow it, so that as many cells of either give pulses of one width.
    """
    relu, signed = (converter[converter["signed"] == kind] for kind in (False, True))
    unsigned = converter_figures(relu, t_pulse_max, 1)
    positive, negative = (converter_figures(signed, t_pulse_max, sign) for sign in (1, -1))
    flipped = signed.assign(charge=-signed["charge"], t_out=-signed["t_out"])
    polarities = ((relu, unsigned), (signed, positive), (flipped, negative))
    plateau = max(_saturation_error(rows, t_pulse_max, figures) for rows, figures in polarities)
    small = max(_small_pulse_error(rows, t_pulse_max, figures) for rows, figures in polarities)
    energy = float((converter["e_convert"] + converter["e_reset"] + converter["e_swap"]).max())
    return [
        Check(
            name="ReLU converter INL, pulses of 2-98 % of T_max",
            value=unsigned.inl,
            limit=5e-3,
            unit="of T_max",
        ),
        Check(
            name="signed converter INL, pulses of 2-98 % of T_max",
            value=max(positive.inl, negative.inl),
            limit=1e-2,
            unit="of T_max",
        ),
        Check(
            name="both converters, shorter pulses: worst distance from the line",
            value=small,
            limit=2e-2,
            unit="of T_max",
        ),
        Check(
            name="signed converter, gain of the two signs for their cells",
            value=abs(negative.gain * balance / positive.gain - 1),
            limit=1e-2,
            unit="ratio",
        ),
        Check(name="saturation against T_max, worst polarity", value=plateau, limit=1e-2, unit="of T_max"),
        Check(name="energy of a conversion, worst", value=energy, limit=0.6e-12, unit="J"),
    ]
