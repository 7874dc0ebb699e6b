"""Frozen values with numeric arrays: the base class of every surrogate and of `Hardware`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, NamedTuple, Self, get_args

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, PrivateAttr, model_validator


def _read_only(data: Any) -> np.ndarray:
    try:
        array = np.array(data, dtype=np.float64)
    except TypeError as error:
        raise ValueError(str(error)) from None
    if not np.isfinite(array).all():
        count = array.size - np.isfinite(array).sum()
        raise ValueError(f"{count} of {array.size} numbers are not finite")
    array.flags.writeable = False
    return array


FloatArray = Annotated[
    np.ndarray, BeforeValidator(_read_only), PlainSerializer(lambda a: a.tolist(), when_used="json")
]
"""Read-only float64 array of finite numbers; lists are accepted on input."""


class Value(BaseModel):
    """A frozen, validated value. Unknown keys and numbers that are not finite are refused.

    Two values are equal if they have the same type and all their fields are equal. Hashes follow from the
    content alone, so a value can be the key of a cache. The digest is computed once per instance: do not
    modify a dictionary field in place.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, allow_inf_nan=False)

    outside_digest: ClassVar[frozenset[str]] = frozenset()
    """Names of the fields that the digest leaves out."""

    _cached_digest: str | None = PrivateAttr(default=None)

    @model_validator(mode="before")
    @classmethod
    def _no_truth_value_is_a_number(cls, data: Any) -> Any:
        if isinstance(data, Mapping):
            for name, value in data.items():
                field = cls.model_fields.get(name)
                if isinstance(value, bool) and field is not None and not _takes_bool(field.annotation):
                    raise ValueError(f"{name}={value} must not be true or false")
        return data

    @property
    def digest(self) -> str:
        """sha256 (hexadecimal) over the JSON form of all fields but those in `outside_digest`."""
        # pydantic's own access to private attributes takes 7 us, and caches may hash on every call.
        private = self.__pydantic_private__
        if private["_cached_digest"] is None:
            content = self.model_dump_json(exclude=set(self.outside_digest))
            private["_cached_digest"] = hashlib.sha256(content.encode()).hexdigest()
        return private["_cached_digest"]

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with some fields replaced, without validation.

        Args:
            update: field name -> new value.
            deep: whether to copy the fields as well.
        """
        copied = super().model_copy(update=update, deep=deep)
        if update:
            copied._cached_digest = None
        return copied

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Value) or type(self) is not type(other):
            return False
        # Digests are compared too, so that equal values have equal hashes although 0.0 == -0.0.
        return self.digest == other.digest and _same(self.model_dump(), other.model_dump())

    def __hash__(self) -> int:
        return hash(self.digest)


def _takes_bool(annotation: Any) -> bool:
    return annotation in (bool, Any) or bool in get_args(annotation)


class DigestValue(Value):
    """A value whose equality is that of the digest, so that a lookup in a cache compares no arrays.

    All non-finite numbers have the same JSON form and so the same digest.
    """

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return isinstance(other, DigestValue) and type(self) is type(other) and self.digest == other.digest

    __hash__ = Value.__hash__


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return np.array_equal(np.asarray(a), np.asarray(b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(map(_same, a, b))
    return a == b


class Measured(NamedTuple):
    """A measured column of a characterization table."""

    procedure: str
    """Name of the procedure, and so of its table."""
    column: str
    """Name of the column in that table."""


class FitError(Value):
    """Error of a fit on points that the fit has not seen."""

    rms: float
    """Root mean square error, in `unit`."""
    worst: float
    """Largest absolute error, in `unit`."""
    unit: str
    """Unit of the errors, e.g. "of peak" (a fraction), "of T_max" (a fraction), "V"."""
    held_out_points: int
    """Number of points that the errors were measured on; the fit used none of them."""
    numerical: float | None = None
    """Largest change of the simulated values with tighter tolerances of the simulator, in `unit`; to be added
    to the errors. None where no tolerance study covers them."""
