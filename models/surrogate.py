"""The surrogate family's common ground: a differentiable function with a validity box and a known error."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from pydantic import Field, PrivateAttr, model_validator
from torch import Tensor

from .values import FitError, Value

Box = dict[str, tuple[float, float]]


class Surrogate(Value):
    """A function learnt from simulated points, evaluated in torch.

    Subclasses are called on tensors (any float dtype, any shape) or on arrays, return a tensor of that shape
    and are differentiable with the exact derivative. The box is in the order of the call's arguments.
    """

    box: Box = Field(default_factory=dict)
    """Argument name -> (lowest, highest) value that the fit has seen. Empty: valid everywhere."""
    errors: FitError | None = None
    """Error on held-out points; None for a published or defined (not fitted) function."""

    _constants: dict[str, Tensor] = PrivateAttr(default_factory=dict)

    def model_post_init(self, context: Any) -> None:
        """Keep the array fields as tensors: numpy inside a traced function breaks `torch.compile`."""
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, np.ndarray):
                self._constants[name] = torch.tensor(value)

    @model_validator(mode="after")
    def _box_is_ordered(self) -> Surrogate:
        for name, (low, high) in self.box.items():
            if not low < high:
                raise ValueError(f"box of {name}: {low} must be below {high}")
        return self

    def outside(self, *arguments: Any) -> Tensor:
        """Number of evaluations (elements of the broadcast arguments) that lie outside the validity box."""
        beyond: Any = torch.zeros((), dtype=torch.bool)
        for value, (low, high) in zip(arguments, self.box.values(), strict=False):
            value = as_tensor(value)
            # A rounding error at the edge of the box is not an extrapolation.
            slack = 1e-6 * (high - low)
            beyond = beyond | (value < low - slack) | (value > high + slack)
        return beyond.sum()

    def _tensor(self, field: str, like: Tensor) -> Tensor:
        """The array field as a tensor of `like`'s dtype and device."""
        # Not `self._constants`: `torch.compile` cannot follow pydantic's look-up of private attributes.
        return self.__pydantic_private__["_constants"][field].to(like)


def as_tensor(value: Any) -> Tensor:
    """A float tensor of `value`; tensors pass unchanged, arrays and numbers become float64."""
    if isinstance(value, Tensor):
        return value if value.is_floating_point() else value.to(torch.get_default_dtype())
    return torch.tensor(np.asarray(value, dtype=np.float64))
