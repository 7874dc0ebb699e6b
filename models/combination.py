"""Weighted combination of hardware that was fitted to the same circuits at different conditions.

Curves are piecewise cubics, so a weighted sum of them is one too, on the union of their knots, and exact.
Voltages are taken relative to the supply and charges relative to the full scale of their converter, so that
points that mean the same are combined.

| part | combination |
|---|---|
| cells, loading, cell energies | weighted sum of the curves over voltage / supply |
| converters, conversion energies | weighted sum of the curves over charge / full scale |
| bit-line columns | weighted sum of the coefficients over charge / `q_scale` |
| writes | weighted sum over voltage / supply, in units of the supply |
| retention | drift over age / time scale; the time scale's logarithm is interpolated |
| aging | decomposed anew from the combined cell and retention |
| full scales, edges, noise, other energies, times, area | weighted mean |
| record of the trim | weighted mean; codes that differ between dies: nearest code |
| mismatch | that of the heaviest part that describes any, scaled to the combined charges |
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..circuits.errors import HardwareError
from .aging import Retention, separable_aging
from .array import ColumnModel, ConverterCurve, Noise, WriteError
from .cost import Area, CellReads, Conversions, EnergyModel, Events, StageEnergy, Timing
from .curves import combine_curves
from .trim import DieTrim
from .variation import Mismatch

if TYPE_CHECKING:
    from .hardware import Hardware

ALIKE = (
    *("kind", "rows", "columns", "t_pulse_max", "charge_unit", "levels", "window", "signed_query"),
    *("cell", "decay_per_token"),
)
"""Fields that all parts of a combination have in common."""


def combine(
    parts: Sequence[Hardware],
    weights: Sequence[float],
    *,
    description: str = "",
    provenance: dict[str, Any] | None = None,
) -> Hardware:
    """Weighted combination of hardware fitted to the same circuits at different conditions.

    Args:
        parts: fitted hardware; name, levels and window are those of the first.
        weights: weight of each part, not negative; their sum is 1.
        description: one sentence for the user.
        provenance: record of the parts.

    Returns:
        The combination, without errors of fits; a part with the weight 1 unchanged.

    Raises:
        HardwareError: the parts are not of the same circuits, or one lacks what another one describes.
        ValueError: weights that are negative, do not add up to 1, or are not one for each part.
    """
    given = np.asarray(weights, float)
    if given.shape != (len(parts),) or (given < 0).any() or abs(given.sum() - 1) > 1e-9:
        raise ValueError(f"weights: need {len(parts)}, none negative, of sum 1, got {given.tolist()}")
    used = [i for i, weight in enumerate(given) if weight > 0]
    first = parts[used[0]]
    if len(used) == 1:
        return first
    return _Combination([parts[i] for i in used], given[used]).hardware(description, dict(provenance or {}))


class _Combination:
    """Combination of at least two parts, all of positive weight."""

    def __init__(self, parts: list[Hardware], weights: np.ndarray) -> None:
        self.parts, self.weights = parts, weights
        first = parts[0]
        for name in ALIKE:
            for other in parts[1:]:
                if getattr(other, name) != getattr(first, name):
                    raise _unlike(name, getattr(first, name), getattr(other, name))
        for other in parts[1:]:
            if set(other.cells) != set(first.cells):
                raise _unlike("cells", sorted(first.cells), sorted(other.cells))
        self.supplies = np.array([part.v_max for part in parts])
        self.supply = self.mean(self.supplies)
        for name in ("v_min", "v_zero"):
            relative = np.array([getattr(part, name) for part in parts]) / self.supplies
            if not np.allclose(relative, relative[0], rtol=1e-6, atol=1e-9):
                raise _unlike(f"{name} / v_max", *relative[[0, -1]])
        self.volts = self.supply / self.supplies
        """Combined supply / that of each part."""

    def hardware(self, description: str, provenance: dict[str, Any]) -> Hardware:
        first, scales = self.parts[0], self._full_scales()
        cells = {
            name: combine_curves([part.cells[name] for part in self.parts], self.weights, self.volts)
            for name in first.cells
        }
        retention = self.optional("retention", self._retention)
        aging = {}
        if any(part.aging for part in self.parts):
            if retention is None or any(set(part.aging) != set(first.aging) for part in self.parts):
                raise _unlike("aging", *(sorted(part.aging) for part in (first, self.parts[-1])))
            ages = retention.readable_ages(first.levels.key, self._number("v_min"), self.supply)
            aging = {name: separable_aging(cells[name], retention, ages) for name in first.aging}
        values: dict[str, Any] = {name: getattr(first, name) for name in ("name", "origin", *ALIKE)}
        values |= {name: self._number(name) for name in ("v_min", "v_max", "v_zero")}
        values |= {name: self.optional(name, self.mean) for name in ("swap_efficiency", "normaliser", "edge")}
        values |= {
            "cells": cells,
            "q_sat_1": scales[1],
            "q_sat_2": scales[2],
            "column_1": self.optional("column_1", self._column),
            "column_2": self.optional("column_2", self._column),
            "phi": self.optional("phi", lambda curves: self._converter(curves, 1)),
            "readout": self.optional("readout", lambda curves: self._converter(curves, 2)),
            "retention": retention,
            "aging": aging,
            "write": self.optional("write", self._write),
            "noise": self.optional("noise", self._noise),
            "energy": self.optional("energy", self._energy),
            "timing": self.optional("timing", self._timing),
            "area": self.optional("area", self._area),
            "trim": self.optional("trim", self._trim),
        }
        whole = type(first)(**values, description=description, provenance=provenance)
        order = np.argsort(-self.weights, kind="stable")
        source = next((self.parts[i] for i in order if self.parts[i].mismatch is not None), None)
        if source is None:
            return whole
        return whole.model_copy(update={"mismatch": scaled_mismatch(source, whole)})

    def mean(self, values: Sequence[float]) -> float:
        """Weighted mean."""
        return float(self.weights @ np.asarray(values, float))

    def optional(self, name: str, combined: Callable[[list], Any]) -> Any:
        """A combined field; None if no part describes it."""
        values = [getattr(part, name) for part in self.parts]
        missing = [value is None for value in values]
        if all(missing):
            return None
        if any(missing):
            raise _unlike(name, *("described" if value is not None else "absent" for value in values[:2]))
        return combined(values)

    def _number(self, name: str) -> float:
        return self.mean([getattr(part, name) for part in self.parts])

    def _full_scales(self) -> dict[int, float]:
        return {array: self._number(f"q_sat_{array}") for array in (1, 2)}

    def _charges(self, array: int) -> np.ndarray:
        """Combined full scale / that of each part."""
        return self._full_scales()[array] / np.array([getattr(p, f"q_sat_{array}") for p in self.parts])

    def _box(self, boxes: list[dict], scales: np.ndarray) -> dict[str, tuple[float, float]]:
        return {
            name: tuple(
                self.mean([box[name][end] * s for box, s in zip(boxes, scales, strict=True)])
                for end in (0, 1)
            )
            for name in boxes[0]
        }

    def _column(self, models: list[ColumnModel]) -> ColumnModel:
        size = max(len(model.coefficients) for model in models)
        padded = [np.pad(m.coefficients, (0, size - len(m.coefficients))) for m in models]
        return ColumnModel(
            loading=combine_curves([model.loading for model in models], self.weights, self.volts),
            coefficients=np.tensordot(self.weights, padded, 1),
            q_scale=self.mean([model.q_scale for model in models]),
            box=self._box([model.box for model in models], np.ones(len(models))),
        )

    def _converter(self, converters: list[ConverterCurve], array: int) -> ConverterCurve:
        first, charges = converters[0], self._charges(array)
        curve = combine_curves([converter.curve for converter in converters], self.weights, charges)
        box = self._box([converter.box for converter in converters], charges)
        return ConverterCurve(curve=curve, signed=first.signed, box=box)

    def _write(self, writes: list[WriteError]) -> WriteError:
        curve = combine_curves([write.curve for write in writes], self.weights * self.volts, self.volts)
        return WriteError(curve=curve, box=self._box([write.box for write in writes], self.volts))

    def _retention(self, tables: list[Retention]) -> Retention:
        drifts = [np.abs(table.drift).max(axis=0) * v for table, v in zip(tables, self.volts, strict=True)]
        half_step = self.supply / (self.parts[0].levels.key - 1) / 2
        reached = min(half_step, *(float(drift.max()) for drift in drifts))
        times = np.ones(len(tables))
        if reached > 0:
            times = np.array([_first(t.ages, d, reached) for t, d in zip(tables, drifts, strict=True)])
        stretch = times / np.exp(self.weights @ np.log(times))
        ages = tables[0].ages
        # Of a slower part the table ends too early for the latest ages.
        shown = ages <= min(table.ages[-1] / s for table, s in zip(tables, stretch, strict=True))
        ages = ages[: max(2, int(shown.sum()))]
        voltages = tables[0].voltages * self.volts[0]
        drift = np.zeros((len(voltages), len(ages)))
        for table, weight, volts, s in zip(tables, self.weights, self.volts, stretch, strict=True):
            own = voltages / volts
            drift += weight * volts * (table(own[:, None], ages[None, :] * s).numpy() - own[:, None])
        box = self._box([{"v0": table.box["v0"]} for table in tables], self.volts) if tables[0].box else {}
        box |= {"age": (float(ages[0]), float(ages[-1]))}
        return Retention(voltages=voltages, ages=ages, drift=drift, box=box)

    def _noise(self, noises: list[Noise]) -> Noise:
        return Noise(**{name: self.mean([getattr(n, name) for n in noises]) for name in Noise.model_fields})

    def _energy(self, models: list[EnergyModel]) -> EnergyModel:
        names = [[(stage.name, stage.law.law) for stage in model.stages] for model in models]
        for other in names[1:]:
            if other != names[0]:
                raise _unlike("energy", *([name for name, _ in stages] for stages in (names[0], other)))
        return EnergyModel(
            stages=tuple(
                self._stage(list(stages)) for stages in zip(*(m.stages for m in models), strict=True)
            )
        )

    def _stage(self, stages: list[StageEnergy]) -> StageEnergy:
        laws, first = [stage.law for stage in stages], stages[0].law
        if isinstance(first, CellReads | Conversions):
            scales = self.volts if isinstance(first, CellReads) else self._charges(first.converter)
            update = {"curve": combine_curves([law.curve for law in laws], self.weights, scales)}
        elif isinstance(first, Events):
            events = [event for law in laws for event in law.joules]
            update = {
                "joules": {
                    event: self.mean([law.joules.get(event, 0.0) for law in laws])
                    for event in dict.fromkeys(events)
                }
            }
        else:
            fields = type(first).model_fields.keys() & {"joules", "watts", "head", "sub_tile", "share"}
            update = {field: self.mean([getattr(law, field) for law in laws]) for field in fields}
        return stages[0].model_copy(update={"law": first.model_copy(update=update)})

    def _timing(self, timings: list[Timing]) -> Timing:
        names = [[phase.name for phase in timing.phases] for timing in timings]
        for other in names[1:]:
            if other != names[0]:
                raise _unlike("timing", names[0], other)
        phases = []
        for same in zip(*(timing.phases for timing in timings), strict=True):
            seconds, hidden = self.mean([phase.seconds for phase in same]), all(p.hidden for p in same)
            phases.append(same[0].model_copy(update={"seconds": seconds, "hidden": hidden}))
        return Timing(phases=tuple(phases))

    def _trim(self, trims: list[DieTrim]) -> DieTrim:
        try:
            return DieTrim.combined(trims, self.weights)
        except ValueError:
            raise _unlike("trim", *(trim.sentence for trim in (trims[0], trims[-1]))) from None

    def _area(self, areas: list[Area]) -> Area:
        return areas[0].model_copy(
            update={"square_metres": self.mean([area.square_metres for area in areas])}
        )


def scaled_mismatch(source: Hardware, target: Hardware) -> Mismatch:
    """Mismatch of one hardware in the charges and voltages of another one of the same circuits.

    Deviations of cells keep their share of the cell's charge between the rails, offsets of converters their
    share of the full scale, gains stay as they are.

    Args:
        source: hardware that describes mismatch.
        target: hardware at another condition.

    Raises:
        HardwareError: the source describes no mismatch.
    """
    if source.mismatch is None:
        raise HardwareError(
            f"hardware {source.name!r} describes no mismatch; characterize with the plan `full` and fit again"
        )

    def swing(hardware: Hardware) -> float:
        ends = hardware.transfer(np.array([hardware.v_min, hardware.v_max]))
        return abs(float(ends[1] - ends[0]))

    return source.mismatch.scaled(
        cell=swing(target) / swing(source),
        volts=target.v_max / source.v_max,
        phi=target.q_sat_1 / source.q_sat_1,
        readout=target.q_sat_2 / source.q_sat_2,
    )


def _first(ages: np.ndarray, drift: np.ndarray, reached: float) -> float:
    """First age (s, above 0) at which a drift (V, at `ages`) has the size `reached` (V), by interpolation."""
    after = max(1, int(np.argmax(drift >= reached * (1 - 1e-9))))
    around = slice(after - 1, after + 1)
    return float(np.interp(reached, drift[around], ages[around])) or float(ages[1])


def _unlike(name: str, one: Any, other: Any) -> HardwareError:
    return HardwareError(
        f"hardware of different circuits cannot be combined ({name}: {one} and {other}); characterize all "
        "conditions with one plan and the same sizes, and fit again"
    )
