"""Storage: retention, the write path, and disturbance by neighbours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from ....characterization.table import read_manifest, read_table
from .drawing import Axes, Canvas
from .static import WIDTH
from .style import CYCLE, MUTED, ordered

DEVICES = {"cmos": "transmission gate", "oxide": "oxide transistor"}


def retention(folder: Path) -> Canvas:
    """Levels against age, and the time to half a step against temperature and bit-line rest voltage."""
    from ....models import fit_retention
    from ....models.fitting.retention import retention_times

    condition = read_manifest(folder)["condition"]
    vdd, celsius, levels = condition["vdd"], condition["temperature"], _levels(condition)
    rows = _succeeded(folder, "cell_retention")
    devices = _devices(rows)
    hold = pd.DataFrame([h.model_dump() for h in retention_times(rows, levels, vdd)])
    canvas = Canvas(figsize=(WIDTH, 5.2), layout="constrained")
    axes = canvas.subplots(2, len(devices), squeeze=False)
    for column, device in zip(axes.T, devices, strict=True):
        here = (rows["write_device"] == device) & np.isclose(rows["v_rest"], vdd / 2)
        paths = rows[here & np.isclose(rows["temperature"], celsius)]
        surrogate = fit_retention(paths["v_store"], paths["age"], paths["v_aged"])
        ages = surrogate.ages[surrogate.ages > 0]
        for level, colour in zip(np.linspace(0, vdd, levels), ordered(levels), strict=True):
            column[0].semilogx(ages, surrogate(np.full(len(ages), level), ages), color=colour)
        column[0].set(title=f"{DEVICES[device]}, {celsius:g} °C", xlabel="age, s", ylabel="stored, V")
        _draw_hold(column[1], hold[hold["write_device"] == device])
    return canvas


def _draw_hold(axes: Axes, hold: pd.DataFrame) -> None:
    """Worst level's time to half a step, by rest voltage; an arrow's foot where no level moves that far."""
    for (v_rest, rows), colour in zip(hold.groupby("v_rest"), CYCLE, strict=False):
        worst = rows.groupby("temperature")["seconds"].min()
        axes.semilogy(worst.index, worst, "o-", color=colour, label=f"{v_rest:.2f} V", markersize=4)
        never = worst.index[worst.isna()]
        axes.plot(never, np.full(len(never), rows["simulated"].max()), "^", color=colour, markersize=5)
    axes.set(xlabel="temperature, °C", ylabel="worst level to half a step, s")
    axes.legend(title="bit line rests at")


def write_path(folder: Path) -> Canvas:
    """Writes through drivers and wires: error, settling, length of the pulse, energy."""
    condition = read_manifest(folder)["condition"]
    path, ideal = _succeeded(folder, "write_path"), _succeeded(folder, "cell_write")
    designed = condition["designs"]["cell"]["t_write"]
    full = path[np.isclose(path["t_write"], designed, atol=0)]
    canvas = Canvas(figsize=(WIDTH, 5.4), layout="constrained")
    (error, settling), (length, energy) = canvas.subplots(2, 2)
    for device, colour in zip(_devices(path), CYCLE, strict=False):
        rows, name = full[full["write_device"] == device], DEVICES[device]
        source = ideal[ideal["write_device"] == device]
        for table, style, label in ((rows, "o", name), (source, "-", "ideal sources")):
            mean = (table["v_written"] - table["v_target"]).groupby(table["v_target"]).mean()
            error.plot(mean.index, mean * 1e3, style, color=colour, label=label, markersize=4)
        slowest = rows.groupby("v_target")[["t_line", "t_64th"]].max() * 1e9
        settling.plot(slowest.index, slowest["t_64th"], "o-", color=colour, label=f"{name}, cell")
        settling.plot(slowest.index, slowest["t_line"], "--", color=colour, label="its bit line")
        own = path[path["write_device"] == device]
        worst = (own["v_written"] - own["v_target"]).abs().groupby(own["t_write"]).max()
        length.loglog(worst.index * 1e9, worst * 1e3, "o-", color=colour, label=name)
    error.set(title="Error, mean of contents before", xlabel="target, V", ylabel="stored − target, mV")
    error.set_ylim(top=2 * error.get_ylim()[1])
    settling.set(title="Settling to 1/64 step", xlabel="target, V", ylabel="after the command, ns")
    pulses = sorted(path["t_write"].unique() * 1e9)
    length.set(title="Worst error", xlabel="write pulse, ns", ylabel="mV")
    length.set_xticks(pulses, [f"{pulse:g}" for pulse in pulses])
    length.xaxis.set_tick_params(which="minor", bottom=False, labelbottom=False)
    _draw_energy(energy, full)
    for axes in (error, settling, length):
        axes.legend()
    return canvas


def _draw_energy(axes: Axes, rows: pd.DataFrame) -> None:
    """Mean energy of a cell's write by where it goes."""
    parts = {"e_reference": "DAC references", "e_switch": "level switches", "e_word_line": "word lines"}
    devices = _devices(rows)
    mean = rows.groupby("write_device")[list(parts)].mean().loc[devices] * 1e15
    bottom = np.zeros(len(devices))
    for part, colour in zip(parts, CYCLE, strict=False):
        names = [DEVICES[device] for device in devices]
        axes.bar(names, mean[part], 0.5, bottom=bottom, color=colour, label=parts[part])
        bottom += mean[part].to_numpy()
    axes.set(title="Energy of one cell's write", ylabel="fJ", ylim=(0, 1.5 * bottom.max()))
    axes.legend(ncols=1)


def disturb(folder: Path) -> Canvas:
    """Drift by writes of another word, a thousand of them against one, and what a thousand reads do."""
    rows = _succeeded(folder, "disturb")
    celsius = read_manifest(folder)["condition"]["temperature"]
    rows = rows[np.isclose(rows["temperature"], celsius)]
    many = rows["operations"].max()
    few, long = rows[rows["operations"] < many], rows[rows["operations"] == many]
    canvas = Canvas(figsize=(WIDTH, 2.9), layout="constrained")
    one, thousand, reads = canvas.subplots(1, 3)
    _draw_drift(one, few[few["activity"].isin(["idle", "write"]) & (few["word"] == "idle")])
    place = ["write_device", "activity", "v_data", "word", "v_store"]
    proved = long[long["activity"] == "write"].merge(few, on=place, suffixes=("", "_one"))
    both = long[(long["activity"] == "both") & (long["word"] == "read")]
    for device, colour in zip(_devices(rows), CYCLE, strict=False):
        part = proved[proved["write_device"] == device]
        predicted, simulated = many * part["drift_one"] * 1e6, part["shift"] * 1e6
        thousand.plot(predicted, simulated, "o", color=colour, label=device, markersize=5)
        part = both[both["write_device"] == device]
        reads.plot(part["v_store"], part["shift_first"] * 1e3, "o", color=colour, label=f"{device}, first")
        reads.plot(part["v_store"], part["shift"] * 1e3, "x", color=colour, label=f"{device}, last")
    span = [*thousand.get_xlim()]
    thousand.plot(span, span, color=MUTED, linewidth=0.8, zorder=0)
    thousand.set(title=f"{many} writes", xlabel=f"{many} × drift of one, µV", ylabel="simulated shift, µV")
    reads.set(title=f"{many} reads", xlabel="stored, V", ylabel="shift, mV")
    thousand.legend()
    reads.legend()
    return canvas


def _draw_drift(axes: Axes, rows: pd.DataFrame) -> None:
    """Drift per operation of a waiting word against its level, at rest and by what another is written to."""
    for device, style in zip(_devices(rows), ("o-", "s--"), strict=False):
        own = rows[rows["write_device"] == device]
        groups = own.groupby(["activity", "v_data"])
        for ((activity, v_data), part), colour in zip(groups, CYCLE, strict=False):
            label = "at rest" if activity == "idle" else f"writing {v_data:g} V"
            label = label if style == "o-" else f"_{label}"
            drift = part["drift"] * 1e9
            axes.plot(part["v_store"], drift, style, color=colour, markersize=3.5, label=label)
    axes.set(title="Drift per write", xlabel="stored, V", ylabel="nV; dashed: oxide")
    axes.legend()


def _levels(condition: dict) -> int:
    return condition["designs"].get("levels", {}).get("key", 8)


def _devices(rows: pd.DataFrame) -> list[str]:
    return sorted(rows["write_device"].unique())


def _succeeded(folder: Path, procedure: str) -> pd.DataFrame:
    rows = read_table(folder, procedure)
    return rows[rows["status"] == "ok"]
