"""Numerical error of the other procedures: changes of their columns with the simulator's tolerances."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd

from ...circuits.rawfile import Waveforms
from ...circuits.runner import Simulation, with_options
from ..procedure import Batch, Context, Procedure, find, procedure

BATCHES, POINTS = 2, 4
"""Largest numbers of studied batches of a procedure and of points per batch."""

LARGE, HUGE = 60_000, 250_000
"""Sizes of the netlist per point, B. Above the first only one batch and the setting `as run` are studied;
above the second the procedure is not studied."""

PULSE_STEP = 1e-9
"""Largest time step of a pulse-level deck, s. Larger steps are scaled instead of set to a fixed value."""

SETTINGS = {
    "reltol 1e-3 to 1e-4": ("coarse", "reltol"),
    "step 50 ps to 25 ps": ("coarse", "step"),
    "as run": ("as run", "fine"),
}
"""The two runs that are compared, the less exact one first, by name of the setting. The run `coarse` has
reltol 1e-3 and steps of at most 50 ps. The run `fine` has a quarter of the procedure's reltol, a tenth of its
chgtol and steps of at most 25 ps."""

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

    undefined = frozenset({"value"})
    """A value that its own procedure leaves undefined, such as a time that is never reached."""

    @property
    def measured(self) -> dict[str, str]:
        """Columns before `finish`: one value of a studied column in one run per row."""
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
                difference = difference[np.isfinite(difference)]  # NaN: a time that is never reached
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
    """Names of the procedures of the plan that are studied."""
    names = () if ctx.plan is None else ctx.plan.procedures
    return [name for name in names if name != Tolerance.name]


def context_of(name: str, ctx: Context) -> Context:
    """Context in which the plan runs a procedure."""
    return replace(ctx, samples=None if ctx.plan is None else ctx.plan.sample_count(name))


def chosen(name: str, ctx: Context) -> list[Batch]:
    """Batches of a procedure with a few of its points each.

    Args:
        name: name of the procedure.
        ctx: context of the study.

    Returns:
        Batches whose `index` has the positions of their points among all points of the procedure; none if its
        netlists are too large.
    """
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
    """Batch of a procedure for some of its points.

    Args:
        name: name of the procedure.
        ctx: context of the study.
        points: all points of the procedure.
        rows: positions of the points, all from one batch.
    """
    some = points.iloc[rows].reset_index(drop=True)
    (batch,) = find(name).batches(context_of(name, ctx), some)
    return batch


def runs_of(simulation: Simulation) -> list[str]:
    """Names of the runs of a deck.

    A large deck has only the runs `as run` and `fine`; one without a largest time step has no run `step`.
    """
    if len(simulation.netlist) > LARGE:
        return ["as run", "fine"]
    runs = ["coarse", "reltol", "step", "as run", "fine"]
    return runs if _STEP.search(simulation.netlist) else [run for run in runs if run != "step"]


def at_tolerance(simulation: Simulation, run: str) -> Simulation:
    """The simulation with the tolerances of a run.

    Args:
        simulation: simulation as the procedure runs it.
        run: name of a run in `SETTINGS`.
    """
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
    """At most `count` items, evenly spaced from the first to the last."""
    at = np.unique(np.linspace(0, len(items) - 1, min(count, len(items))).round().astype(int))
    return [items[i] for i in at]


def _numbers(column: pd.Series) -> np.ndarray:
    """Numbers of a column, with lists concatenated; none for labels and counts."""
    if pd.api.types.is_float_dtype(column):
        return column.to_numpy()
    if len(column) and isinstance(column.iloc[0], list | np.ndarray):
        return np.concatenate([np.asarray(value, dtype=float).ravel() for value in column])
    return np.zeros(0)
