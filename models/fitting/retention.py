"""How long levels hold, what neighbours do to them, and what refreshing them costs: the report on storage."""

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
    temperature: float
    """Celsius."""
    v_rest: float
    """Where the write bit line rests, V."""
    level: float
    """Stored voltage at age 0, V."""
    seconds: float | None
    """None: longer than `simulated`."""
    simulated: float
    """Age at which the simulation ended, s."""


class Disturbance(Value):
    """Drift that one operation on neighbouring words adds to a waiting cell, beyond its leakage at rest."""

    write_device: str
    temperature: float
    """Celsius."""
    t_operation: float
    """Length of a simulated operation, s."""
    write: float
    """Largest drift per write of another word over levels and data, V."""
    write_1000: float | None
    """Largest change over the 1,000 writes that were simulated, V; None where none were."""
    write_mismatch: float | None
    """Largest difference between those 1,000 writes and 1,000 times the drift of one, V."""
    read_first: float | None
    """Largest change by the first read of the word itself: charge moves to the read stage, and stays, V."""
    read_1000: float | None
    """Largest further change by 999 more, another word being written before each, V."""
    idle_1000: float | None
    """Largest change meanwhile of a word that only shares bit lines with both, V."""


class Refresh(Value):
    """Rewriting a sub-array so often that its worst level never moves by more than half a step.

    A gain cell's read is analogue and cannot restore it: a refresh writes all words again from a digital
    copy, whose memory and energy are not counted.
    """

    write_device: str
    temperature: float
    """Celsius."""
    period: float | None
    """Longest time between rewrites, write bit line at rest, s; None: longer than simulated."""
    period_busy: float | None
    """The same while another word is written in every operation, back to back; None without that table."""
    energy: float
    """J to write all cells of one sub-array once."""
    power: float | None
    """W per sub-array at the shorter of the two periods."""


class StorageReport(Value):
    """Retention, disturbance and refresh of a fitted hardware's technology."""

    retention: tuple[RetentionTime, ...]
    disturbance: tuple[Disturbance, ...] = ()
    refresh: tuple[Refresh, ...]


def storage_report(
    good: Mapping[str, pd.DataFrame], condition: Mapping[str, Any], levels: int
) -> StorageReport:
    """The report from the tables cell_retention, cell_write and, where they are there, write_path, disturb.

    condition: the manifest's `condition`. levels: stored levels, equally spaced between the rails.
    """
    times = retention_times(good["cell_retention"], levels, condition["vdd"])
    disturbance = disturbances(good["disturb"]) if "disturb" in good else ()
    step = condition["vdd"] / (levels - 1)
    refresh = tuple(_refreshes(good, condition, times, disturbance, step / 2))
    return StorageReport(retention=times, disturbance=disturbance, refresh=refresh)


def retention_times(retention: pd.DataFrame, levels: int, vdd: float) -> tuple[RetentionTime, ...]:
    """Hold time of each of `levels` levels between 0 and `vdd` (V), for everything the table sweeps."""
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
    """Worst figures of the table `disturb` by write device and temperature."""
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
        proved = long[long["activity"] == "write"].merge(writes, on=["v_data", *place], suffixes=("", "_one"))
        both = long[long["activity"] == "both"]
        read, waiting = (both[both["word"] == word] for word in ("read", "idle"))
        found.append(
            Disturbance(
                write_device=device,
                temperature=celsius,
                t_operation=float(rows["t_operation"].iloc[0]),
                write=float(np.abs(added).max()),
                write_1000=_worst(proved["shift"]),
                write_mismatch=_worst(proved["shift"] - many * proved["drift_one"]),
                read_first=_worst(reads["shift_first"]),
                read_1000=_worst(read["shift"] - read["shift_first"]),
                idle_1000=_worst(waiting["shift"]),
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
    """One per write device and temperature, the write bit line resting at mid-supply."""
    vdd, designs = condition["vdd"], condition["designs"]
    cells = designs["array"]["rows"] * designs["array"]["columns"]
    resting = [time for time in times if np.isclose(time.v_rest, vdd / 2)]
    for device, celsius in sorted({(h.write_device, h.temperature) for h in resting}):
        seconds = [h.seconds for h in resting if (h.write_device, h.temperature) == (device, celsius)]
        period = min((t for t in seconds if t is not None), default=None)
        busy = None
        for d in disturbance:
            if (d.write_device, d.temperature) == (device, celsius):
                # Rates add: exact as long as both drifts grow in proportion to time.
                busy = 1 / ((0 if period is None else 1 / period) + d.write / d.t_operation / half_step)
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
