"""Base class of surrogates: a differentiable function with a validity box and a known error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import torch
from pydantic import Field, PrivateAttr, model_validator
from torch import Tensor

from .values import FitError, Value

Box = dict[str, tuple[float, float]]
"""Argument name -> (lowest, highest) value, in the order of a call's arguments."""


class Surrogate(Value):
    """A function fitted to simulated points, evaluated in torch.

    A call takes tensors (any float dtype, any shape) or arrays and returns a tensor of that shape. Its
    derivative is exact.
    """

    box: Box = Field(default_factory=dict)
    """Argument name -> (lowest, highest) value in the fit, in the order of the arguments. Empty: no
    limits."""
    errors: FitError | None = None
    """Error on held-out points; None for a function that was not fitted."""

    _constants: dict[str, Tensor] = PrivateAttr(default_factory=dict)

    def model_post_init(self, context: Any) -> None:
        """Convert array fields to tensors, because numpy in a traced function breaks `torch.compile`."""
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, np.ndarray):
                self._constants[name] = torch.tensor(value)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with some fields replaced; validated if one of them is an array, which a call evaluates.

        Args:
            update: field name -> new value.
            deep: whether to copy the fields as well.

        Raises:
            ValidationError: the new arrays do not fit the other fields.
        """
        copied = super().model_copy(update=update, deep=deep)
        if update and not self._constants.keys().isdisjoint(update):
            return type(self)(**{name: getattr(copied, name) for name in type(self).model_fields})
        return copied

    @model_validator(mode="after")
    def _box_is_ordered(self) -> Surrogate:
        for name, (low, high) in self.box.items():
            if not low < high:
                raise ValueError(f"box of {name}: {low} must be below {high}")
        return self

    def outside(self, *arguments: Any) -> Tensor:
        """Number of evaluations outside the validity box.

        Args:
            arguments: those of a call, broadcastable; missing ones are not checked.

        Returns:
            Number of elements of the broadcast arguments outside the box, a tensor without dimensions.
        """
        beyond: Any = torch.zeros((), dtype=torch.bool)
        for value, (low, high) in zip(arguments, self.box.values(), strict=False):
            value = as_tensor(value)
            # Rounding at the edge of the box is no extrapolation.
            slack = 1e-6 * (high - low)
            beyond = beyond | (value < low - slack) | (value > high + slack)
        return beyond.sum()

    def _tensor(self, field: str, like: Tensor) -> Tensor:
        """The array field as a tensor of `like`'s dtype and device."""
        # `self._constants` would break `torch.compile`, which cannot trace pydantic's private attributes.
        return self.__pydantic_private__["_constants"][field].to(like)


def as_tensor(value: Any) -> Tensor:
    """A float tensor of a value.

    Args:
        value: tensor, array, number or nested list, any shape.

    Returns:
        Float tensors unchanged, integer tensors in the default dtype, anything else in float64.
    """
    if isinstance(value, Tensor):
        return value if value.is_floating_point() else value.to(torch.get_default_dtype())
    return torch.tensor(np.asarray(value, dtype=np.float64))
