"""Figures of storage: retention, the write path, and disturbance by operations on other words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ....characterization.table import read_manifest, read_table
from .axes import PlotAxis
from .style import CYCLE, MUTED, ordered
from .values import Bars, Figure, Layer, Panel, Series, finite_ends

DEVICES = {"cmos": "transmission gate", "oxide": "oxide transistor"}
"""Write device -> its name in legends."""
STORED, TARGET = PlotAxis("stored", "V"), PlotAxis("target", "V")


def retention(folder: Path) -> Figure:
    """Levels against age, and the time to half a step against temperature and bit-line rest voltage.

    Args:
        folder: folder of tables.

    Returns:
        Two panels per write device, the levels above.

    Raises:
        TableError: the table `cell_retention` is missing.
    """
    from ....models import fit_retention
    from ....models.fitting.retention import retention_times

    condition = read_manifest(folder)["condition"]
    vdd, celsius, levels = condition["vdd"], condition["temperature"], _levels(condition)
    rows = _succeeded(folder, "cell_retention")
    devices = _devices(rows)
    hold = pd.DataFrame([h.model_dump() for h in retention_times(rows, levels, vdd)])
    worst = hold.groupby(["write_device", "temperature", "v_rest"])[["seconds", "simulated"]].min()
    seconds = worst["seconds"].fillna(worst["simulated"])
    limits = (float(seconds.min()) / 2, float(seconds.max()) * 2)
    upper, lower = [], []
    for device in devices:
        here = (rows["write_device"] == device) & np.isclose(rows["v_rest"], vdd / 2)
        paths = rows[here & np.isclose(rows["temperature"], celsius)]
        surrogate = fit_retention(paths["v_store"], paths["age"], paths["v_aged"])
        ages = surrogate.ages[surrogate.ages > 0]
        layers = tuple(
            Series(ages, surrogate(np.full(len(ages), level), ages).numpy(), "", colour)
            for level, colour in zip(np.linspace(0, vdd, levels), ordered(levels), strict=True)
        )
        title = f"{DEVICES[device]}, {celsius:g} °C"
        upper.append(Panel(PlotAxis("age", "s", log=True), STORED, layers, title))
        lower.append(_hold(hold[hold["write_device"] == device], limits))
    return Figure(
        "retention",
        "Retention by write device",
        (*upper, *lower),
        columns=len(devices),
        caption="Above: every level, the bit line at half the supply. Below: time until the worst level has "
        "moved by half a step; a triangle: no level moves that far in the simulated time.",
    )


def _hold(hold: pd.DataFrame, limits: tuple[float, float]) -> Panel:
    """Worst level's time to half a step, by rest voltage; a triangle if no level moves that far."""
    layers = []
    for (v_rest, rows), colour in zip(hold.groupby("v_rest"), CYCLE, strict=False):
        worst = rows.groupby("temperature")["seconds"].min()
        celsius, seconds = worst.index.to_numpy(float), worst.to_numpy(float)
        layers.append(Series(celsius, seconds, f"{v_rest:.2f} V", colour, "line+points"))
        never = celsius[np.isnan(seconds)]
        if len(never):
            longest = np.full(len(never), float(rows["simulated"].max()))
            layers.append(Series(never, longest, "", colour, "points", shape="triangle", size=5.0))
    return Panel(
        PlotAxis("temperature", "°C"),
        PlotAxis("time to half a step", "s", log=True, limits=limits),
        tuple(layers),
        legend="lower left",
        legend_title="bit line rests at",
    )


def write_path(folder: Path) -> Figure:
    """Writes through drivers and wires: error, settling, length of the pulse, energy.

    Args:
        folder: folder of tables.

    Returns:
        Four panels.

    Raises:
        TableError: a table is missing.
    """
    condition = read_manifest(folder)["condition"]
    path, ideal = (_written(folder, name, condition) for name in ("write_path", "cell_write"))
    designed = condition["designs"]["cell"]["t_write"]
    full = path[np.isclose(path["t_write"], designed, atol=0)]
    error, settling, length = [], [], []
    for device, colour in zip(_devices(path), CYCLE, strict=False):
        rows, name = full[full["write_device"] == device], DEVICES[device]
        source = ideal[ideal["write_device"] == device]
        for table, mark, label in ((rows, "points", name), (source, "line", f"{name}, ideal sources")):
            mean = table["error"].groupby(table["v_target"]).mean()
            error.append(_series(mean, label, colour, mark))
        slowest = rows.groupby("v_target")[["t_line", "t_64th"]].max()
        settling.append(_series(slowest["t_64th"], f"{name}, cell", colour, "line+points"))
        settling.append(_series(slowest["t_line"], f"{name}, bit line", colour, "line", dashed=True))
        own = path[path["write_device"] == device]
        worst = own["error"].abs().groupby(own["t_write"]).max()
        length.append(_series(worst, name, colour, "line+points"))
    pulses = sorted(path["t_write"].unique())
    ticks = tuple((pulse, f"{pulse * 1e9:g} ns") for pulse in pulses)
    pulse_axis = PlotAxis("write pulse", "s", log=True, ticks=ticks)
    return Figure(
        "write_path",
        "Writes through drivers and wires",
        (
            Panel(
                TARGET,
                PlotAxis("stored − written level", "V", limits=_room(error, 0.08, 1.1)),
                tuple(error),
                "Error, mean of contents before",
                legend="upper left",
            ),
            Panel(
                TARGET,
                PlotAxis("after the command", "s", limits=_room(settling, 0.08, 0.7)),
                tuple(settling),
                "Settling to 1/64 step",
                legend="upper left",
            ),
            Panel(
                pulse_axis,
                PlotAxis("error", "V", log=True),
                tuple(length),
                "Worst error",
                legend="upper right",
            ),
            _energy(full),
        ),
        columns=2,
    )


def _written(folder: Path, procedure: str, condition: dict) -> pd.DataFrame:
    """A table of writes with `error`: stored less the level that the trimmed references drive, V."""
    from ....circuits.designs import WriteReferences

    references = WriteReferences(**condition["designs"].get("references", {}))
    rows = _succeeded(folder, procedure)
    levels = [references.level(target, condition["vdd"]) for target in rows["v_target"]]
    return rows.assign(error=rows["v_written"] - levels)


def _series(values: pd.Series, label: str, colour: str, mark, *, dashed: bool = False) -> Series:
    return Series(values.index.to_numpy(float), values.to_numpy(float), label, colour, mark, dashed)


def _energy(rows: pd.DataFrame) -> Panel:
    """Mean energy of a cell's write by consumer, stacked, one bar per write device."""
    parts = {"e_reference": "DAC references", "e_switch": "level switches", "e_word_line": "word lines"}
    devices = _devices(rows)
    mean = rows.groupby("write_device")[list(parts)].mean().loc[devices]
    base, places, layers = np.zeros(len(devices)), np.arange(float(len(devices))), []
    for (part, label), colour in zip(parts.items(), CYCLE, strict=False):
        lengths = mean[part].to_numpy()
        layers.append(Bars(places, lengths, base, label, colour, thickness=0.5))
        base = base + lengths
    names = tuple((i, DEVICES[device]) for i, device in enumerate(devices))
    return Panel(
        PlotAxis("", ticks=names, limits=(-0.5, len(devices) - 0.5), grid=False),
        PlotAxis("energy", "J", limits=(0.0, 1.7 * float(base.max()))),
        tuple(layers),
        "Energy of one cell's write",
        legend="upper right",
    )


def disturb(folder: Path) -> Figure:
    """Drift of a word by writes of another one, a thousand writes against one, and a thousand reads.

    Args:
        folder: folder of tables.

    Returns:
        Three panels.

    Raises:
        TableError: the table `disturb` is missing.
    """
    rows = _succeeded(folder, "disturb")
    celsius = read_manifest(folder)["condition"]["temperature"]
    rows = rows[np.isclose(rows["temperature"], celsius)]
    many = int(rows["operations"].max())
    few, long = rows[rows["operations"] < many], rows[rows["operations"] == many]
    place = ["write_device", "activity", "v_data", "word", "v_store"]
    proved = long[long["activity"] == "write"].merge(few, on=place, suffixes=("", "_one"))
    both = long[(long["activity"] == "both") & (long["word"] == "read")]
    predicted, simulated = many * proved["drift_one"], proved["shift"]
    ends = np.array([min(predicted.min(), simulated.min()), max(predicted.max(), simulated.max())])
    thousand: list[Layer] = [Series(ends, ends, "", MUTED, width=0.8)]
    reads = []
    for device, colour in zip(_devices(rows), CYCLE, strict=False):
        own = proved["write_device"] == device
        x, y = predicted[own].to_numpy(), simulated[own].to_numpy()
        thousand.append(Series(x, y, device, colour, "points", size=5.0))
        part = both[both["write_device"] == device]
        levels = part["v_store"].to_numpy()
        first, last = part["shift_first"].to_numpy(), part["shift"].to_numpy()
        reads.append(Series(levels, first, f"{device}, first read", colour, "hollow", size=6.0))
        reads.append(Series(levels, last, f"{device}, last read", colour, "points", shape="cross", size=5.0))
    waiting = few[few["activity"].isin(["idle", "write"]) & (few["word"] == "idle")]
    lines = _drift(waiting)
    drift = PlotAxis("drift per write", "V", limits=_room(lines, 0.08, 0.3))
    return Figure(
        "disturb",
        f"Disturbance of a stored level, {celsius:g} °C",
        (
            Panel(STORED, drift, lines, "Drift per write", height=1.2, legend="upper right"),
            Panel(
                PlotAxis(f"{many} × drift of one write", "V"),
                PlotAxis("simulated shift", "V"),
                tuple(thousand),
                f"{many} writes",
                legend="upper left",
            ),
            Panel(STORED, PlotAxis("shift", "V"), tuple(reads), f"{many} reads", legend="lower left"),
        ),
        columns=3,
    )


def _drift(rows: pd.DataFrame) -> tuple[Series, ...]:
    """Drift per operation of a waiting word against its level, at rest and by the level written elsewhere."""
    layers = []
    for i, device in enumerate(_devices(rows)):
        groups = rows[rows["write_device"] == device].groupby(["activity", "v_data"])
        for ((activity, v_data), part), colour in zip(groups, CYCLE, strict=False):
            what = "at rest" if activity == "idle" else f"writing {v_data:g} V"
            x, y = part["v_store"].to_numpy(), part["drift"].to_numpy()
            shape = "square" if i else "circle"
            label = f"{device}, {what}"
            layers.append(Series(x, y, label, colour, "line+points", dashed=i > 0, shape=shape))
    return tuple(layers)


def _room(series: Sequence[Series], below: float, above: float) -> tuple[float, float] | None:
    """Limits of an axis with room for a legend, in parts of what is drawn; None if all values are equal."""
    low, high = finite_ends(layer.y for layer in series)
    return (low - below * (high - low), high + above * (high - low)) if high > low else None


def _levels(condition: dict) -> int:
    return condition["designs"].get("levels", {}).get("key", 8)


def _devices(rows: pd.DataFrame) -> list[str]:
    return sorted(rows["write_device"].unique())


def _succeeded(folder: Path, procedure: str) -> pd.DataFrame:
    rows = read_table(folder, procedure)
    return rows[rows["status"] == "ok"]
