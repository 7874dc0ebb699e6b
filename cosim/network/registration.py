"""What transformers knows of gain-cell attention: its attention function, and that it makes no masks.

`gaincell.cosim.network` registers both when it is imported, so that a pickled model finds them.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface

from ...circuits.errors import ModelError
from .families import HARMLESS, require_base
from .layer_config import IMPLEMENTATION, LayerConfig
from .masks import stored_keys

NOT_CONVERTED = (
    "the attention implementation 'gaincell' is not set by name: call gaincell.cosim.convert, or load the "
    "model with from_pretrained"
)


def gain_cell_forward(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """transformers' attention function: (B, H, T, D) in, (B, T, H, D) out.

    Raises:
        ModelError: the module is not converted, or asks for what gain cells do not compute.
    """
    layer = getattr(module, "gain_cell", None)
    if layer is None or not isinstance(module.config, LayerConfig):
        raise ModelError(NOT_CONVERTED)
    require_base(module.config)
    _require_arguments(module, kwargs)
    queries, keys = query.shape[2], key.shape[2]
    window = layer.mask_window
    if attention_mask is not None and attention_mask.ndim == 4:
        if window is not None and keys > queries and layer.hardware.kind != "softmax":
            raise ModelError(
                "a ring of columns counts every stored token, and this cache does not say which are; use the "
                "model's default cache, or level_cache(model)"
            )
        attention_mask = stored_keys(attention_mask, keys, query.shape[0], window)
    elif attention_mask is None and 1 < queries < keys:
        raise ModelError("several queries after cached keys need a mask; use the dynamic cache")
    out = layer(query, key, value, attention_mask, scaling=scaling)
    return out.transpose(1, 2).contiguous(), None


def _require_arguments(module: torch.nn.Module, given: dict[str, Any]) -> None:
    if getattr(module.config, "is_causal", True) is False or given.get("is_causal") is False:
        raise ModelError("the network asks for bidirectional attention; gain-cell attention is causal")
    for name, value in given.items():
        if value is None or name in HARMLESS or name == "is_causal":
            continue
        if name == "sliding_window":
            if value != module.gain_cell.mask_window and module.gain_cell.mask_window is not None:
                raise ModelError(
                    f"the network's window is {value} tokens, and was {module.gain_cell.mask_window} when it "
                    "was converted; convert it again"
                )
            continue
        raise ModelError(
            f"the network gives its attention {name!r}, which gain cells do not know; leave it out"
        )


def _no_mask(*args: Any, **kwargs: Any) -> None:
    raise ModelError(NOT_CONVERTED)


def register() -> None:
    """Make transformers know the attention function. Repeating it changes nothing."""
    AttentionInterface.register(IMPLEMENTATION, gain_cell_forward)
    AttentionMaskInterface.register(IMPLEMENTATION, _no_mask)
