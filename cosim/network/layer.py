"""The attention layer of a converted model: per-head scalers around the two arrays."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from ...models import Chip, Hardware
from ..attention.api import Trace, gain_cell_attention, trace_attention
from ..attention.effects import STANDARD, Effects
from ..attention.kernels.dispatch import Implementation, require_implementation
from ..attention.levels import levels_of, require_levels
from ..attention.ring import require_settings
from ..attention.surrogate_gradient import Gradient, require_gradient


class GainCellAttention(nn.Module):
    """Gain-cell attention between a digital network's q, k, v and its output projection.

    Each head has one affine scaler per signal, as in Leroux et al. 2025 (Methods, "a x + b"), which
    adaptation sets and training refines:

        width     = clip(q_scale q + q_shift, 0, 1)
        key volts = k_scale k + k_shift;   value volts = v_scale v + v_shift
        output    = out_scale out + out_shift

    They start as the identity: one unit of k or v is one volt of deviation from the voltage that means zero.
    Parameters have shape (H, 1, 1), or (Hkv, 1, 1) for k and v. With hardware of kind "softmax" they are left
    out.
    """

    def __init__(
        self,
        hardware: Hardware,
        heads: int,
        *,
        kv_heads: int | None = None,
        window: int | None = None,
        effects: Effects = STANDARD,
        token_period: float | None = None,
        layer: int = 0,
        chip: Chip | None = None,
        implementation: Implementation = "auto",
        gradient: Gradient = "exact",
    ) -> None:
        """window, token_period, chip, implementation, gradient: as in `gain_cell_attention`; layer: which of
        its arrays these are.

        Raises `ValueError` for a window below 1, a token period that is not positive, an implementation or a
        gradient that does not exist, `HardwareError` for a gradient that the hardware lacks.
        """
        super().__init__()
        require_settings(window, token_period)
        require_implementation(implementation)
        require_gradient(gradient, hardware)
        kv_heads = heads if kv_heads is None else kv_heads
        self.hardware, self.window, self.effects = hardware, window, effects
        self.token_period, self.layer, self.chip = token_period, layer, chip
        self.implementation, self.gradient = implementation, gradient
        self.recorder: list[Trace] | None = None
        self.q_scale, self.q_shift = _scaler(heads, 1.0, 0.0)
        self.k_scale, self.k_shift = _scaler(kv_heads, 1.0, hardware.v_zero)
        self.v_scale, self.v_shift = _scaler(kv_heads, 1.0, hardware.v_zero)
        self.out_scale, self.out_shift = _scaler(heads, 1.0, 0.0)

    def forward(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        attention_mask: Tensor | None = None,
        *,
        key_start: int = 0,
        scaling: float | None = None,
    ) -> Tensor:
        """q: (B, H, T, D); k, v: (B, Hkv, S, D), all as the digital network has them. Returns (B, H, T, D).

        k and v may also be what `written_levels` made of them. scaling is the softmax temperature that the
        network asks for, None for 1 / sqrt(D). Only exact softmax uses it; for gain cells it is part of what
        q_scale absorbs.
        """
        where = {"window": self.window, "key_start": key_start, "attention_mask": attention_mask}
        if self.hardware.kind == "softmax":
            temperature = 1.0 if scaling is None else scaling * q.shape[-1] ** 0.5
            return gain_cell_attention(q * temperature, k, v, self.hardware, **where)
        widths, key_volts, value_volts = self.map_inputs(q, k, v)
        arguments = where | {"effects": self.effects, "token_period": self.token_period}
        arguments |= {"chip": self.chip, "layer": self.layer}
        if self.recorder is None:
            arguments |= {"implementation": self.implementation, "gradient": self.gradient}
            out = gain_cell_attention(widths, key_volts, value_volts, self.hardware, **arguments)
        else:
            out, trace = trace_attention(widths, key_volts, value_volts, self.hardware, **arguments)
            self.recorder.append(trace)
        return torch.addcmul(self.out_shift, out, self.out_scale).to(q.dtype)

    def map_inputs(self, q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Pulse widths, key volts and value volts that the scalers ask for, before any clip.

        Levels stay levels.
        """
        # In one pass each: with a cache of plain keys and values, all are mapped again for every token.
        widths = torch.addcmul(self.q_shift, q, self.q_scale)
        return (widths, k, v) if k.dtype == torch.uint8 else (widths, *self._asked(k, v))

    def written_levels(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Levels (uint8) at which the cells of these keys and values are written.

        Raises `HardwareError` where the cells hold none.
        """
        require_levels(self.hardware, self.effects)
        volts = self._asked(k, v)
        return levels_of(volts[0], 1, self.hardware), levels_of(volts[1], 2, self.hardware)

    def _asked(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        return torch.addcmul(self.k_shift, k, self.k_scale), torch.addcmul(self.v_shift, v, self.v_scale)

    def extra_repr(self) -> str:
        used = f"hardware={self.hardware.name}, cell={self.hardware.cell}"
        chip = "" if self.chip is None else f", chip={self.chip.seed}"
        return f"{used}, window={self.window}, layer={self.layer}{chip}"


def _scaler(heads: int, scale: float, shift: float) -> tuple[nn.Parameter, nn.Parameter]:
    return (
        nn.Parameter(torch.full((heads, 1, 1), scale)),
        nn.Parameter(torch.full((heads, 1, 1), shift)),
    )


def gain_cell_layers(model: nn.Module) -> dict[str, GainCellAttention]:
    """The gain-cell attention modules of a model by name, in order, without the prefix of `torch.compile`."""
    return {
        name.replace("_orig_mod.", ""): module
        for name, module in model.named_modules()
        if isinstance(module, GainCellAttention)
    }


def put_on_chip(model: nn.Module, chip: Chip | None) -> None:
    """Let every gain-cell layer of a model compute on the arrays of one chip; None: on nominal circuits."""
    for layer in gain_cell_layers(model).values():
        layer.chip = chip


@contextmanager
def record_traces(model: nn.Module) -> Iterator[dict[str, list[Trace]]]:
    """Within the context, every forward call of every gain-cell layer leaves its trace: {module name: [Trace,
    ...]}.

    A trace holds (T x S) tensors: run few tokens, under `torch.no_grad`.
    """
    layers = gain_cell_layers(model)
    traces: dict[str, list[Trace]] = {name: [] for name in layers}
    for name, layer in layers.items():
        layer.recorder = traces[name]
    try:
        yield traces
    finally:
        for layer in layers.values():
            layer.recorder = None
