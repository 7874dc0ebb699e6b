"""The attention layer of a converted model: per-head scalers around the two arrays."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from ...circuits.errors import ModelError
from ...models import Chip, Hardware
from ..attention.api import Trace, gain_cell_attention, trace_attention
from ..attention.effects import STANDARD, Effects
from ..attention.kernels.dispatch import Implementation, require_implementation
from ..attention.levels import levels_of, require_levels
from ..attention.operation import full_precision
from ..attention.ring import require_settings
from ..attention.surrogate_gradient import Gradient, require_gradient
from .softmax_heads import chosen_heads, exact_attention, of_heads
from .transforms import NONE, Transforms, rotation_matrix


class GainCellAttention(nn.Module):
    """Gain-cell attention between a digital network's q, k, v and its output projection.

    Each head has one affine scaler per signal, as in Leroux et al. 2025 (Methods, "a x + b"). Calibration
    sets the scalers, and training refines them:

        width     = clip(q_scale q R + q_shift, 0, 1)
        key volts = k_scale k R + k_shift;   value volts = v_scale v + v_shift
        output    = out_scale out + out_shift

    They start as the identity: one unit of k or v is one volt of deviation from the voltage that means zero.
    Their shape is (H, 1, 1), or (Hkv, 1, 1) for k and v; with `transforms.per_dimension`, (H, 1, D) and
    (Hkv, 1, D). R is the rotation of `transforms`, or absent. Hardware of kind "softmax" has no scalers, only
    the rotation, which does not change its result. Heads in `softmax_heads` are computed by exact attention
    of the digital network, whatever the hardware.
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
        mask_window: int | None = None,
        caches_keys: bool = True,
        transforms: Transforms = NONE,
        depth: int | None = None,
        softmax_heads: Iterable[int] = (),
    ) -> None:
        """Build a layer with identity scalers.

        Args:
            hardware: hardware of the arrays.
            heads: query heads H.
            kv_heads: key-value heads Hkv; None: as many as query heads.
            window: columns of the ring; None: the hardware's, or a ring that is never overwritten.
            effects: non-idealities that act.
            token_period: time between tokens, s; None: one layer's latency.
            layer: number of the layer, which selects its arrays on a chip.
            chip: chip whose deviations act; None: nominal circuits.
            implementation: back end, as in `gain_cell_attention`.
            gradient: derivative of the cells' charge, as in `gain_cell_attention`.
            mask_window: sliding window for which the network makes this layer's masks; None: full attention.
            caches_keys: whether the network caches this layer's keys and values as they are.
            transforms: digital transforms of q, k and v before the arrays.
            depth: head dimension D, which transforms need.
            softmax_heads: numbers of the query heads that stay exact attention.

        Raises:
            ValueError: a window below 1, a token period that is not positive, an implementation or gradient
                that does not exist, transforms without a head dimension, or a head that does not exist.
            HardwareError: a gradient that the hardware lacks.
            ModelError: a chip of other hardware.
        """
        super().__init__()
        require_settings(window, token_period)
        require_implementation(implementation)
        require_gradient(gradient, hardware)
        require_chip(chip, hardware)
        kv_heads = heads if kv_heads is None else kv_heads
        self.hardware, self.window, self.effects = hardware, window, effects
        self.token_period, self.layer, self.chip = token_period, layer, chip
        self.implementation, self.gradient = implementation, gradient
        self.mask_window, self.caches_keys = mask_window, caches_keys
        self.softmax_heads = chosen_heads(softmax_heads, heads)
        self.recorder: list[Trace] | None = None
        if transforms != NONE and depth is None:
            raise ValueError("transforms need the head dimension: give depth")
        self.transforms = transforms
        # Not a buffer: transformers leaves buffers that are not saved empty when it loads a model.
        self.rotation: Tensor | None = None
        if transforms.rotation is not None:
            self.rotation = rotation_matrix(depth, transforms.rotation, layer)
        size = depth if transforms.per_dimension else 1
        self.q_scale, self.q_shift = _scaler(heads, size, 1.0, 0.0)
        self.k_scale, self.k_shift = _scaler(kv_heads, size, 1.0, hardware.v_zero)
        self.v_scale, self.v_shift = _scaler(kv_heads, size, 1.0, hardware.v_zero)
        self.out_scale, self.out_shift = _scaler(heads, size, 1.0, 0.0)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> GainCellAttention:
        super()._apply(fn, recurse)
        if self.rotation is not None:
            self.rotation = fn(self.rotation)
        return self

    def train(self, mode: bool = True) -> GainCellAttention:
        """Set training mode.

        Warns if no scaler would learn, as after `peft.get_peft_model`.
        """
        if mode and not any(parameter.requires_grad for parameter in self.parameters()):
            warnings.warn(
                "the scalers of gain-cell attention are frozen and will not learn; with PEFT, convert the "
                "model after get_peft_model",
                RuntimeWarning,
                stacklevel=2,
            )
        return super().train(mode)

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
        """Attention output in the units of the digital network.

        Args:
            q: queries, shape (B, H, T, D).
            k: keys, shape (B, Hkv, S, D), or levels (uint8) from `written_levels`.
            v: values, shape (B, Hkv, S, D), or levels.
            attention_mask: True where a token is stored, shape (B, S); None: all are.
            key_start: position of key 0.
            scaling: factor of q k^T in exact softmax; None: 1 / sqrt(D). With gain cells, q_scale absorbs it.

        Returns:
            Output, shape (B, H, T, D).

        Raises:
            ValueError: other numbers of heads than the layer has scalers, and as `gain_cell_attention`.
        """
        where = {"window": self.window, "key_start": key_start, "attention_mask": attention_mask}
        if self.hardware.kind == "softmax":
            return exact_attention(self.rotate(q), self.rotate(k), v, scaling, self.hardware, **where)
        exact = None
        if self.softmax_heads:
            # A digital cache is no ring: these heads see what the network's own mask lets them see.
            digital = where | {"window": self.mask_window}
            exact = exact_attention(*of_heads(q, k, v, self.softmax_heads), scaling, **digital)
            if len(self.softmax_heads) == len(self.q_scale):
                return exact
        if q.ndim == k.ndim == 4 and (q.shape[1], k.shape[1]) != (len(self.q_scale), len(self.k_scale)):
            raise ValueError(
                f"the layer has scalers of {len(self.q_scale)} query and {len(self.k_scale)} key-value "
                f"heads, got {q.shape[1]} and {k.shape[1]}"
            )
        widths, key_volts, value_volts = self.map_inputs(q, k, v)
        arguments = where | {"effects": self.effects, "token_period": self.token_period}
        arguments |= {"chip": self.chip, "layer": self.layer}
        if self.recorder is None:
            arguments |= {"implementation": self.implementation, "gradient": self.gradient}
            out = gain_cell_attention(widths, key_volts, value_volts, self.hardware, **arguments)
        else:
            out, trace = trace_attention(widths, key_volts, value_volts, self.hardware, **arguments)
            self.recorder.append(trace)
        out = torch.addcmul(self.out_shift, out, self.out_scale).to(q.dtype)
        if exact is None:
            return out
        return out.index_copy(1, torch.tensor(self.softmax_heads, device=out.device), exact.to(q.dtype))

    def map_inputs(self, q: Tensor, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Apply the input scalers.

        Args:
            q: queries, shape (B, H, T, D).
            k: keys, shape (B, Hkv, S, D); levels are returned unchanged.
            v: values, shape (B, Hkv, S, D); levels are returned unchanged.

        Returns:
            Pulse widths / T_max, key volts and value volts, before any clip.
        """
        widths = self._scaled(q, self.q_scale, self.q_shift)
        return (widths, k, v) if k.dtype == torch.uint8 else (widths, *self._target_volts(k, v))

    def rotate(self, x: Tensor) -> Tensor:
        """Rotate queries or keys (..., D), at full precision; without a rotation, they are returned as they
        are."""
        if self.rotation is None:
            return x
        with full_precision(x.device.type):
            return x @ self.rotation.to(x.dtype)

    def _scaled(self, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        # addcmul makes one pass: a cache of plain keys and values is scaled again for every token.
        if self.rotation is None:
            return torch.addcmul(shift, x, scale)
        return self.rotate(x * scale) + shift

    def written_levels(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Levels at which the cells of keys and values are written.

        Args:
            k: keys, shape (B, Hkv, S, D).
            v: values, shape (B, Hkv, S, D).

        Returns:
            Levels of both, uint8, in the same shapes.

        Raises:
            HardwareError: the cells hold no levels.
        """
        require_levels(self.hardware, self.effects)
        volts = self._target_volts(k, v)
        return levels_of(volts[0], 1, self.hardware), levels_of(volts[1], 2, self.hardware)

    def _target_volts(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        value_volts = torch.addcmul(self.v_shift, v, self.v_scale)
        return self._scaled(k, self.k_scale, self.k_shift), value_volts

    def extra_repr(self) -> str:
        used = f"hardware={self.hardware.name}, cell={self.hardware.cell}"
        chip = "" if self.chip is None else f", chip={self.chip.seed}"
        return f"{used}, window={self.window}, layer={self.layer}{chip}"


def _scaler(heads: int, size: int, scale: float, shift: float) -> tuple[nn.Parameter, nn.Parameter]:
    return (
        nn.Parameter(torch.full((heads, 1, size), scale, dtype=torch.float32)),
        nn.Parameter(torch.full((heads, 1, size), shift, dtype=torch.float32)),
    )


def gain_cell_layers(model: nn.Module) -> dict[str, GainCellAttention]:
    """Gain-cell attention modules of a model by name, in order, without the prefix of `torch.compile`."""
    return {
        name.replace("_orig_mod.", ""): module
        for name, module in model.named_modules()
        if isinstance(module, GainCellAttention)
    }


def put_on_chip(model: nn.Module, chip: Chip | None) -> None:
    """Make every gain-cell layer of a model compute on the arrays of a chip; None: on nominal circuits.

    Args:
        model: converted model.
        chip: chip of the layers' hardware.

    Raises:
        ModelError: a chip of other hardware.
    """
    layers = gain_cell_layers(model).values()
    for layer in layers:
        require_chip(chip, layer.hardware)
    for layer in layers:
        layer.chip = chip


def require_chip(chip: Chip | None, hardware: Hardware) -> None:
    """Check that a chip was made of a hardware.

    Args:
        chip: chip; None: nominal circuits.
        hardware: hardware of the arrays.

    Raises:
        ModelError: a chip of other hardware.
    """
    if chip is not None and (chip.mismatch != hardware.mismatch or chip.columns != hardware.columns):
        raise ModelError(
            f"chip {chip.seed} is not one of hardware {hardware.name!r}; make one with hardware.chip(seed)"
        )


@contextmanager
def record_traces(model: nn.Module) -> Iterator[dict[str, list[Trace]]]:
    """Within the context, record a trace of every forward call of every gain-cell layer.

    A trace holds (T, S) tensors: run few tokens, under `torch.no_grad`.

    Yields:
        Module name -> traces, in the order of the calls.
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
