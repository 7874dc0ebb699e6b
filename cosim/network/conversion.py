"""Conversion of Hugging Face models to gain-cell attention, through transformers' own attention interface."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from ...circuits.errors import ModelError
from ...models import Chip, Hardware
from ..attention.effects import STANDARD, Effects
from ..attention.kernels.dispatch import Implementation
from ..attention.ring import require_settings
from ..attention.surrogate_gradient import Gradient
from .layer import GainCellAttention

IMPLEMENTATION = "gaincell"
"""Name under which the attention function and its mask function are registered with transformers."""


def convert(
    model: nn.Module,
    hardware: Hardware,
    *,
    include: str = "transformer.h.*",
    window: int | None = None,
    effects: Effects = STANDARD,
    token_period: float | None = None,
    chip: Chip | None = None,
    implementation: Implementation = "auto",
    gradient: Gradient = "exact",
) -> nn.Module:
    """Give the attention modules of a model gain-cell attention, in place.

    A converted module gets `module.gain_cell`, a `GainCellAttention` with identity scalers. A module that was
    converted before keeps its scalers and gets the new hardware and settings. Attention dropout is not
    applied.

    Args:
        model: causal language model of transformers.
        hardware: hardware of the arrays.
        include: shell pattern of module names; attention modules that do not match stay exact softmax.
        window: columns of each ring; None: the hardware's, or a ring that is never overwritten.
        effects: non-idealities that act.
        token_period: time between tokens, s; None: the hardware's latency times the number of converted
            layers, since a token passes through all of them.
        chip: chip that holds the arrays (`hardware.chip(seed)`); None: nominal circuits.
        implementation: back end, as in `gain_cell_attention`; not saved with the model.
        gradient: derivative of the cells' charge, as in `gain_cell_attention`; not saved with the model.

    Returns:
        The same model.

    Raises:
        ModelError: no attention module matches.
        ValueError: a window below 1, or a token period that is not positive.
    """
    require_settings(window, token_period)
    inner = unwrap(model)
    found = attention_modules(inner)
    chosen = {name: module for name, module in found.items() if fnmatchcase(name, include)}
    if not chosen:
        known = (
            f"its attention modules are {', '.join(found)}; give an include that matches"
            if found
            else "it has none that transformers can swap; use a GPT-2- or Llama-like causal language model"
        )
        raise ModelError(
            f"no attention module of {type(inner).__name__} matches include={include!r}: {known}"
        )
    if token_period is None and hardware.timing is not None:
        token_period = hardware.timing.latency * len(chosen) or None
    settings = {"window": window, "effects": effects, "token_period": token_period, "chip": chip}
    settings |= {"implementation": implementation, "gradient": gradient}
    for module in chosen.values():
        _attach(module, hardware, settings)
    # With the attention function alone, transformers would pass no causal mask.
    AttentionInterface.register(IMPLEMENTATION, _attention)
    AttentionMaskInterface.register(IMPLEMENTATION, _mask)
    inner.set_attn_implementation(IMPLEMENTATION)
    return model


def attention_modules(model: nn.Module) -> dict[str, nn.Module]:
    """Causal self-attention modules that use transformers' attention interface, by name."""
    supported = getattr(type(model), "_can_set_attn_implementation", lambda: False)
    if not supported():
        return {}
    return {
        name.replace("_orig_mod.", ""): module
        for name, module in model.named_modules()
        if type(module).__name__.endswith("Attention")
        and not getattr(module, "is_cross_attention", False)
        and getattr(module, "is_causal", False)
        and hasattr(module, "head_dim")
        and hasattr(module, "layer_idx")
    }


def unwrap(model: nn.Module) -> nn.Module:
    """The module inside `torch.compile`'s wrapper, or the model itself."""
    return getattr(model, "_orig_mod", model)


def _attach(module: nn.Module, hardware: Hardware, settings: dict[str, Any]) -> None:
    heads = module.config.num_attention_heads
    kv_heads = getattr(module.config, "num_key_value_heads", None) or heads
    layer = GainCellAttention(hardware, heads, kv_heads=kv_heads, layer=module.layer_idx, **settings)
    weight = next(module.parameters())
    layer.to(weight.device)
    if hasattr(module, "gain_cell"):
        layer.load_state_dict(module.gain_cell.state_dict())
    layer.train(module.training)
    module.gain_cell = layer


def _attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """transformers' attention function: (B, H, T, D) in, (B, T, H, D) out."""
    if not hasattr(module, "gain_cell"):
        return sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **kwargs
        )
    stored = None if attention_mask is None else _stored(attention_mask, query, key)
    out = module.gain_cell(query, key, value, stored, scaling=scaling)
    return out.transpose(1, 2).contiguous(), None


def _stored(mask: Tensor, query: Tensor, key: Tensor) -> Tensor:
    """Which keys are stored, shape (B, S) bool, from a mask of shape (B or 1, H or 1, T, S).

    The mask is bool, or additive: 0 or the lowest value of its type. transformers passes a mask of the user's
    unchanged, so it is checked here.

    Raises:
        ModelError: the mask is not causal with padding; a ring of columns cannot follow it.
    """
    queries, keys = query.shape[2], key.shape[2]
    fits = mask.shape[-2:] == (queries, keys) and (mask.dtype == torch.bool or mask.is_floating_point())
    seen = mask if mask.dtype == torch.bool else mask == 0
    # The last query sees every stored key.
    stored = seen[:, 0, -1, :]
    if fits and not torch.compiler.is_compiling():
        position = torch.arange(keys, device=mask.device)
        causal = position <= position[keys - queries :, None]
        fits = fits and bool((seen == (stored[:, None, None, :] & causal)).all())
        if fits and mask.dtype != torch.bool:
            fits = bool((seen | (mask <= torch.finfo(mask.dtype).min)).all())
    if not fits:
        raise ModelError(
            "gain-cell attention takes causal masks with padding only: unpack packed sequences into a padded "
            "batch, and give a 2-D attention_mask"
        )
    return stored.expand(query.shape[0], -1)


def _mask(
    batch_size: int,
    q_length: int,
    kv_length: int,
    q_offset: int | Tensor = 0,
    kv_offset: int = 0,
    **kwargs: Any,
) -> Tensor | None:
    """transformers' mask function: shape (B, 1, T, S) bool, or None for a causal mask without padding.

    Raises:
        ModelError: a static or sliding cache, whose keys a ring of columns cannot follow.
    """
    if isinstance(q_offset, Tensor) or kv_offset != 0 or q_offset + q_length != kv_length:
        raise ModelError(
            "gain-cell attention keeps its own ring of columns: "
            "use the dynamic cache, not a static or sliding one"
        )
    return sdpa_mask(batch_size, q_length, kv_length, q_offset, kv_offset, **kwargs)
