"""What a network depends on that differs from die to die: zero, balance and scale of the cells, skew."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch

from ..hardware import Hardware
from .limits import Check, converter_figures

ZERO, BALANCE, SCALE, SKEW, SMALL = 5e-3, 0.03, 0.05, 0.01, 0.02
"""Limits: stored zero (V), balance, scale, skew and short pulses (dimensionless)."""
SHORTEST = 0.01
"""Shortest pulse for which a converter is judged, of T_max."""


def level_charges(hardware: Hardware) -> tuple[float, float]:
    """Charges of a full read of a cell at the top and, with its sign changed, at the bottom written level, C.

    Args:
        hardware: fitted surrogates of cell and write.
    """
    levels = torch.tensor([hardware.v_max, hardware.v_min], dtype=torch.float64)
    written = levels if hardware.write is None else hardware.write(levels)
    top, bottom = hardware.transfer(written).tolist()
    return top, -bottom


def die_checks(hardware: Hardware, converter: pd.DataFrame, designs: Mapping[str, Any]) -> tuple[Check, ...]:
    """Figures of one die beside the limits within which a network of the typical die keeps its quality.

    Args:
        hardware: the fitted surrogates; written levels included.
        converter: table `converter`, both kinds.
        designs: sizes, as in the manifest's condition. Without `replica_cells` nothing states the full scale,
            and it is not judged.
    """
    levels = np.linspace(hardware.v_min, hardware.v_max, 1001)
    written = hardware.write(levels).numpy() if hardware.write is not None else levels
    charge = hardware.transfer(written).numpy()
    zero = float(np.interp(0.0, charge, levels)) - hardware.v_zero
    top, bottom = level_charges(hardware)
    checks = [
        Check(name="level of zero charge less mid-scale", value=abs(zero), limit=ZERO, unit="V"),
        Check(
            name="charge of the top level against the bottom one's",
            value=abs(top - bottom) / (top + bottom),
            limit=BALANCE,
            unit="ratio",
        ),
    ]
    t_max = hardware.t_pulse_max
    for role, full_scale, signed in (
        ("converter", hardware.q_sat_1, False),
        ("readout", hardware.q_sat_2, True),
    ):
        label = "signed converter" if signed else "ReLU converter"
        cells = designs[role].get("replica_cells")
        if cells is not None:
            nominal = cells * (top + bottom) / 2
            scale = abs(full_scale / nominal - 1)
            name = f"{label}, full scale against {cells} cells'"
            checks.append(Check(name=name, value=scale, limit=SCALE, unit="ratio"))
        rows = converter[converter["signed"] == signed]
        lines = [converter_figures(rows, t_max, sign) for sign in ((1, -1) if signed else (1,))]
        skew = abs(float(np.mean([line.offset for line in lines]))) / t_max
        checks.append(Check(name=f"{label}, skew", value=skew, limit=SKEW, unit="of T_max"))
        error = max(
            _short_pulses(rows, t_max, line, sign) for line, sign in zip(lines, (1, -1), strict=False)
        )
        name = f"{label}, pulses from {SHORTEST:.0%} of T_max: worst distance from the line"
        checks.append(Check(name=name, value=error, limit=SMALL, unit="of T_max"))
    return tuple(checks)


def _short_pulses(rows: pd.DataFrame, t_max: float, line, sign: int) -> float:
    """Worst distance (of T_max) from the line of pulses of 1 to 10 % of T_max, of one sign."""
    width, charge = sign * rows["t_out"].to_numpy() / t_max, sign * rows["charge"].to_numpy()
    expected = (line.gain * charge + line.offset) / t_max
    short = (expected >= SHORTEST) & (expected <= 0.1)
    return float(np.abs(width - expected)[short].max(initial=0.0))
