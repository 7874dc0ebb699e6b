"""Frozen values with numeric arrays: the base of every surrogate and of `Hardware`."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer


def _read_only(data: Any) -> np.ndarray:
    array = np.array(data, dtype=np.float64)
    array.flags.writeable = False
    return array


Array = Annotated[
    np.ndarray, BeforeValidator(_read_only), PlainSerializer(lambda a: a.tolist(), when_used="json")
]
"""A read-only float64 array; lists are accepted on input."""


class Value(BaseModel):
    """A frozen, validated value. Unknown keys are refused; two values are equal when all their fields are."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and _same(self.model_dump(), other.model_dump())  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return hash((type(self), self.model_dump_json()))


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return np.array_equal(np.asarray(a), np.asarray(b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(map(_same, a, b))
    return a == b


class FitError(Value):
    """Error of a fit on points that the fit has not seen."""

    rms: float
    """Root mean square error, in `unit`."""
    worst: float
    """Largest absolute error, in `unit`."""
    unit: str
    """What the errors are counted in, e.g. "of peak" (a fraction), "of T_max" (a fraction), "V"."""
    held_out_points: int
    """Number of points the errors were measured on; none of them was used for fitting."""
    numerical: float | None = None
    """Largest change of the simulated values with tighter tolerances of the simulator, in `unit`; to be added
    to the errors. None where no tolerance study has looked at them."""
