"""Regulator of the supply in the energy model: its loss and its own power."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from ...circuits.errors import TableError
from ..checks.supply import REGULATOR_TABLE
from ..cost import EnergyModel, StageEnergy, StandingPower, SupplyLoss

FED = (
    *("write DAC", "write of key and value"),
    *("K array word lines", "K array cells", "V array word lines", "V array cells"),
    *("ReLU converters", "swap of the capacitors' plates", "signed converters", "converter clocks"),
    *("ReLU ramp bias", "ReLU ramp bias, off", "ReLU replica delay"),
    *("signed ramp bias", "signed ramp bias, off", "signed replica delay"),
    *("leakage of cells", "leakage of converters", "leakage of drivers"),
)
"""Stages that the regulated supply feeds, where they are simulated: arrays, converters and their references.
Digital circuits and charge pumps have the chip's own supply."""


def regulated(
    energy: EnergyModel, good: Mapping[str, pd.DataFrame], condition: Mapping[str, Any]
) -> EnergyModel:
    """The energy model with a regulator that feeds the stages of `FED`; unchanged without its table.

    The pass device carries the current of the load, so an energy E at the regulated supply takes
    E v_in / vdd from the chip's. The currents of amplifier and bleeder are drawn all the time.

    Args:
        energy: energies at the regulated supply.
        good: procedure -> table without failed rows.
        condition: the manifest's `condition`.

    Raises:
        TableError: the table of the regulator has no row of this condition.
    """
    if REGULATOR_TABLE not in good:
        return energy
    design, vdd = condition["designs"]["regulator"], condition["vdd"]
    v_in, sub_tiles = design["v_in"], design["sub_tiles"]
    rows = good[REGULATOR_TABLE]
    own = rows[
        (rows["corner"] == condition["corner"])
        & np.isclose(rows["temperature"], condition["temperature"])
        & np.isclose(rows["v_in"], v_in)
        & (rows["analysis"] == "static")
        & (rows["load"] == "idle")
    ]
    if own.empty:
        raise TableError(
            f"the table {REGULATOR_TABLE!r} has no row of {condition['corner']}, "
            f"{condition['temperature']:g} C, {v_in:g} V; characterize it together with the other tables"
        )
    fed = tuple(stage.name for stage in energy.stages if stage.name in FED and stage.origin == "simulated")
    loss = StageEnergy(
        name="regulator, pass device",
        origin="simulated",
        law=SupplyLoss(share=v_in / vdd - 1, stages=fed),
        note=f"arrays, converters and references at {vdd:g} V take their current from {v_in:g} V",
    )
    own_power = StageEnergy(
        name="regulator, own power",
        origin="simulated",
        law=StandingPower(watts=float(own["i_quiescent"].iloc[0]) * v_in / sub_tiles),
        note=f"{REGULATOR_TABLE}: amplifier and bleeder, shared by {sub_tiles} sub-tiles, never off",
    )
    last = max(k for k, stage in enumerate(energy.stages) if stage.name in fed) + 1
    return EnergyModel(stages=(*energy.stages[:last], loss, own_power, *energy.stages[last:]))
