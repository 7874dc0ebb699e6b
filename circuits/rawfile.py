"""Reader of ngspice's binary raw files (ngspice 39 manual, appendix "Output data file format")."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .errors import SimulationError


@dataclass(frozen=True)
class Waveforms:
    """The vectors of one analysis on the simulator's own, non-uniform points.

    Units are SI: time in s, voltages in V, currents in A (into the positive terminal of a source).
    """

    plot: str
    """Plot name as ngspice writes it, such as `Transient Analysis`."""
    axis_name: str
    """`time`, or the swept quantity (`v-sweep`); empty for an operating point."""
    axis: np.ndarray
    """(n,) swept values in the order simulated."""
    signals: dict[str, np.ndarray] = field(repr=False)
    """Lower-case vector name (`v(bl)`, `i(vdd)`) -> (n,)."""

    def __getitem__(self, name: str) -> np.ndarray:
        """The vector `name`, in any case; SimulationError naming the saved ones when it is not there."""
        try:
            return self.signals[name.lower()]
        except KeyError:
            known = ", ".join(sorted(self.signals)[:20])
            raise SimulationError(f"no vector {name!r} was saved; add it to .save (saved: {known})") from None

    def at(self, name: str, where: float | Sequence[float] | np.ndarray) -> np.ndarray:
        """Value of `name` at axis position(s) `where`, linearly interpolated between native points."""
        return np.interp(where, self.axis, self[name])

    def integrate(self, name: str, start: float | None = None, stop: float | None = None) -> float:
        """Integral of `name` over the axis from `start` to `stop` (unit of the vector times s).

        Trapezoid on the native points, with both ends interpolated: resampling first would lose the charge
        under the fast edges, where the points crowd.
        """
        start = float(self.axis[0]) if start is None else start
        stop = float(self.axis[-1]) if stop is None else stop
        inner = (self.axis > start) & (self.axis < stop)
        x = np.concatenate(([start], self.axis[inner], [stop]))
        y = np.concatenate((self.at(name, [start]), self[name][inner], self.at(name, [stop])))
        return float(np.trapezoid(y, x))


def read_raw(path: Path) -> tuple[Waveforms, ...]:
    """All plots of a binary raw file, in the order written.

    An aborted analysis leaves `No. Points: 0` in its header although points follow: they are read too.

    Raises:
        SimulationError: the file is no binary ngspice raw file.
    """
    return tuple(_plots(path.read_bytes(), path.name))


def select_plot(plots: Sequence[Waveforms], name: str | None = None) -> Waveforms | None:
    """The plot whose name contains `name`; by default the last sweep, else the operating point."""
    if name is not None:
        return next((plot for plot in plots if name.lower() in plot.plot.lower()), None)
    sweeps = [plot for plot in plots if plot.axis_name]
    return (sweeps or list(plots) or [None])[-1]


def _plots(data: bytes, source: str) -> Iterator[Waveforms]:
    position = 0
    while position < len(data):
        mark = data.find(b"Binary:\n", position)
        if mark < 0:
            raise SimulationError(f"{source} is not a binary ngspice raw file; simulate the netlist again")
        header, names = _header(data[position:mark].decode(errors="replace"))
        start = mark + len(b"Binary:\n")
        dtype = np.dtype(np.complex128 if "complex" in header["flags"] else np.float64)
        row = dtype.itemsize * len(names)
        following = data.find(b"\nTitle: ", start) if int(header["no. points"]) == 0 else -1
        limit = len(data) if following < 0 else following + 1
        points = int(header["no. points"]) or (limit - start) // row
        points = min(points, (len(data) - start) // row)
        values = np.frombuffer(data, dtype, points * len(names), start).reshape(points, len(names))
        yield _waveforms(header["plotname"], names, values)
        position = start + points * row if following < 0 and int(header["no. points"]) else limit


def _header(text: str) -> tuple[dict[str, str], list[str]]:
    fields, _, table = text.partition("Variables:\n")
    header = {}
    for line in fields.splitlines():
        key, _, value = line.partition(":")
        header[key.strip().lower()] = value.strip()
    return header, [line.split()[1].lower() for line in table.splitlines() if line.strip()]


def _waveforms(plot: str, names: list[str], values: np.ndarray) -> Waveforms:
    columns = {name: np.ascontiguousarray(values[:, i]) for i, name in enumerate(names)}
    if plot == "Operating Point":
        return Waveforms(plot, "", np.zeros(len(values)), columns)
    axis_name = names[0]
    axis = columns.pop(axis_name)
    if axis_name.startswith("v(") and axis_name.endswith("-sweep)"):
        axis_name = axis_name[2:-1]
    return Waveforms(plot, axis_name, axis.real if np.iscomplexobj(axis) else axis, columns)
