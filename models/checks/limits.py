"""Figures that say whether the circuits behave as designed, each beside the limit it was designed to."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..published import collapsed_cell
from ..values import Value


class Check(Value):
    """One figure of merit of the simulated circuits and its design limit."""

    name: str
    value: float
    limit: float
    unit: str

    @property
    def met(self) -> bool:
        """Whether the value is within the limit."""
        return bool(self.value <= self.limit)


def cell_checks(transfer: pd.DataFrame, vdd: float) -> list[Check]:
    """Shape against the published polynomial, width linearity and disturbance by a read (cell_transfer)."""
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


def write_checks(write: pd.DataFrame, device: str) -> list[Check]:
    """Worst write error of a write device (cell_write)."""
    rows = write[write["write_device"] == device]
    worst = float((rows["v_written"] - rows["v_target"]).abs().max())
    return [Check(name=f"write error, {device}, worst", value=worst, limit=7e-3, unit="V")]


class ConverterFigures(Value):
    """Straight-line figures of one polarity of a converter."""

    gain: float
    """Pulse width per charge, s/C."""
    offset: float
    """Width at zero charge by the line, s."""
    inl: float
    """Worst deviation from the line, fraction of T_max, over pulses of 2 to 98 % of T_max."""


def converter_figures(rows: pd.DataFrame, t_pulse_max: float, sign: int) -> ConverterFigures:
    """Best straight line through the pulses of one sign (converter table).

    Pulses below 2 % of T_max are shorter than the gates' own edges: the counter's half step is 3 %.
    """
    width, charge = sign * rows["t_out"].to_numpy(), sign * rows["charge"].to_numpy()
    inside = (width > 0.02 * t_pulse_max) & (width < 0.98 * t_pulse_max)
    gain, offset = np.polyfit(charge[inside], width[inside], 1)
    worst = np.abs(width[inside] - (gain * charge[inside] + offset)).max()
    return ConverterFigures(gain=gain, offset=offset, inl=worst / t_pulse_max)


def _saturation_error(rows: pd.DataFrame, t_pulse_max: float, line: ConverterFigures) -> float:
    """Worst relative error of the widths where the line has passed T_max by 3 %, positive polarity."""
    beyond = rows["charge"] * line.gain + line.offset > 1.03 * t_pulse_max
    return float((rows.loc[beyond, "t_out"] / t_pulse_max - 1).abs().max())


def _small_pulse_error(rows: pd.DataFrame, t_pulse_max: float, line: ConverterFigures) -> float:
    """Worst distance from the clipped line where it is below 2 % of T_max, positive polarity, in T_max.

    Pulses about as short as the gates' own edges shrink or vanish: a dead zone around zero charge.
    """
    expected = (rows["charge"] * line.gain + line.offset).clip(lower=0)
    small = (rows["charge"] > 0) & (expected < 0.02 * t_pulse_max)
    return float((rows.loc[small, "t_out"] - expected[small]).abs().max() / t_pulse_max)


def converter_checks(converter: pd.DataFrame, t_pulse_max: float) -> list[Check]:
    """Linearity, gain match, saturation and energy of both converters (converter table)."""
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
            name="signed converter, gain of the two signs",
            value=abs(negative.gain / positive.gain - 1),
            limit=1e-2,
            unit="ratio",
        ),
        Check(name="saturation against T_max, worst polarity", value=plateau, limit=1e-2, unit="of T_max"),
        Check(name="energy of a conversion, worst", value=energy, limit=0.6e-12, unit="J"),
    ]
