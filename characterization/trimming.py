"""Trim of a die: codes of the write references from a tester's searches, and what the replicas give.

The searches need signs only, which a die's own sign latch measures: the V array's read-out of a column whose
cells are read by full pulses tells whether they sink or source charge on balance.

1. Middle reference: all cells hold the middle level; the code at which the sign changes, by bisection.
2. Balance: half of the cells hold the top level and half the bottom one. The sign tells which half is
   stronger; its reference is moved towards the middle until the sign changes, by bisection.

Ramp currents and the windows' delays are not trimmed: they follow replicas (`testbench/references.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from ..circuits.errors import PlanError
from ..circuits.technology import Technology
from .cache import Cache
from .execute import characterize
from .plan import Plan
from .table import read_table

SEARCH, REPLICAS = "reference_codes", "bank_reference"
"""Procedures that a trim simulates."""


@dataclass(frozen=True)
class Trim:
    """Trim of one die, and what its replicas give at one operating point."""

    bottom: int
    """Code of the bottom reference."""
    middle: int
    """Code of the middle reference."""
    top: int
    """Code of the top reference."""
    measurements: int
    """Number of signs that the searches measured."""
    i_ramp: dict[str, tuple[float, float]]
    """Currents of the p and the n ramp, A, by `converter` and `readout`."""
    t_skew: dict[str, float]
    """Delay of the windows, s, by `converter` and `readout`."""

    @property
    def sentence(self) -> str:
        """The trim in words."""
        currents = ", ".join(
            f"{role} {p * 1e6:.3g} and {n * 1e6:.3g} uA, {self.t_skew[role] * 1e12:.0f} ps"
            for role, (p, n) in self.i_ramp.items()
        )
        return (
            f"write references: codes {self.bottom} (bottom), {self.middle} (middle), {self.top} (top) after "
            f"{self.measurements} signs; ramps and delays of the replicas: {currents}"
        )

    @property
    def designs(self) -> dict[str, dict[str, Any]]:
        """Sizes of the trimmed die at the operating point, by circuit and field."""
        banks = {
            role: {"i_ramp": p, "i_ramp_n": n, "t_skew": self.t_skew[role]}
            for role, (p, n) in self.i_ramp.items()
        }
        return banks | {"references": {"bottom": self.bottom, "middle": self.middle, "top": self.top}}


def find_trim(
    plan: Plan, *, cache: Cache | None = None, jobs: int | None = None, simulator: str = "ngspice"
) -> Trim:
    """Trim the die of a plan: codes at the technology's temperature and supply, replicas at the plan's own.

    A tester trims a die once. Its codes then hold at every temperature and supply.

    Args:
        plan: technology, corner, operating point and designs; its procedures do not matter.
        cache: cache of simulations; the user's by default.
        jobs: number of parallel simulations; all cores by default.
        simulator: one of `runner.SIMULATORS`.

    Raises:
        PlanError: a search finds no code, since the references' range is too small for the die.
        TechnologyError: as `characterize`, or the converters have no replica cells.
        SimulationError: a simulation failed.
    """
    technology = Technology.load(plan.technology)
    tester = plan.override(temperature=technology.temperature, vdd=technology.vdd)
    codes, measurements = search_codes(_table(tester, SEARCH, cache, jobs, simulator))
    references = {**plan.designs.get("references", {}), **codes}
    trimmed = plan.override(designs=plan.designs | {"references": references})
    banks = _table(trimmed, REPLICAS, cache, jobs, simulator).set_index("signed")
    rows = {role: banks.loc[signed] for role, signed in (("converter", False), ("readout", True))}
    return Trim(
        **codes,
        measurements=measurements,
        i_ramp={role: (float(row["i_ramp"]), float(row["i_ramp_n"])) for role, row in rows.items()},
        t_skew={role: float(row["t_skew"]) for role, row in rows.items()},
    )


def search_codes(table: pd.DataFrame) -> tuple[dict[str, int], int]:
    """Codes that bisection by signs finds.

    Args:
        table: table reference_codes, of the die at the tester's temperature and supply.

    Returns:
        Code by reference, and the number of signs that were measured.

    Raises:
        PlanError: a sign is the same at both ends of a search.
    """
    charge = {
        str(name): rows.set_index("code")["q_bl"].sort_index() for name, rows in table.groupby("reference")
    }
    middle, first = _bisect(charge["middle"], lambda q: q > 0, "middle")
    top, bottom = charge["top"], charge["bottom"]
    if top.iloc[0] + bottom.iloc[0] > 0:
        code, second = _bisect(top, lambda q: q + bottom.iloc[0] < 0, "top")
        return {"bottom": 0, "middle": middle, "top": code}, first + second + 1
    code, second = _bisect(bottom, lambda q: q + top.iloc[0] > 0, "bottom")
    return {"bottom": code, "middle": middle, "top": 0}, first + second + 1


def _bisect(charge: pd.Series, changed: Callable[[float], bool], name: str) -> tuple[int, int]:
    """Code next to the change of a sign, and the number of measured signs."""
    low, high = 0, len(charge) - 1
    if changed(charge.iloc[low]) or not changed(charge.iloc[high]):
        raise PlanError(
            f"trim: no code from {charge.index[low]} to {charge.index[high]} of the {name} reference changes "
            "the sign; correct the cell's sizes (balance of its n and p read transistors)"
        )
    count = 2
    while high - low > 1:
        between = (low + high) // 2
        low, high = (low, between) if changed(charge.iloc[between]) else (between, high)
        count += 1
    return int(charge.index[high]), count


def _table(plan: Plan, procedure: str, cache: Cache | None, jobs: int | None, simulator: str) -> pd.DataFrame:
    alone = plan.override(procedures=(procedure,), trim=False)
    with TemporaryDirectory(prefix="gaincell-") as folder:
        characterize(alone, Path(folder), cache=cache, jobs=jobs, simulator=simulator)
        table = read_table(Path(folder), procedure)
    failed = table["status"] != "ok"
    if failed.any():
        raise PlanError(f"trim: {procedure} failed: {table.loc[failed, 'message'].iloc[0]}")
    return table
