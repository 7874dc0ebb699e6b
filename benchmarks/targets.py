"""Ratios that fast implementations are to reach, in one run, against dense masks and exact softmax."""

from __future__ import annotations

from dataclasses import dataclass

from contenders import BAND, DENSE, DENSE_FOUR, EXACT, LEVELS, STEADY, Case

MEASURES = {
    "forward": ("best_s", "forward"),
    "training": ("best_s", "fwd+bwd"),
    "forward_MiB": (None, "MiB forward"),
    "training_MiB": (None, "MiB fwd+bwd"),
}
"""Key of a result -> (key of the number in it, title)."""


@dataclass(frozen=True)
class Ratio:
    """One measure of one contender against one baseline."""

    contender: str
    measure: str
    baseline: str
    value: float
    """Baseline / contender against dense masks ("times faster"), contender / baseline against softmax."""
    limit: float | None
    """At least this against dense masks, at most this against softmax; None: nobody asked."""

    @property
    def met(self) -> bool | None:
        if self.limit is None:
            return None
        return self.value >= self.limit if self.baseline == DENSE else self.value <= self.limit


def limit(contender: str, measure: str, against_dense: bool, case: Case, gpu: bool) -> float | None:
    """What is asked of a contender, None where nothing is."""
    name = contender.removesuffix(STEADY).removesuffix(LEVELS)
    name, _, hardware = name.partition(", ")
    if name not in ("torch", "native", "triton"):
        return None
    if gpu:
        asked = name == "triton" and measure == "forward" and not against_dense and case.name == "1024/1024"
        return 2.5 if asked else None
    native, steady, levels = name == "native", contender.endswith(STEADY), LEVELS in contender
    memory = measure.endswith("MiB")
    if hardware:
        if against_dense or memory or steady:
            return None
        if case.queries == 1:
            return 1.2 if native and levels and measure == "forward" else None
        return 2.0 if native else 8.0
    if case.queries == 1:
        if measure != "forward" or steady or against_dense:
            return None
        return (0.8 if levels else 1.5) if native else 10.0
    if against_dense:
        # Dense masks grow with the square of the tokens; torch has no limit of its own there but memory.
        far = case.window * 8 <= case.keys
        times = {"forward": 30.0 if far else 12.0, "training": 30.0 if far else 9.0}
        return (
            {"forward_MiB": 10.0, "training_MiB": 4.0}[measure]
            if memory
            else times[measure]
            if native
            else None
        )
    if steady:
        return {"forward": 0.9, "training": 1.0}.get(measure) if native else None
    if memory:
        return {"forward_MiB": 4.0, "training_MiB": 1.3}[measure]
    return 1.5 if native else 4.0


def ratios(case: Case, results: dict[str, dict], gpu: bool) -> list[Ratio]:
    """Every ratio that the results of a case allow, by contender, measure and baseline."""
    softmax = BAND if case.windowed else EXACT
    found = []
    for name, result in results.items():
        if name in (DENSE, DENSE_FOUR, EXACT, BAND):
            continue
        for measure in MEASURES:
            own = number(result, measure)
            for baseline in (DENSE, softmax):
                other = number(results.get(baseline, {}), measure)
                if not own or not other:
                    continue
                against_dense = baseline == DENSE
                value = other / own if against_dense else own / other
                asked = limit(name, measure, against_dense, case, gpu)
                found.append(Ratio(name, measure, baseline, value, asked))
    return found


def number(result: dict, measure: str) -> float | None:
    """Best time, s, or peak, MiB; None where it was not measured."""
    key, _ = MEASURES[measure]
    value = result.get(measure)
    return value[key] if key and value else value
