"""Set the scalers of gain-cell attention from statistics, without training: the published first step.

Leroux et al. 2025 (Methods, "nonlinear model adaptation") give every head an affine scaler x -> a x + b on
its query, key, value and output, and choose a, b layer by layer so that mean and standard deviation of the
scaled signals equal those of a model that works, their network with linear cells. Here the teacher may be
such a network, or exact softmax; softmax has no pulse widths or volts to equal, so then the mean and standard
deviation themselves are chosen, per head, from a short list, by how well the head's output follows the
teacher's.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ....circuits.errors import ModelError
from ....models import Hardware
from ..batches import evaluation_mode
from ..conversion import convert
from ..layer import GainCellAttention, gain_cell_layers
from .proxy import as_proxy

SPREADS = {
    "key": (0.1, 0.2, 0.35, 0.6, 1.0, 2.0),
    "key_mean": (0.0, -0.06, -0.12, -0.24, -0.4),
    "query": (0.1, 0.2, 0.35, 0.6, 1.0),
    "query_mean": (0.5, 0.3, 0.1, 0.0, -0.3),
    "value": (0.05, 0.15, 0.3, 0.6),
}
"""Means and standard deviations tried, before clipping: query as a fraction of T_max, key and value of half
the voltage range, from `v_zero`. A negative mean of the keys keeps most charges below phi's threshold."""

SWEEPS = 2
"""How often the search goes through `SPREADS`, one entry at a time."""


@dataclass(frozen=True)
class Signals:
    """What one attention layer sees and gives, as the digital network has it."""

    q: Tensor
    """(B, H, T, D)"""
    k: Tensor
    """(B, Hkv, S, D)"""
    v: Tensor
    out: Tensor
    """(B, H, T, D)"""


@torch.no_grad()
def calibrate(model: nn.Module, teacher: nn.Module, inputs: Tensor) -> dict[str, Tensor]:
    """Set the scalers of a converted model, layer by layer, from its signals on token ids `inputs` (B, T).

    teacher: the model before conversion (exact softmax), or a copy converted to hardware that it works on,
    such as the published linear cell. Every layer is calibrated with the layers before it already calibrated.

    Returns the squared error of each head's output relative to the variance of the teacher's, (H,) by layer
    name. Raises `ModelError` when the two models do not have the same layers.
    """
    layers = gain_cell_layers(model)
    reference = _reference(teacher)
    examples = record_signals(reference, inputs)
    if not layers or set(layers) - set(examples):
        raise ModelError("matching needs a converted model and a teacher with the same attention layers")
    errors = {}
    for name, layer in layers.items():
        own = record_signals(model, inputs)[name]
        target = gain_cell_layers(reference)[name]
        if target.hardware.kind == "softmax":
            errors[name] = _search(layer, own, examples[name].out)
        else:
            _equal_statistics(layer, own, target, examples[name])
            errors[name] = fit_output(layer, own, examples[name].out)
    return errors


def record_signals(model: nn.Module, inputs: Tensor) -> dict[str, Signals]:
    """Signals of every gain-cell layer of a model while it reads `inputs` (B, T)."""
    signals: dict[str, Signals] = {}
    handles = []
    for name, layer in gain_cell_layers(model).items():

        def keep(module: nn.Module, arguments: tuple, out: Tensor, name: str = name) -> None:
            signals[name] = Signals(*(x.float() for x in arguments[:3]), out.float())

        handles.append(layer.register_forward_hook(keep))
    try:
        with evaluation_mode(model):
            model(input_ids=inputs, use_cache=False)
    finally:
        for handle in handles:
            handle.remove()
    return signals


def fit_output(layer: GainCellAttention, own: Signals, target: Tensor) -> Tensor:
    """Output scalers by least squares against `target` (B, H, T, D); returns the relative error (H,).

    Least squares instead of equal standard deviations: where a head cannot follow, its output shrinks rather
    than adding noise of full size to the network.
    """
    layer.out_scale.fill_(1.0)
    layer.out_shift.fill_(0.0)
    out = layer(own.q, own.k, own.v)
    (mean, centred), (target_mean, target_centred) = _centre(out), _centre(target)
    power = centred.square().sum((0, 2, 3)).clamp(min=1e-12)
    scale = (centred * target_centred).sum((0, 2, 3)) / power
    layer.out_scale.copy_(scale[:, None, None])
    layer.out_shift.copy_(target_mean - layer.out_scale * mean)
    residual = (layer.out_scale * centred - target_centred).square().sum((0, 2, 3))
    return residual / target_centred.square().sum((0, 2, 3)).clamp(min=1e-12)


def set_statistics(layer: GainCellAttention, own: Signals, spread: dict[str, Tensor]) -> None:
    """Input scalers that give the signals the mean and standard deviation of `spread`, one entry per group.

    spread: as in `SPREADS`, each (Hkv,); the query heads of a group share its entry.
    """
    hardware, group = layer.hardware, layer.q_scale.shape[0] // layer.k_scale.shape[0]
    half = 0.5 * (hardware.v_max - hardware.v_min)
    mean, deviation = (spread[name].repeat_interleave(group) for name in ("query_mean", "query"))
    _affine(layer.q_scale, layer.q_shift, own.q, mean, deviation)
    key_mean = hardware.v_zero + half * spread["key_mean"]
    _affine(layer.k_scale, layer.k_shift, own.k, key_mean, half * spread["key"])
    value_mean = torch.full_like(spread["value"], hardware.v_zero)
    _affine(layer.v_scale, layer.v_shift, own.v, value_mean, half * spread["value"])


def _reference(teacher: nn.Module) -> nn.Module:
    """The teacher with layers whose signals can be recorded: exact softmax goes through ideal hardware."""
    if gain_cell_layers(teacher):
        return teacher
    return convert(copy.deepcopy(teacher), Hardware.from_pretrained("ideal"), include="*")


def _search(layer: GainCellAttention, own: Signals, target: Tensor) -> Tensor:
    """Statistics chosen one after the other, each group of heads for itself; returns the error (H,)."""
    groups = layer.k_scale.shape[0]
    best = {name: torch.full((groups,), choices[0]) for name, choices in SPREADS.items()}
    lowest = torch.full((groups,), torch.inf)
    trials = [
        (name, choice) for _ in range(SWEEPS) for name, choices in SPREADS.items() for choice in choices
    ]
    with as_proxy(layer):
        for name, choice in trials:
            set_statistics(layer, own, best | {name: torch.full((groups,), choice)})
            error = fit_output(layer, own, target).view(groups, -1).mean(1)
            better = error < lowest
            best[name] = torch.where(better, choice, best[name])
            lowest = torch.where(better, error, lowest)
    set_statistics(layer, own, best)
    return fit_output(layer, own, target)


def _equal_statistics(
    layer: GainCellAttention, own: Signals, teacher: GainCellAttention, taught: Signals
) -> None:
    """Input scalers that give the signals the teacher's mean and standard deviation."""
    q, k, v = teacher.map_inputs(taught.q, taught.k, taught.v)
    _affine(layer.q_scale, layer.q_shift, own.q, *_statistics(q))
    _affine(layer.k_scale, layer.k_shift, own.k, *_statistics(k))
    _affine(layer.v_scale, layer.v_shift, own.v, *_statistics(v))


def _affine(scale: Tensor, shift: Tensor, signal: Tensor, mean: Tensor, deviation: Tensor) -> None:
    """Scalers (heads, 1, 1) in place, such that scale * signal + shift has the statistics asked for."""
    own_mean, own_deviation = _statistics(signal)
    scale.copy_((deviation / own_deviation.clamp(min=1e-12))[:, None, None])
    shift.copy_((mean - own_mean * scale.flatten())[:, None, None])


def _statistics(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation per head of (B, H, T, D), each (H,)."""
    return x.mean((0, 2, 3)), x.transpose(0, 1).flatten(1).std(1)


def _centre(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean per head (H, 1, 1) of (B, H, T, D), and what is left without it."""
    mean = x.mean((0, 2, 3))[:, None, None]
    return mean, x - mean
