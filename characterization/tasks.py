"""Tasks of a run: batches with everything that a worker needs, their measured rows, and the merged table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..circuits.errors import GaincellError
from ..circuits.runner import Result
from ..circuits.status import Status
from .cache_key import CacheKey
from .procedure import Batch, Context, Procedure

UNMEASURED = "unmeasured"
"""Status of a row whose simulation succeeded but whose waveforms do not allow the measurement."""

USAGE = ("cpu", "memory")
"""Columns that procedures may declare for the usage of the simulation: s and B; NaN for a short one."""


@dataclass(frozen=True)
class Task:
    """One batch with everything that a worker needs."""

    procedure: Procedure
    """Procedure that measures the batch."""
    context: Context
    """Context in which the procedure runs."""
    batch: Batch
    """Simulation and positions of its points."""
    points: pd.DataFrame
    """Points of the batch."""
    cache_key: CacheKey
    """Everything that determines the rows."""
    key: str
    """`cache_key.digest`."""
    deck: str
    """Netlist with portable library paths, as written beside the tables."""


def batch_rows(task: Task, result: Result) -> pd.DataFrame:
    """Measure the result of a batch.

    Args:
        task: the batch.
        result: result of its simulation.

    Returns:
        Measured columns, `point` (position in the batch), `status` and `message`. The points of a failed
        simulation or measurement have no measured values.

    Raises:
        ValueError: the rows do not have the columns that the procedure declares.
    """
    if result.waveforms is None:
        return _failed(task, result.status, f"{result.message} {result.status.remedy}")
    try:
        measured = task.procedure.measure(task.context, task.points, result.waveforms)
    except GaincellError as error:
        return _failed(task, UNMEASURED, str(error))
    costs = dict(zip(USAGE, (result.usage.cpu, result.usage.memory), strict=True))
    asked = {name: cost for name, cost in costs.items() if name in task.procedure.measured}
    measured = measured.assign(**asked)
    _check(task, measured)
    if "point" not in measured:
        measured = measured.assign(point=np.arange(len(task.points)))
    relaxed = " ".join(f"{name}={value}" for name, value in result.options.items())
    message = f"converged with {relaxed}" if relaxed else ""
    rows = measured.assign(status=str(result.status), message=message).reset_index(drop=True)
    return with_finite_values(task.procedure, rows)


def with_finite_values(procedure: Procedure, rows: pd.DataFrame) -> pd.DataFrame:
    """Turn rows with a value that is not finite into failures without measured values.

    Args:
        procedure: procedure that has measured the rows; its `undefined` columns may hold NaN, and so may the
            usage of a simulation (see `USAGE`).
        rows: measured columns, and perhaps swept ones, `point`, `status` and `message`.

    Returns:
        The rows; those that were ok and have such a value get the status not-finite.
    """
    wrong = pd.Series(False, index=rows.index)
    reason = pd.Series("", index=rows.index)
    for name in rows.columns.difference(["point", "status", "message"]):
        column = rows[name]
        numeric = column.dtype.kind in "fiub"
        finite = pd.Series(np.isfinite(column), index=rows.index) if numeric else column.map(_is_finite)
        if name in procedure.undefined or name in USAGE:
            finite |= column.isna()
        reason[~finite & ~wrong] = f"{name} is not finite. {Status.NOT_FINITE.remedy}"
        wrong |= ~finite
    wrong &= rows["status"] == str(Status.OK)
    if not wrong.any():
        return rows
    emptied = {name: rows[name].where(~wrong) for name in procedure.measured if name in rows}
    emptied["status"] = rows["status"].mask(wrong, str(Status.NOT_FINITE))
    emptied["message"] = rows["message"].mask(wrong, reason)
    return rows.assign(**emptied)


def _is_finite(value: object) -> bool:
    if value is None:
        return False
    if isinstance(value, str | bool):
        return True
    return bool(np.isfinite(np.asarray(value, dtype=float)).all())


def _check(task: Task, measured: pd.DataFrame) -> None:
    """Raise ValueError if the rows do not have the declared columns: an error in the procedure's code."""
    name = task.procedure.name
    if "point" not in measured and len(measured) != len(task.points):
        raise ValueError(f"{name}.measure: {len(measured)} rows for {len(task.points)} points")
    present = (set(measured) | set(task.points)) - {"point"}
    if different := present ^ set(task.procedure.measured):
        raise ValueError(f"{name}.columns and the table differ in: {', '.join(sorted(different))}")


def _failed(task: Task, status: str, message: str) -> pd.DataFrame:
    return pd.DataFrame({"point": np.arange(len(task.points)), "status": str(status), "message": message})


def merged_table(tasks: list[Task], done: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Merge the rows of all batches of a procedure.

    Args:
        tasks: batches of the procedure.
        done: measured rows by key.

    Returns:
        Swept and measured columns with `point`, `status` and `message`, in the order of the points.
    """
    parts = []
    for task in tasks:
        rows = done[task.key]
        local = rows["point"].to_numpy()
        swept = task.points.iloc[local].reset_index(drop=True)
        measured = rows.drop(columns=["point", "status", "message"]).reset_index(drop=True)
        point = pd.Series(np.asarray(task.batch.index)[local], name="point")
        state = rows[["status", "message"]].reset_index(drop=True)
        parts.append(pd.concat([point, swept, measured, state], axis=1))
    table = pd.concat(parts, ignore_index=True).sort_values("point", kind="stable", ignore_index=True)
    # A failed batch has no measured columns and may come first, so the procedure defines the order.
    declared = tasks[0].procedure.measured
    return table.reindex(columns=["point", *declared, "status", "message"])
