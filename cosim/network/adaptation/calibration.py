"""Calibration of the scalers of gain-cell attention from statistics, without training: the published first
step.

Leroux et al. 2025 (Methods, "nonlinear model adaptation") give every head an affine scaler x -> a x + b on
its query, key, value and output, and choose a and b layer by layer such that mean and standard deviation of
the scaled signals equal those of a model that works: their network with linear cells. The teacher here may be
such a network, or exact softmax. Softmax has no pulse widths or volts to equal. In that case a search over a
short list chooses mean and standard deviation per head, by how well the head's output follows the teacher's.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from ....circuits.errors import ModelError
from ....models import Hardware
from ..batches import evaluation_mode, training_batch
from ..compute import device_of
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
"""Means and standard deviations that the search tries, before clipping. Query: fraction of T_max. Key and
value: fraction of half the voltage range, from `v_zero`. A negative mean of the keys keeps most charges below
the threshold of phi."""

CALIBRATION_WINDOWS = 2
"""Windows of training text that calibration reads."""
CALIBRATION_SEED = 1000
"""Seed of those windows, different from the seeds of training."""
SWEEPS = 2
"""Passes of the search over `SPREADS`, one entry at a time."""


def calibration_inputs(tokens: Tensor, context: int) -> Tensor:
    """Token ids (B, T) of training text that the scalers are calibrated on."""
    return training_batch(tokens, step=0, seed=CALIBRATION_SEED, batch=CALIBRATION_WINDOWS, context=context)[
        :, :-1
    ]


@dataclass(frozen=True)
class Inputs:
    """Inputs of one attention layer, in the units of the digital network."""

    q: Tensor
    """Queries, shape (B, H, T, D)."""
    k: Tensor
    """Keys, shape (B, Hkv, S, D)."""
    v: Tensor
    """Values, shape (B, Hkv, S, D)."""


@dataclass(frozen=True)
class Signals(Inputs):
    """Inputs and output of one attention layer, in the units of the digital network."""

    out: Tensor
    """Output, shape (B, H, T, D)."""


@torch.no_grad()
def calibrate(
    model: nn.Module,
    teacher: nn.Module,
    inputs: Tensor,
    *,
    progress: Callable[[int, int], None] = lambda done, layers: None,
) -> dict[str, Tensor]:
    """Set the scalers of a converted model, layer by layer: every layer follows calibrated ones.

    The network runs once. Each layer is calibrated when its inputs arrive, before it computes its output, so
    the layers after it see a calibrated one.

    Args:
        model: converted model. teacher: the model before conversion (exact softmax), or a copy converted to
            hardware that it works on, such as the published linear cell.
        inputs: token ids of training text, shape (B, T).
        progress: called with (layers done, layers), first with 0 layers done.

    Returns:
        By layer name: squared error of each head's output relative to the variance of the teacher's, shape
            (H,).

    Raises:
        ModelError: the two models do not have the same layers.
    """
    layers, reference = gain_cell_layers(model), _reference(teacher)
    targets, examples = gain_cell_layers(reference), record_signals(reference, inputs)
    if not layers or set(layers) - set(examples):
        raise ModelError("calibration needs a converted model and a teacher with the same attention layers")
    errors: dict[str, Tensor] = {}

    def adjust(name: str, layer: GainCellAttention, own: Inputs) -> None:
        if targets[name].hardware.kind == "softmax":
            errors[name] = _search(layer, own, examples[name].out)
        else:
            _equal_statistics(layer, own, targets[name], examples[name])
            errors[name] = fit_output(layer, own, examples[name].out)
        progress(len(errors), len(layers))

    progress(0, len(layers))
    handles = {}
    for name, layer in layers.items():

        def first_call(module: GainCellAttention, arguments: tuple, name: str = name) -> None:
            handles[name].remove()
            adjust(name, module, Inputs(*(x.float() for x in arguments[:3])))

        handles[name] = layer.register_forward_pre_hook(first_call)
    _read(model, inputs, handles.values())
    return {name: errors[name] for name in layers}


def record_signals(model: nn.Module, inputs: Tensor) -> dict[str, Signals]:
    """Signals of the gain-cell layers of a model while it reads token ids.

    Args:
        model: converted model.
        inputs: token ids, shape (B, T); moved to the model's device.

    Returns:
        By layer name: the signals of its first call.
    """
    signals: dict[str, Signals] = {}
    handles = []
    for name, layer in gain_cell_layers(model).items():

        def keep(module: nn.Module, arguments: tuple, out: Tensor, name: str = name) -> None:
            signals.setdefault(name, Signals(*(x.float() for x in (*arguments[:3], out))))

        handles.append(layer.register_forward_hook(keep))
    _read(model, inputs, handles)
    return signals


def _read(model: nn.Module, inputs: Tensor, handles: Iterable[RemovableHandle]) -> None:
    """Run a model once on token ids, and remove the hooks that watch it."""
    try:
        with evaluation_mode(model):
            model(input_ids=inputs.to(device_of(model)), use_cache=False)
    finally:
        for handle in handles:
            handle.remove()


def fit_output(layer: GainCellAttention, own: Inputs, target: Tensor) -> Tensor:
    """Set a layer's output scalers by least squares.

    Least squares instead of equal standard deviations: the output of a head that cannot follow shrinks, and
    does not add noise of full size to the network.

    Args:
        layer: attention layer whose output scalers are set.
        own: its signals.
        target: output to follow, shape (B, H, T, D).

    Returns:
        Squared error relative to the target's variance, shape (H,).
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


def set_statistics(layer: GainCellAttention, own: Inputs, spread: dict[str, Tensor]) -> None:
    """Set a layer's input scalers such that its signals have given means and standard deviations.

    Args:
        layer: attention layer whose input scalers are set.
        own: its signals.
        spread: entries as in `SPREADS`, each of shape (Hkv,); the query heads of a group share an entry.
    """
    hardware, group = layer.hardware, layer.q_scale.shape[0] // layer.k_scale.shape[0]
    half = 0.5 * (hardware.v_max - hardware.v_min)
    mean, deviation = (spread[name].repeat_interleave(group) for name in ("query_mean", "query"))
    _affine(layer.q_scale, layer.q_shift, layer.rotate(own.q), mean, deviation)
    key_mean = hardware.v_zero + half * spread["key_mean"]
    _affine(layer.k_scale, layer.k_shift, layer.rotate(own.k), key_mean, half * spread["key"])
    value_mean = torch.full_like(spread["value"], hardware.v_zero)
    _affine(layer.v_scale, layer.v_shift, own.v, value_mean, half * spread["value"])


def _reference(teacher: nn.Module) -> nn.Module:
    """The teacher with layers that can be recorded: exact softmax is converted to ideal hardware."""
    if gain_cell_layers(teacher):
        return teacher
    return convert(copy.deepcopy(teacher), Hardware.from_pretrained("ideal"), include="*")


def _search(layer: GainCellAttention, own: Inputs, target: Tensor) -> Tensor:
    """Choose the statistics one after the other, for each group of heads by itself; returns the error
    (H,)."""
    groups, device = layer.k_scale.shape[0], layer.k_scale.device
    best = {name: torch.full((groups,), choices[0], device=device) for name, choices in SPREADS.items()}
    lowest = torch.full((groups,), torch.inf, device=device)
    trials = [
        (name, choice) for _ in range(SWEEPS) for name, choices in SPREADS.items() for choice in choices
    ]
    with as_proxy(layer):
        for name, choice in trials:
            set_statistics(layer, own, best | {name: torch.full_like(lowest, choice)})
            error = fit_output(layer, own, target).view(groups, -1).mean(1)
            better = error < lowest
            best[name] = torch.where(better, choice, best[name])
            lowest = torch.where(better, error, lowest)
    set_statistics(layer, own, best)
    return fit_output(layer, own, target)


def _equal_statistics(
    layer: GainCellAttention, own: Inputs, teacher: GainCellAttention, taught: Inputs
) -> None:
    """Input scalers that give the signals the teacher's mean and standard deviation."""
    q, k, v = teacher.map_inputs(taught.q, taught.k, taught.v)
    _affine(layer.q_scale, layer.q_shift, layer.rotate(own.q), *_statistics(q))
    _affine(layer.k_scale, layer.k_shift, layer.rotate(own.k), *_statistics(k))
    _affine(layer.v_scale, layer.v_shift, own.v, *_statistics(v))


def _affine(scale: Tensor, shift: Tensor, signal: Tensor, mean: Tensor, deviation: Tensor) -> None:
    """Scalers in place, such that scale * signal + shift has the mean and deviation (heads,) asked for.

    All elements of a head get the same scalers, also where each has its own.
    """
    own_mean, own_deviation = _statistics(signal)
    factor = deviation / own_deviation.clamp(min=1e-12)
    scale.copy_(factor[:, None, None])
    shift.copy_((mean - own_mean * factor)[:, None, None])


def _statistics(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation per head of (B, H, T, D), each (H,)."""
    return x.mean((0, 2, 3)), x.transpose(0, 1).flatten(1).std(1)


def _centre(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean per head (H, 1, 1) of (B, H, T, D), and what is left without it."""
    mean = x.mean((0, 2, 3))[:, None, None]
    return mean, x - mean
