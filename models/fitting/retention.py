"""Report on storage: retention times, disturbance by neighbours, cost of a refresh."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from ..values import Value
from .arrays import fit_retention
from .write_port import write_energy


class RetentionTime(Value):
    """Time until one level has moved by half the spacing of the levels."""

    write_device: str
    """Write device."""
    temperature: float
    """Temperature, Celsius."""
    v_rest: float
    """Rest voltage of the write bit line, V."""
    level: float
    """Stored voltage at age 0, V."""
    seconds: float | None
    """Retention time, s; None if longer than `simulated`."""
    simulated: float
    """Age at which the simulation ended, s."""


class Disturbance(Value):
    """Drift that operations on other words add to an idle cell, beyond its leakage at rest."""

    write_device: str
    """Write device."""
    temperature: float
    """Temperature, Celsius."""
    t_operation: float
    """Length of a simulated operation, s."""
    write: float
    """Largest drift per write of another word, over levels and data, V."""
    write_1000: float | None
    """Largest change over 1,000 simulated writes, V; None if they were not simulated."""
    write_mismatch: float | None
    """Largest difference between those 1,000 writes and 1,000 times the drift of one, V."""
    read_first: float | None
    """Largest change by the first read of the word itself, V: charge moves to the read stage and stays."""
    read_1000: float | None
    """Largest further change by 999 more reads, each after a write of another word, V."""
    idle_1000: float | None
    """Largest change, over the same 1,000 operations, of a word that only shares their bit lines, V."""


class Refresh(Value):
    """Refresh of a sub-array so that its worst level never moves by more than half a step.

    A read of a gain cell is analog and cannot restore the cell. A refresh therefore writes all words again
    from a digital copy, whose memory and energy are not included.
    """

    write_device: str
    """Write device."""
    temperature: float
    """Temperature, Celsius."""
    period: float | None
    """Longest time between refreshes with the write bit line at rest, s; None if longer than simulated."""
    period_busy: float | None
    """Longest time between refreshes while another word is written in every operation, back to back, s; None
    without the table `disturb`."""
    energy: float
    """Energy to write all cells of one sub-array once, J."""
    power: float | None
    """Power per sub-array at the shorter of the two periods, W; None if both are None."""


class StorageReport(Value):
    """Retention, disturbance and refresh of a fitted hardware's technology."""

    retention: tuple[RetentionTime, ...]
    """Retention time of every level, for every write device, temperature and rest voltage."""
    disturbance: tuple[Disturbance, ...] = ()
    """Disturbance for every write device and temperature; empty without the table `disturb`."""
    refresh: tuple[Refresh, ...]
    """Refresh for every write device and temperature."""


def storage_report(
    good: Mapping[str, pd.DataFrame], condition: Mapping[str, Any], levels: int
) -> StorageReport:
    """The report on storage.

    Args:
        good: procedure -> table without failed rows: cell_retention, cell_write, and optionally write_path
            and disturb.
        condition: the manifest's `condition`.
        levels: number of stored levels, equally spaced between the rails.
    """
    times = retention_times(good["cell_retention"], levels, condition["vdd"])
    disturbance = disturbances(good["disturb"]) if "disturb" in good else ()
    step = condition["vdd"] / (levels - 1)
    refresh = tuple(_refreshes(good, condition, times, disturbance, step / 2))
    return StorageReport(retention=times, disturbance=disturbance, refresh=refresh)


def retention_times(retention: pd.DataFrame, levels: int, vdd: float) -> tuple[RetentionTime, ...]:
    """Retention time of every level, for every write device, temperature and rest voltage in the table.

    Args:
        retention: table cell_retention.
        levels: number of levels, equally spaced from 0 to `vdd`.
        vdd: supply, V.
    """
    found = []
    for (device, celsius, v_rest), rows in retention.groupby(["write_device", "temperature", "v_rest"]):
        surrogate = fit_retention(rows["v_store"], rows["age"], rows["v_aged"])
        end = float(surrogate.ages[-1])
        volts = np.linspace(0.0, vdd, levels)
        for level, seconds in zip(volts, surrogate.retention_time(levels, 0.0, vdd), strict=True):
            found.append(
                RetentionTime(
                    write_device=device,
                    temperature=celsius,
                    v_rest=v_rest,
                    level=level,
                    seconds=float(seconds) if np.isfinite(seconds) else None,
                    simulated=end,
                )
            )
    return tuple(found)


def disturbances(disturb: pd.DataFrame) -> tuple[Disturbance, ...]:
    """Worst figures for every write device and temperature.

    Args:
        disturb: table disturb.
    """
    found = []
    place = ["word", "v_store"]
    many = disturb["operations"].max()
    for (device, celsius), rows in disturb.groupby(["write_device", "temperature"]):
        few = rows[rows["operations"] < many]
        long = rows[rows["operations"] == many]
        idle = few[few["activity"] == "idle"].set_index(place)["drift"]
        writes = few[few["activity"] == "write"]
        added = writes["drift"].to_numpy() - idle.loc[list(zip(*writes[place].T.values, strict=True))]
        reads = few[(few["activity"] == "read") & (few["word"] == "read")]
        repeated = long[long["activity"] == "write"].merge(
            writes, on=["v_data", *place], suffixes=("", "_one")
        )
        both = long[long["activity"] == "both"]
        read, idle_word = (both[both["word"] == word] for word in ("read", "idle"))
        found.append(
            Disturbance(
                write_device=device,
                temperature=celsius,
                t_operation=float(rows["t_operation"].iloc[0]),
                write=float(np.abs(added).max()),
                write_1000=_worst(repeated["shift"]),
                write_mismatch=_worst(repeated["shift"] - many * repeated["drift_one"]),
                read_first=_worst(reads["shift_first"]),
                read_1000=_worst(read["shift"] - read["shift_first"]),
                idle_1000=_worst(idle_word["shift"]),
            )
        )
    return tuple(found)


def _worst(values: pd.Series) -> float | None:
    return float(values.abs().max()) if len(values) else None


def _refreshes(
    good: Mapping[str, pd.DataFrame],
    condition: Mapping[str, Any],
    times: tuple[RetentionTime, ...],
    disturbance: tuple[Disturbance, ...],
    half_step: float,
) -> Iterator[Refresh]:
    """One refresh per write device and temperature, with the write bit line resting at mid-supply."""
    vdd, designs = condition["vdd"], condition["designs"]
    cells = designs["array"]["rows"] * designs["array"]["columns"]
    resting = [time for time in times if np.isclose(time.v_rest, vdd / 2)]
    for device, celsius in sorted({(one.write_device, one.temperature) for one in resting}):
        seconds = [one.seconds for one in resting if (one.write_device, one.temperature) == (device, celsius)]
        period = min((t for t in seconds if t is not None), default=None)
        busy = None
        for one in disturbance:
            if (one.write_device, one.temperature) == (device, celsius):
                # Rates add, which is exact while both drifts are proportional to time.
                busy = 1 / ((0 if period is None else 1 / period) + one.write / one.t_operation / half_step)
        energy = cells * write_energy(good, device, designs)[0]
        shortest = min((t for t in (period, busy) if t is not None), default=None)
        yield Refresh(
            write_device=device,
            temperature=celsius,
            period=period,
            period_busy=busy,
            energy=energy,
            power=None if shortest is None else energy / shortest,
        )
