"""Conversion of Hugging Face models to gain-cell attention, through transformers' own attention interface."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import nn

from ...circuits.errors import ModelError
from ...models import Chip, Hardware
from ...models.row_tiles import latency_of, row_tiles_of
from ..attention.effects import STANDARD, Effects
from ..attention.kernels.dispatch import Implementation
from ..attention.ring import require_settings
from ..attention.surrogate_gradient import Gradient
from .description import require_entry
from .families import attention_modules, require_understood, shape_of, unwrap
from .interface_source import caches_its_keys
from .layer import GainCellAttention
from .layer_config import LayerConfig
from .quantizer import attach, require_unquantised
from .ring_cache import follow_cache, keep_every_key
from .transforms import NONE, Transforms


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
    transforms: Transforms | None = None,
    softmax_heads: Iterable[int] | None = None,
) -> nn.Module:
    """Give the attention modules of a model gain-cell attention, in place.

    A converted module gets `module.gain_cell`, a `GainCellAttention` with identity scalers. A module that was
    converted before keeps its scalers and gets the new hardware and settings. Attention dropout is not
    applied.

    Args:
        model: causal language model of transformers.
        hardware: hardware of the arrays.
        include: shell pattern of module names; attention modules that do not match stay exact softmax.
        window: columns of each ring; None: the hardware's, or a ring that is never overwritten. A module with
            a sliding window of the network's own gets that one where it is shorter.
        effects: non-idealities that act.
        token_period: time between tokens, s; None: the sum of the converted layers' latencies, since a token
            passes through all of them.
        chip: chip that holds the arrays (`hardware.chip(seed)`); None: nominal circuits.
        implementation: back end, as in `gain_cell_attention`; not saved with the model.
        gradient: derivative of the cells' charge, as in `gain_cell_attention`; not saved with the model.
        transforms: digital transforms of q, k and v before the arrays; None: what a module has, or none.
        softmax_heads: query heads of each matching module that stay exact attention of the digital network,
            which has a cache of its own for them; None: those of a module, or none.

    Returns:
        The same model.

    Raises:
        ModelError: no attention module matches, one asks for what gain cells do not compute, the model is
            quantised, or a module has scalers per dimension and is to have one per head.
        HardwareError: heads larger than the arrays on hardware that does not state their time, while
            token_period is None.
        ValueError: a window below 1, a token period that is not positive, or a head that does not exist.
    """
    require_settings(window, token_period)
    inner = unwrap(model)
    found = attention_modules(inner)
    chosen = {name: module for name, module in found.items() if fnmatchcase(name, include)}
    if not chosen:
        raise ModelError(_nothing_found(inner, found, include))
    require_unquantised(inner)
    for name, module in chosen.items():
        require_understood(module, name)
    if token_period is None:
        token_period = _token_period((module, hardware) for module in chosen.values())
    settings = {"window": window, "effects": effects, "token_period": token_period, "chip": chip}
    settings |= {"implementation": implementation, "gradient": gradient}
    for module in chosen.values():
        _attach(module, hardware, settings, transforms, softmax_heads)
    if any(module.gain_cell.mask_window is not None for module in chosen.values()):
        for module in found.values():
            if shape_of(module).window is not None:
                _hook(module, keep_every_key)
    attach(inner)
    return model


def convert_as_described(model: nn.Module, modules: dict[str, Any], hardware: dict[str, Hardware]) -> None:
    """Convert a model as described.

    Args:
        model: model as transformers builds it.
        modules: entry of each module, as `describe` gives it.
        hardware: hardware by name.

    Raises:
        ModelError: a module that the model does not have, or an entry that is not understood.
    """
    found = attention_modules(unwrap(model))
    if missing := set(modules) - set(found):
        raise ModelError(f"the model has no modules {', '.join(sorted(missing))}; save it again")
    for name, entry in modules.items():
        require_entry(name, entry, hardware)
    period = None
    if any(entry["token_period"] is None for entry in modules.values()):
        period = _token_period((found[name], hardware[entry["hardware"]]) for name, entry in modules.items())
    for name, entry in modules.items():
        convert(
            model,
            hardware[entry["hardware"]],
            include=_literal(name),
            window=entry["window"],
            effects=Effects(**entry["effects"]),
            token_period=period if entry["token_period"] is None else entry["token_period"],
            transforms=Transforms.of_entry(entry),
            softmax_heads=entry.get("softmax_heads", ()),
        )


def _literal(name: str) -> str:
    """A shell pattern that matches this name only."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


def _nothing_found(model: nn.Module, found: dict[str, nn.Module], include: str) -> str:
    known = (
        f"its attention modules are {', '.join(found)}; give an include that matches"
        if found
        else "it has none that transformers can swap; use a GPT-2- or Llama-like causal language model"
    )
    return f"no attention module of {type(model).__name__} matches include={include!r}: {known}"


def _token_period(modules: Iterable[tuple[nn.Module, Hardware]]) -> float | None:
    """Sum of the latencies of attention modules on their hardware, s; None if none states any timing."""
    pairs = [(hardware, row_tiles_of(shape_of(module).depth, hardware)) for module, hardware in modules]
    return sum(latency_of(*pair) or 0.0 for pair in pairs) or None


def _attach(
    module: nn.Module,
    hardware: Hardware,
    settings: dict[str, Any],
    transforms: Transforms | None,
    softmax_heads: Iterable[int] | None,
) -> None:
    shape = shape_of(module)
    before: GainCellAttention | None = getattr(module, "gain_cell", None)
    if transforms is None:
        transforms = NONE if before is None else before.transforms
    if softmax_heads is None:
        softmax_heads = () if before is None else before.softmax_heads
    # A ring no longer than the network's own window has exactly its mask.
    window = settings["window"]
    if shape.window is not None:
        window = min(x for x in (window or hardware.window, shape.window) if x is not None)
    layer = GainCellAttention(
        hardware,
        shape.heads,
        kv_heads=shape.kv_heads,
        layer=module.layer_idx,
        mask_window=shape.window,
        caches_keys=caches_its_keys(type(module)),
        transforms=transforms,
        depth=shape.depth,
        softmax_heads=softmax_heads,
        **(settings | {"window": window}),
    )
    layer.to(_device_of(module))
    if before is not None:
        _keep_scalers(layer, before)
    layer.train(module.training)
    module.gain_cell = layer
    if not isinstance(module.config, LayerConfig):
        module.config = LayerConfig(module.config)
    _hook(module, follow_cache)


def _keep_scalers(layer: GainCellAttention, before: GainCellAttention) -> None:
    """Give a layer the scalers of the one before it; one scaler per head becomes equal ones per dimension."""
    own = layer.state_dict()
    for name, value in before.state_dict().items():
        if value.shape[-1] > own[name].shape[-1]:
            raise ModelError("the model has scalers per dimension; convert the one that it came from again")
        own[name].copy_(value)


def _device_of(module: nn.Module) -> torch.device:
    """Where a module computes, which is not where it is kept under accelerate's offloading."""
    for part in module.modules():
        device = getattr(getattr(part, "_hf_hook", None), "execution_device", None)
        if device is not None:
            return torch.device(device)
    device = next(module.parameters()).device
    return torch.device("cpu") if device.type == "meta" else device


def _hook(module: nn.Module, hook: Callable[..., Any]) -> None:
    if hook not in module._forward_pre_hooks.values():
        module.register_forward_pre_hook(hook, with_kwargs=True)
