"""How far the numbers of the other procedures move with the simulator's tolerances."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd

from ...circuits.rawfile import Waveforms
from ...circuits.runner import Simulation, with_options
from ..procedure import Batch, Context, Procedure, find, procedure

BATCHES, POINTS = 2, 4
"""Batches of a procedure that the study looks at, and points of each."""
LARGE, HUGE = 60_000, 250_000
"""Bytes of netlist for one point: from the first on, one point and the setting `as run` must do; from the
second on the study leaves the procedure out."""
PULSE_STEP = 1e-9
"""Decks with a larger time step than this are slow ones: their steps are halved instead of set."""

SETTINGS = {
    "reltol 1e-3 to 1e-4": ("coarse", "reltol"),
    "step 50 ps to 25 ps": ("coarse", "step"),
    "as run": ("as run", "fine"),
}
"""What is compared: two runs, the second being the more exact one. The coarse run has reltol 1e-3 and steps
of at most 50 ps; `fine` a quarter of the reltol and a tenth of the chgtol that the procedure runs with, and
steps of at most 25 ps."""

_STEP = re.compile(r"^(\.tran(?:[ \t]+\S+){3}[ \t]+)(\d\S*)", re.IGNORECASE | re.MULTILINE)
_RELTOL = re.compile(r"\breltol=(\S+)", re.IGNORECASE)
_CHGTOL = re.compile(r"\bchgtol=(\S+)", re.IGNORECASE)


@procedure
class Tolerance(Procedure):
    """Numerical error: differences between two tolerances of the simulator"""

    name = "tolerance"
    columns = {
        "procedure": "-: whose measured column it is",
        "column": "-: measured column; values in its unit",
        "setting": "-: what is changed; `as run` is the error of the tables",
        "points": "-: values compared",
        "rms": "unit of the column: rms difference",
        "worst": "unit of the column: largest difference",
        "scale": "unit of the column: largest magnitude",
    }

    @property
    def measured(self) -> dict[str, str]:
        return {
            "procedure": self.columns["procedure"],
            "rows": "-: positions of the studied points in the procedure's own",
            "run": "-: coarse, reltol, step, as run, or fine",
            "column": self.columns["column"],
            "value": "unit of the column",
        }

    def points(self, ctx: Context) -> pd.DataFrame:
        rows = [
            {"procedure": name, "rows": [int(i) for i in batch.index], "run": run}
            for name in studied(ctx)
            for batch in chosen(name, ctx)
            for run in runs_of(batch.simulation)
        ]
        return pd.DataFrame(rows, columns=["procedure", "rows", "run"])

    def batches(self, ctx: Context, points: pd.DataFrame) -> list[Batch]:
        found, cache = [], {}
        for position, (name, rows, run) in enumerate(points.itertuples(index=False)):
            if name not in cache:
                own = context_of(name, ctx)
                cache[name] = find(name).points(own).reset_index(drop=True)
            simulation = one_batch(name, ctx, cache[name], rows).simulation
            found.append(Batch(at_tolerance(simulation, run), [position], uses=(name,)))
        return found

    def measure(self, ctx: Context, points: pd.DataFrame, waves: Waveforms) -> pd.DataFrame:
        name, rows, _ = points.iloc[0]
        other, own = find(name), context_of(name, ctx)
        some = other.points(own).iloc[rows].reset_index(drop=True)
        measured = other.measure(own, some, waves).drop(columns="point", errors="ignore")
        parts = [pd.DataFrame({"column": name, "value": _numbers(measured[name])}) for name in measured]
        return pd.concat(parts, ignore_index=True).assign(point=0)

    def finish(self, rows: pd.DataFrame) -> pd.DataFrame:
        good = rows[rows["status"] == "ok"]
        found = []
        for (name, column), values in good.groupby(["procedure", "column"], sort=False):
            for setting, runs in SETTINGS.items():
                first, second = (_of_run(values, run) for run in runs)
                both = first.index.intersection(second.index)
                difference = first.loc[both].to_numpy() - second.loc[both].to_numpy()
                difference = difference[np.isfinite(difference)]  # a time that is never reached has no value
                if len(difference) == 0:
                    continue
                found.append(
                    {
                        "procedure": name,
                        "column": column,
                        "setting": setting,
                        "points": len(difference),
                        "rms": float(np.sqrt(np.mean(difference**2))),
                        "worst": float(np.abs(difference).max()),
                        "scale": float(np.abs(second.loc[both]).max()),
                    }
                )
        failed = rows[rows["status"] != "ok"]
        kept = failed.assign(setting=failed["run"])[["procedure", "setting", "point", "status", "message"]]
        table = pd.DataFrame(found, columns=list(self.columns)).assign(status="ok", message="")
        table = pd.concat([table, kept], ignore_index=True) if len(kept) else table
        table["point"] = np.arange(len(table))
        return table[["point", *self.columns, "status", "message"]]


def studied(ctx: Context) -> list[str]:
    """Procedures of the context's plan that the study looks at."""
    names = () if ctx.plan is None else ctx.plan.procedures
    return [name for name in names if name != Tolerance.name]


def context_of(name: str, ctx: Context) -> Context:
    """The context in which the plan runs a procedure."""
    return replace(ctx, samples=None if ctx.plan is None else ctx.plan.sample_count(name))


def chosen(name: str, ctx: Context) -> list[Batch]:
    """Batches of a procedure with few of its points each; `index`: their positions in all of its points."""
    own, other = context_of(name, ctx), find(name)
    points = other.points(own).reset_index(drop=True)
    every = other.batches(own, points)
    largest = max(len(batch.simulation.netlist) / len(batch.index) for batch in every)
    if largest > HUGE:
        return []
    found = []
    for batch in _spread(every, 1 if largest > LARGE else BATCHES):
        rows = _spread(list(batch.index), POINTS)
        found.append(replace(one_batch(name, ctx, points, rows), index=rows))
    return found


def one_batch(name: str, ctx: Context, points: pd.DataFrame, rows: list[int]) -> Batch:
    """The batch of a procedure that answers some of its points, all of one of its batches."""
    some = points.iloc[rows].reset_index(drop=True)
    (batch,) = find(name).batches(context_of(name, ctx), some)
    return batch


def runs_of(simulation: Simulation) -> list[str]:
    """Runs that a deck gets: a large one only those of the setting `as run`, one without steps no step's."""
    if len(simulation.netlist) > LARGE:
        return ["as run", "fine"]
    runs = ["coarse", "reltol", "step", "as run", "fine"]
    return runs if _STEP.search(simulation.netlist) else [run for run in runs if run != "step"]


def at_tolerance(simulation: Simulation, run: str) -> Simulation:
    """The simulation with the tolerances of one of the study's runs."""
    if run == "as run":
        return simulation
    deck = simulation.netlist
    own = float(_RELTOL.findall(deck)[-1]) if _RELTOL.search(deck) else 1e-3
    reltol = {"reltol": 1e-4, "fine": own / 4}.get(run, 1e-3)
    step = 25e-12 if run in ("step", "fine") else 50e-12

    def limited(match: re.Match[str]) -> str:
        largest = float(match[2])
        return match[1] + repr(step if largest <= PULSE_STEP else largest * step / 50e-12)

    options = {"reltol": repr(reltol)}
    if run == "fine" and _CHGTOL.search(deck):
        options["chgtol"] = repr(float(_CHGTOL.findall(deck)[-1]) / 10)
    return replace(simulation, netlist=with_options(_STEP.sub(limited, deck), options))


def _of_run(values: pd.DataFrame, run: str) -> pd.Series:
    """Values of one run by batch and position."""
    own = values[values["run"] == run]
    group = own["rows"].map(str).to_numpy()
    return pd.Series(
        own["value"].to_numpy(dtype=float),
        index=pd.MultiIndex.from_arrays([group, own.groupby(group).cumcount()]),
        dtype=float,
    )


def _spread(items: list, count: int) -> list:
    """At most `count` items, evenly from the first to the last."""
    at = np.unique(np.linspace(0, len(items) - 1, min(count, len(items))).round().astype(int))
    return [items[i] for i in at]


def _numbers(column: pd.Series) -> np.ndarray:
    """The numbers of a column, the elements of lists one after the other; labels and counts give none."""
    if pd.api.types.is_float_dtype(column):
        return column.to_numpy()
    if len(column) and isinstance(column.iloc[0], list | np.ndarray):
        return np.concatenate([np.asarray(value, dtype=float).ravel() for value in column])
    return np.zeros(0)
