"""Times of several calls that are to be compared: in turn, so that all meet the same machine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

Call = Callable[[], object]
Clock = Callable[[], float]

SAMPLE_SECONDS = 0.02
"""A shorter call is repeated within a sample until the sample takes this long."""
STABLE_ROUNDS = 4
"""Rounds without news before the times count as stable."""
NEWS = 0.01
"""A best time lower by this share is news."""


@dataclass(frozen=True)
class Times:
    """Samples of one call, s."""

    samples: tuple[float, ...]

    @property
    def best(self) -> float:
        """What the call takes when nothing else runs: noise only adds."""
        return min(self.samples)

    @property
    def median(self) -> float:
        return statistics.median(self.samples)

    def summary(self) -> dict[str, float]:
        """For a JSON file."""
        return {"best_s": self.best, "median_s": self.median, "samples": len(self.samples)}


def in_turn(
    calls: dict[str, Call],
    *,
    rounds: int = 5,
    seconds: float = 30.0,
    synchronize: Call = lambda: None,
    clock: Clock = time.perf_counter,
) -> dict[str, Times]:
    """Times of every call, after one warm-up each, a round of all calls after the other.

    Ends once `STABLE_ROUNDS` rounds have not lowered any best time by more than `NEWS`, after at least
    `rounds` rounds, or when `seconds` are spent. synchronize: waits until a device has done its work. clock:
    wall time, or `time.process_time` for calls of one thread on a machine that others use as well.
    """
    repeats = {name: _repeats(call, synchronize) for name, call in calls.items()}
    samples: dict[str, list[float]] = {name: [] for name in calls}
    started, quiet = time.perf_counter(), 0
    while calls:
        news = False
        for name, call in calls.items():
            spent = _sample(call, repeats[name], synchronize, clock)
            news |= not samples[name] or spent < (1 - NEWS) * min(samples[name])
            samples[name].append(spent)
        quiet = 0 if news else quiet + 1
        done = min(len(taken) for taken in samples.values())
        late = time.perf_counter() - started > seconds
        if done >= rounds and (quiet >= STABLE_ROUNDS or late):
            break
    return {name: Times(tuple(taken)) for name, taken in samples.items()}


def _repeats(call: Call, synchronize: Call) -> int:
    _sample(call, 1, synchronize)  # first use: compilation, caches
    return max(1, round(SAMPLE_SECONDS / max(_sample(call, 1, synchronize), 1e-6)))


def _sample(call: Call, repeats: int, synchronize: Call, clock: Clock = time.perf_counter) -> float:
    started = clock()
    for _ in range(repeats):
        call()
    synchronize()
    return (clock() - started) / repeats
