"""Dies of a process: strength of n and p transistors between the corners, temperature, local mismatch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..circuits.errors import HardwareError
from .combination import combine, scaled_mismatch
from .hardware import Hardware
from .interpolation import OperatingPoint, circuits_of, grid_weights, operating_point, record

CORNERS = {"tt": (0, 0), "ff": (1, 1), "ss": (-1, -1), "fs": (1, -1), "sf": (-1, 1)}
"""Corner -> strength of its n and p transistors, in units of the slow and fast corners'."""
SIGMAS = 3.0
"""Distance of the slow and fast corners from the typical one, standard deviations of n and of p."""


@dataclass(frozen=True)
class Die:
    """One die at one temperature."""

    index: int
    """Number of the die in its draw."""
    n: float
    """Strength of the n transistors, standard deviations; fast ones above 0."""
    p: float
    """Strength of the p transistors, standard deviations; fast ones above 0."""
    temperature: float
    """Temperature, C."""
    chip: int
    """Seed of the local mismatch, for `Hardware.chip`."""


def draw_die(index: int, *, temperature: tuple[float, float], seed: int = 0) -> Die:
    """One die of a process; more dies extend a draw.

    Strengths of n and p are independent and normal; values beyond the corners are drawn again. The
    temperature is uniform.

    Args:
        index: number of the die.
        temperature: lowest and highest temperature, C.
        seed: seed of the draw.
    """
    rng = np.random.default_rng([seed, index])
    strengths = []
    while len(strengths) < 2:
        value = float(rng.standard_normal())
        if abs(value) <= SIGMAS:
            strengths.append(value)
    return Die(index, *strengths, float(rng.uniform(*temperature)), int(rng.integers(2**31)))


def corner_weights(n: float, p: float) -> dict[str, float]:
    """Weights of the typical corner and its two nearest neighbours: linear on the triangle between them.

    Args:
        n: strength of the n transistors, standard deviations.
        p: strength of the p transistors, standard deviations.

    Returns:
        Corner -> weight; their sum is 1.

    Raises:
        HardwareError: beyond the corners.
    """
    x, y = n / SIGMAS, p / SIGMAS
    reach = max(abs(x), abs(y))
    if not reach <= 1:
        raise HardwareError(f"n={n:g}, p={p:g} lie beyond the corners; give at most {SIGMAS:g} sigmas")
    if abs(x) >= abs(y):
        side, along = np.sign(x), y
        ends = [(side, 1), (side, -1)]
    else:
        side, along = np.sign(y), x
        ends = [(1, side), (-1, side)]
    names = {place: name for name, place in CORNERS.items()}
    weights = {"tt": 1 - reach}
    if reach > 0:
        weights |= {names[ends[0]]: (reach + along) / 2, names[ends[1]]: (reach - along) / 2}
    return weights


@dataclass(frozen=True)
class DieSet:
    """Hardware of one design, fitted at the five corners, each at several temperatures."""

    fitted: tuple[Hardware, ...]
    """Fitted hardware, one for each condition."""
    local: Hardware | None = None
    """Hardware of the same design that describes mismatch; None: mismatch is that of `fitted`."""

    def __post_init__(self) -> None:
        points = self._points
        for point in points:
            if points.count(point) > 1:
                raise HardwareError(f"two fits are of {point}; leave one of them out")
        first = circuits_of(self.fitted[0], of_any_die=True)
        for one, point in zip(self.fitted, points, strict=True):
            if circuits_of(one, of_any_die=True) != first:
                raise HardwareError(
                    f"hardware of {point} is of other circuits than that of {points[0]}; characterize all "
                    "conditions with the same technology and sizes (`gaincell corners`)"
                )
        known = {point.corner for point in points}
        if unknown := known - set(CORNERS):
            raise HardwareError(
                f"corner {', '.join(sorted(unknown))} is none of {', '.join(CORNERS)}; name the technology's "
                "corners so, or leave it out"
            )
        if missing := [corner for corner in CORNERS if corner not in known]:
            raise HardwareError(
                f"no hardware of corner {', '.join(missing)}; `gaincell corners` makes that of all five"
            )

    @classmethod
    def load(cls, folder: str | Path, local: Hardware | None = None) -> DieSet:
        """All hardware in the sub-folders of a folder, such as `gaincell corners` leaves it.

        Args:
            folder: its sub-folders, or their sub-folders, are hardware that `gaincell fit` wrote.
            local: hardware of the same design that describes mismatch.

        Raises:
            HardwareError: there is none, one is damaged, a corner is missing, or a condition is repeated.
        """
        paths = sorted({*Path(folder).glob("*/hardware.json"), *Path(folder).glob("*/*/hardware.json")})
        if not paths:
            raise HardwareError(f"{folder} has no fitted hardware in its folders; run: gaincell corners")
        return cls.of([Hardware.from_pretrained(path.parent) for path in paths], local)

    @classmethod
    def of(cls, hardware: Iterable[Hardware], local: Hardware | None = None) -> DieSet:
        """A set of fitted hardware; other conditions of a hardware count as hardware of their own."""
        parts = [part for one in hardware for part in (one, *one.fitted_at)]
        return cls(tuple(part.model_copy(update={"fitted_at": ()}) for part in parts), local)

    @property
    def vdd(self) -> float:
        """Supply of the typical corner, V."""
        return next(point.vdd for point in self._points if point.corner == "tt")

    @property
    def temperatures(self) -> tuple[float, float]:
        """Lowest and highest temperature that every corner is fitted at, C."""
        ranges = [[point.temperature for point in self._points if point.corner == name] for name in CORNERS]
        return max(map(min, ranges)), min(map(max, ranges))

    def at(self, n: float, p: float, temperature: float, vdd: float | None = None) -> Hardware:
        """Hardware of a die: between the corners, temperatures and supplies.

        Args:
            n: strength of the n transistors, standard deviations.
            p: strength of the p transistors, standard deviations.
            temperature: temperature, C.
            vdd: supply, V; None for that of the typical corner.

        Raises:
            HardwareError: outside the fitted conditions, or the hardware is of different circuits.
        """
        vdd = self.vdd if vdd is None else vdd
        weights = np.zeros(len(self.fitted))
        for corner, share in corner_weights(n, p).items():
            if share > 0:
                places = [i for i, point in enumerate(self._points) if point.corner == corner]
                points = [self._points[i][1:] for i in places]
                weights[places] = share * grid_weights(points, temperature, vdd, of=f"corner {corner}")
        where = OperatingPoint(f"n {n:+.2f}, p {p:+.2f} sigma", temperature, vdd)
        found = combine(
            self.fitted,
            weights / weights.sum(),
            description=f"Die between fitted corners: {where}.",
            provenance=record(self.fitted, weights, where),
        )
        source = self._local(found)
        if source is None:
            return found
        return found.model_copy(update={"mismatch": scaled_mismatch(source, found)})

    def die(self, die: Die, vdd: float | None = None) -> Hardware:
        """Hardware of a drawn die (see `at`)."""
        return self.at(die.n, die.p, die.temperature, vdd)

    @property
    def _points(self) -> list[OperatingPoint]:
        return [operating_point(one) for one in self.fitted]

    def _local(self, found: Hardware) -> Hardware | None:
        """Where the mismatch comes from; None: `found` has it, or nothing describes it."""
        if self.local is not None or found.mismatch is not None:
            return self.local
        return next((one for one in self.fitted if one.mismatch is not None), None)
