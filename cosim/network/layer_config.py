"""Configuration of a converted attention module."""

from __future__ import annotations

from typing import Any

from transformers import PreTrainedConfig

IMPLEMENTATION = "gaincell"
"""Name of the attention function, and of the way of saving, in transformers."""


class LayerConfig:
    """Configuration of one converted module: the model's own, but for the attention implementation.

    The model keeps its implementation, for the layers that are left out and for its masks.
    """

    _attn_implementation = IMPLEMENTATION

    def __init__(self, model: PreTrainedConfig) -> None:
        self.__dict__["model"] = model

    @property
    def base(self) -> str | None:
        """Attention implementation of the model."""
        return self.model._attn_implementation

    def __getattr__(self, name: str) -> Any:
        # Copying and pickling ask an object that has no fields yet.
        if name == "model" or (name.startswith("__") and name.endswith("__")):
            raise AttributeError(name)
        return getattr(self.model, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.model, name, value)
