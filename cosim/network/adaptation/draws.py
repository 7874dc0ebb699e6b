"""Dies and chips that an adaptation trains through: a new draw every few steps, by the step's number alone.

A network that is adapted to one nominal die learns its curves to a precision that no other die has. With
draws, every training step sees the cells, full scales and deviations of another die, and the held-out losses
are those of the nominal one. The technique is variation-aware training (Joshi et al., Nature Communications
11, 2473 (2020), https://doi.org/10.1038/s41467-020-16108-9), with the simulated distribution of the circuits
in place of Gaussian noise on weights.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from ....circuits.errors import HardwareError
from ....models import Chip, Hardware
from ....models.dies import DieSet, draw_die
from ....models.interpolation import CHOICES, circuits_of
from ...attention.effects import Effects

FIRST = 10**9
"""Number of the first die that is trained on: `gaincell yield` draws from 0 on, so it measures other dies."""
Conditions = tuple[Hardware, Effects, Chip | None]
"""What a layer computes with."""


@dataclass(frozen=True)
class Draws:
    """Draws of dies or chips for the steps of a training."""

    nominal: Hardware
    """Hardware that is adapted to; it gives the choices of the user and, without `dies`, the chips."""
    dies: DieSet | None = None
    """Fitted corners that dies are drawn between; None: every draw is of the nominal die."""
    chips: bool = True
    """Whether each draw has local mismatch of its own."""
    every: int = 1
    """Number of steps that share a draw."""
    seed: int = 0
    """Seed of the draws."""

    def __post_init__(self) -> None:
        if self.every < 1:
            raise ValueError(f"every={self.every}: a draw lasts at least one step")
        if self.dies is None:
            if not self.chips:
                raise ValueError("draws need dies, chips or both")
            self.nominal.chip(0)
            return
        if circuits_of(self.nominal, of_any_die=True) != circuits_of(self.dies.fitted[0], of_any_die=True):
            raise HardwareError(
                f"hardware {self.nominal.name!r} is of other circuits than the dies; leave it out to adapt "
                "to the typical die of the set"
            )
        if self.chips and self.dies.local is None and all(d.mismatch is None for d in self.dies.fitted):
            raise HardwareError(
                "no hardware of the set describes mismatch; name one of the same design that does with "
                "--mismatch, or leave --chips out"
            )

    def at(self, step: int) -> tuple[Hardware, Chip | None]:
        """The die of a step and its chip; None for nominal circuits of that die.

        Args:
            step: number of the training step.

        Raises:
            HardwareError: as `DieSet.at`.
        """
        return _draw(self, step // self.every)

    def record(self) -> dict[str, Any]:
        """Everything that the draws depend on, as JSON-able values."""
        described = self.nominal if self.dies is None else self.dies.local
        return {
            "dies": None if self.dies is None else [one.digest for one in self.dies.fitted],
            "temperatures": None if self.dies is None else list(self.dies.temperatures),
            "chips": self.chips,
            "mismatch": None if described is None or not self.chips else described.mismatch.digest,
            "every": self.every,
            "seed": self.seed,
        }


@lru_cache(maxsize=2)
def _draw(draws: Draws, number: int) -> tuple[Hardware, Chip | None]:
    """A draw. The cache holds it for the steps that share it."""
    if draws.dies is None:
        seed = int(np.random.default_rng([draws.seed, FIRST + number]).integers(2**31))
        return draws.nominal, draws.nominal.chip(seed)
    die = draw_die(FIRST + number, temperature=draws.dies.temperatures, seed=draws.seed)
    hardware = draws.dies.die(die)
    return hardware, hardware.chip(die.chip) if draws.chips else None


def drawn_conditions(
    drawn: tuple[Hardware, Chip | None], nominal: tuple[Hardware, Effects], effects: Effects
) -> Conditions:
    """Conditions of a layer on a drawn die.

    Args:
        drawn: the die and its chip, from `Draws.at`.
        nominal: hardware and effects that the layer would have without a draw: its own or its proxy's.
        effects: the layer's own effects.

    Returns:
        Hardware with the nominal one's levels, window and kind of cell curve; effects, with the converters'
        where a chip deviates, since a proxy leaves them out; the chip.
    """
    (hardware, chip), (own, near) = drawn, nominal
    hardware = hardware.model_copy(update={name: getattr(own, name) for name in CHOICES})
    return hardware, near if chip is None else replace(near, converter=effects.converter), chip
