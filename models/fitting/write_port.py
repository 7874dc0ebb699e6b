"""Error and energy of writes, from the write path with drivers and wires if it was simulated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ...circuits.designs import WriteReferences
from ..array import WriteError
from ..checks.limits import Check, write_checks
from .curves import fit_spline


def fit_write(good: Mapping[str, pd.DataFrame], device: str, designs: Mapping[str, Any]) -> WriteError:
    """Stored voltage against target voltage, mean over the previous contents of the cells.

    Args:
        good: procedure -> table without failed rows. write_path is used if present, otherwise cell_write,
            which has ideal sources in place of drivers.
        device: write device.
        designs: sizes, as in the manifest's condition.
    """
    rows = _path(good, device, designs)
    if rows is None:
        rows = good["cell_write"][good["cell_write"]["write_device"] == device]
    curve = fit_spline(rows["v_target"], rows["v_written"], scale=1.0, unit="V")
    return WriteError(curve=curve, box=curve.box, errors=curve.errors)


def write_energy(
    good: Mapping[str, pd.DataFrame], device: str, designs: Mapping[str, Any]
) -> tuple[float, str]:
    """Energy of writing one cell, mean over levels and previous contents.

    Args:
        good: procedure -> table without failed rows: write_path if present, otherwise cell_write.
        device: write device.
        designs: sizes, as in the manifest's condition.

    Returns:
        Energy, J, and a note on what it includes.
    """
    rows = _path(good, device, designs)
    if rows is not None:
        what = "write_path: level switches, bit line, word-line drivers, their wires; without the DAC itself"
        return float(rows["e_write"].mean()), what
    rows = good["cell_write"][good["cell_write"]["write_device"] == device]
    joules = float((rows["e_bit_line"] + rows["e_word_line"]).mean())
    return joules, "cell_write: drive of the cell's bit and word lines, without the write port's wires"


def port_checks(good: Mapping[str, pd.DataFrame], designs: Mapping[str, Any]) -> list[Check]:
    """Checks of each write device: worst write error, and with write_path also error and settling through it.

    Args:
        good: procedure -> table without failed rows: cell_write, and optionally write_path.
        designs: sizes, as in the manifest's condition.
    """
    checks, references = [], WriteReferences(**designs.get("references", {}))
    for device in sorted(good["cell_write"]["write_device"].unique()):
        checks += write_checks(good["cell_write"], device, references)
        rows = _path(good, device, designs)
        if rows is None:
            continue
        checks += [
            check.model_copy(update={"name": f"write error through drivers and wires, {device}, worst"})
            for check in write_checks(rows, device, references)
        ]
        # A level that never settles has an infinite settling time.
        settled = rows["t_64th"].fillna(np.inf).max()
        name = f"write, {device}: time to 1/64 step, slowest level"
        checks.append(Check(name=name, value=settled, limit=designs["cell"]["t_write"], unit="s"))
    return checks


def _path(good: Mapping[str, pd.DataFrame], device: str, designs: Mapping[str, Any]) -> pd.DataFrame | None:
    """Rows of write_path with this write device and pulses of the designed length; None without the table."""
    if "write_path" not in good:
        return None
    path = good["write_path"]
    designed = np.isclose(path["t_write"], designs["cell"]["t_write"], atol=0)
    return path[(path["write_device"] == device) & designed]
