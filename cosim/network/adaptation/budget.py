"""How long a stage of an adaptation lasts: in tokens seen, in steps, or in minutes on this machine."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Budget:
    """Exactly one of the three limits."""

    tokens: int | None = None
    steps: int | None = None
    minutes: float | None = None

    def __post_init__(self) -> None:
        given = [value for value in (self.tokens, self.steps, self.minutes) if value is not None]
        if len(given) != 1 or given[0] < 0:
            raise ValueError(f"{self}: give one limit, of at least 0")

    @property
    def empty(self) -> bool:
        """Whether the stage is left out."""
        return not (self.tokens or self.steps or self.minutes)

    def steps_of(self, tokens_per_step: int, seconds_per_step: Callable[[], float]) -> int:
        """Number of steps, at least 1.

        Args:
            tokens_per_step: tokens that a step sees.
            seconds_per_step: measures the time of a step, s; called for a limit in minutes alone.
        """
        if self.steps is not None:
            return max(1, self.steps)
        if self.tokens is not None:
            return max(1, math.ceil(self.tokens / tokens_per_step))
        return max(1, round(60 * self.minutes / seconds_per_step()))
