"""Waveforms of the basic operations, simulated for the report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ....characterization.procedure import Context
from ....characterization.procedures.converter import full_scale
from ....circuits.errors import GaincellError
from ..figures.page import table
from ..figures.units import quantity
from ..waves import WAVE_OPERATIONS, Recording, record
from .section import Section, absent, paragraph
from .sources import ReportData

Update = Callable[[str, int, int], None]
"""Called with (operation, done, total)."""


@dataclass(frozen=True)
class Shown:
    """An operation of the report and its arguments."""

    name: str
    options: Callable[[Context], dict[str, Any]]
    optional: bool = False
    """Whether the others are shown without it, for it needs a tool that they do not."""


def _read(context: Context) -> dict[str, Any]:
    vdd, t_max = context.condition.vdd, context.condition.designs.clocking.t_pulse_max
    return {"v_store": tuple(np.linspace(0, vdd, 4).tolist()), "t_pulse": t_max * 2 / 3}


def _relu(context: Context) -> dict[str, Any]:
    return {"charge": tuple(share * full_scale(context, False) for share in (-0.2, 0.25, 0.75, 1.2))}


def _signed(context: Context) -> dict[str, Any]:
    return {"charge": tuple(share * full_scale(context, True) for share in (-0.75, -0.25, 0.25, 0.75))}


SHOWN = (
    Shown("cell-read", _read),
    Shown("conversion", _relu),
    Shown("signed-conversion", _signed),
    Shown("counted-conversion", lambda context: {}, optional=True),
    Shown("column", lambda context: {"seed": 0}),
)


def waveform_section(material: ReportData, update: Update = lambda name, done, total: None) -> Section:
    """A cell read, conversions, and a column; says why when they cannot be simulated here."""
    title = "Waveforms"
    blocks: list = [
        paragraph(
            "Simulated for this page in ngspice. Drag to zoom, double-click to zoom out, click a legend "
            "entry to hide it. The same waveforms as files for other viewers: `gaincell waves`."
        )
    ]
    for i, shown in enumerate(SHOWN):
        update(f"simulate {shown.name}", i, len(SHOWN))
        try:
            context = material.context
            recording = record(WAVE_OPERATIONS[shown.name](context, **shown.options(context)), context)
        except GaincellError as error:
            if shown.optional:
                blocks.append(paragraph(f"No {shown.name}: {error}", "absent"))
                continue
            return absent("waveforms", title, f"The operations could not be simulated here: {error}")
        blocks += [(recording.figure,), _measured(recording)]
    return Section("waveforms", title, tuple(blocks))


def _measured(recording: Recording) -> str:
    """What the operation's procedure measures on the waveforms above it."""
    columns = recording.columns
    names = [name for name in recording.scalars() if columns[name].partition(":")[0] != "-"]
    units = [columns[name].partition(":")[0] for name in names]
    rows = [
        [quantity(row[name], unit, 4) for name, unit in zip(names, units, strict=True)]
        for row in recording.rows.to_dict("records")
    ]
    heads = [columns[name].partition(":")[2].strip().partition(",")[0] for name in names]
    heads = [f"energy {h}" if u == "J" else h for h, u in zip(heads, units, strict=True)]
    return table(heads, rows, numbers=range(len(names)))
