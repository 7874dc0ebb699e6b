"""Reader of ngspice's binary raw files (ngspice 39 manual, appendix "Output data file format")."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .errors import SimulationError


@dataclass(frozen=True)
class Waveforms:
    """Vectors of one analysis on the simulator's own, non-uniform points.

    Units are SI: time in s, voltages in V, currents in A (into the positive terminal of a source).
    """

    plot: str
    """Name of the plot as ngspice writes it, such as `Transient Analysis`."""
    axis_name: str
    """Name of the axis: `time`, or the swept quantity (`v-sweep`); empty for an operating point."""
    axis: np.ndarray
    """Swept values in the order simulated, shape (n,)."""
    signals: dict[str, np.ndarray] = field(repr=False)
    """Vectors by lower-case name (`v(bl)`, `i(vdd)`), each of shape (n,)."""

    def __getitem__(self, name: str) -> np.ndarray:
        """The vector of a name, upper or lower case.

        Raises:
            SimulationError: the vector was not saved; the message lists the saved ones.
        """
        try:
            return self.signals[name.lower()]
        except KeyError:
            known = ", ".join(sorted(self.signals)[:20])
            raise SimulationError(f"no vector {name!r} was saved; add it to .save (saved: {known})") from None

    def at(self, name: str, where: float | Sequence[float] | np.ndarray) -> np.ndarray:
        """Values of a vector at given positions, interpolated linearly between the simulator's points.

        Args:
            name: vector, such as `v(bl)`.
            where: position or positions on the axis, in the unit of the axis.

        Returns:
            Values in the unit of the vector, in the shape of `where`.
        """
        return np.interp(where, self.axis, self[name])

    def integrate(self, name: str, start: float | None = None, stop: float | None = None) -> float:
        """Integral of a vector over the axis, by the trapezoidal rule on the simulator's own points.

        Resampling before the integration would lose the charge under the fast edges, where the points are
        dense.

        Args:
            name: vector, such as `i(vdd)`.
            start: lower limit, in the unit of the axis; the first point by default.
            stop: upper limit; the last point by default.

        Returns:
            Integral in the unit of the vector times that of the axis, such as C for a current over time.
        """
        start = float(self.axis[0]) if start is None else start
        stop = float(self.axis[-1]) if stop is None else stop
        inner = (self.axis > start) & (self.axis < stop)
        x = np.concatenate(([start], self.axis[inner], [stop]))
        y = np.concatenate((self.at(name, [start]), self[name][inner], self.at(name, [stop])))
        return float(np.trapezoid(y, x))


def read_raw(path: Path) -> tuple[Waveforms, ...]:
    """Read all plots of a binary raw file.

    The header of an aborted analysis has `No. Points: 0` although points follow; they are read as well.

    Args:
        path: raw file.

    Returns:
        The plots in the order written.

    Raises:
        SimulationError: the file is not a binary ngspice raw file.
    """
    return tuple(_plots(path.read_bytes(), path.name))


def select_plot(plots: Sequence[Waveforms], name: str | None = None) -> Waveforms | None:
    """Choose one of the plots of a run.

    Args:
        plots: plots in the order written.
        name: part of the plot's name, upper or lower case; None for the last sweep, or for the operating
            point if there is no sweep.

    Returns:
        The plot; None if no plot fits.
    """
    if name is not None:
        return next((plot for plot in plots if name.lower() in plot.plot.lower()), None)
    sweeps = [plot for plot in plots if plot.axis_name]
    return (sweeps or list(plots) or [None])[-1]


def _plots(data: bytes, source: str) -> Iterator[Waveforms]:
    position = 0
    while position < len(data):
        mark = data.find(b"Binary:\n", position)
        header = _header(data[position:mark].decode(errors="replace")) if mark >= 0 else None
        if header is None:
            raise SimulationError(f"{source} is not a binary ngspice raw file; simulate the netlist again")
        plot, is_complex, announced, names = header
        start = mark + len(b"Binary:\n")
        dtype = np.dtype(np.complex128 if is_complex else np.float64)
        row = dtype.itemsize * len(names)
        following = data.find(b"\nTitle: ", start) if announced == 0 else -1
        limit = len(data) if following < 0 else following + 1
        points = announced or (limit - start) // row
        points = min(points, (len(data) - start) // row)
        values = np.frombuffer(data, dtype, points * len(names), start).reshape(points, len(names))
        yield _waveforms(plot, names, values)
        position = start + points * row if following < 0 and announced else limit


def _header(text: str) -> tuple[str, bool, int, list[str]] | None:
    """Plot, whether its numbers are complex, number of points and names; None for a damaged header."""
    fields, _, table = text.partition("Variables:\n")
    header = {}
    for line in fields.splitlines():
        key, _, value = line.partition(":")
        header[key.strip().lower()] = value.strip()
    rows = [line.split() for line in table.splitlines() if line.strip()]
    counts = [header.get(f"no. {name}", "") for name in ("points", "variables")]
    if not all(count.isascii() and count.isdigit() for count in counts):
        return None
    points, variables = map(int, counts)
    numbered = [row[0] for row in rows if len(row) > 1] == [str(i) for i in range(len(rows))]
    names = [row[1].lower() for row in rows if len(row) > 1]
    if not numbered or variables != len(names) or not names:
        return None
    kind = (header.get("flags", "").split() or [""])[0]
    if kind not in ("real", "complex") or "plotname" not in header:
        return None
    return header["plotname"], kind == "complex", points, names


def _waveforms(plot: str, names: list[str], values: np.ndarray) -> Waveforms:
    columns = {name: np.ascontiguousarray(values[:, i]) for i, name in enumerate(names)}
    if plot == "Operating Point":
        return Waveforms(plot, "", np.zeros(len(values)), columns)
    axis_name = names[0]
    axis = columns.pop(axis_name)
    if axis_name.startswith("v(") and axis_name.endswith("-sweep)"):
        axis_name = axis_name[2:-1]
    return Waveforms(plot, axis_name, axis.real if np.iscomplexobj(axis) else axis, columns)
