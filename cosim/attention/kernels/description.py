"""The hardware as a kernel wants it: numbers in full scales, and the terms of both products.

Charges are divided by the full scale of their converter, so that single precision is never near its limits
and an ideal converter is a clip to [0, 1] or [-1, 1].
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..chip_patterns import chip_pattern
from ..stages import OperationContext, cell_terms, chip_of, column_of, noise_of, pattern, stored_volts
from ..surrogate_gradient import linear_cell, linear_term, surrogates


@dataclass(frozen=True)
class ScaledColumn:
    """`ColumnModel` for charges in full scales: Q = A (1 + sum_ij c_ij (charge_scale A)^i u^j)."""

    charge_scale: float
    a_box: tuple[float, float]
    u_box: tuple[float, float]
    coefficients: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Stage:
    """What follows the cells of one product: pulse edges, column and converter."""

    full_scale: float
    """Charge of a full-width pulse, in the hardware's unit; every other charge here is in units of it."""
    signed: bool
    """The converter clips to [-1, 1]; otherwise to [0, 1]."""
    edge: float
    """Charge per pulse that its edges add; 0 for none."""
    column: ScaledColumn | None
    knots: Tensor | None
    """(n,) converter's curve: charge at the knots, float32; None: the ideal line."""
    coefficients: Tensor | None
    """(n - 1, 4) cubic of each interval in steps of its own width, as `Spline`, float32."""
    deviation: Tensor | None
    """A chip's converters, float32: (Hkv, S, 2) offset and gain of the first, or (Hkv, tiles, C, 4) of both
    polarities of the second; None for nominal ones. A charge q counts as (q - offset) (1 + gain)."""
    noise: float
    """Rms noise of the charge; 0 for none."""
    jitter: float
    """Rms jitter of a partial pulse, fraction of T_max; 0 for none."""


@dataclass(frozen=True)
class Circuit:
    """Both stages and what lies around them."""

    first: Stage
    second: Stage
    swap_efficiency: float | None
    """Two phases: what the first phase's charge counts for in the second; None for a single phase."""
    output_steps: int | None
    """Magnitudes of the counter that are not zero; None: it does not quantise."""


@dataclass(frozen=True)
class Cells:
    """The stored elements of one array as terms of its product, in full scales.

    A full-width pulse of a key of age a tokens gives sum_r factors[r][a] terms[r] (factor None: 1).
    """

    terms: tuple[Tensor, ...]
    """Each (B, Hkv, S, R)."""
    factors: tuple[Tensor | None, ...]
    """Each (ages,) or None."""
    loading: Tensor | None
    """(B, Hkv, S, R) bit-line loading, dimensionless; None without a column model."""
    linear: Tensor | None = None
    """(B, Hkv, S, R) what the surrogate gradient takes for the charge; None: its terms. See `slope.py`."""
    linear_index: int = 0
    """The term whose factor `linear` has."""

    def operands(self) -> list[tuple[Tensor, ...]]:
        """What `slope.product` multiplies with the pulses, for every term."""
        if self.linear is None:
            return [(term,) for term in self.terms]
        return list(zip(self.terms, surrogates(self.linear, self.linear_index, len(self.terms)), strict=True))


def cells_of(x: Tensor, array: int, op: OperationContext) -> Cells:
    """Terms of array 1 (keys) or 2 (values) for the volts x (B, Hkv, S, D) to store; differentiable."""
    volts = stored_volts(x, array, op)
    full_scale = op.hardware.q_sat_1 if array == 1 else op.hardware.q_sat_2
    terms = cell_terms(volts, array, op)
    column, linear = column_of(array, op), op.gradient == "fixed-slope"
    return Cells(
        terms=tuple(response / full_scale for response, _ in terms),
        factors=tuple(factor for _, factor in terms),
        loading=None if column is None else column.loading(volts),
        linear=linear_cell(op.hardware)(volts) / full_scale if linear else None,
        linear_index=linear_term(op.hardware, op.effects.decay, len(terms)),
    )


def describe_circuit(
    op: OperationContext, depth: int, device: torch.device, dtype: torch.dtype = torch.float32
) -> Circuit:
    """The numbers of `op`'s hardware for V arrays of `depth` columns (head dimension and normaliser).

    dtype: type of all tensors, float32 where it is not given.
    """
    hardware = op.hardware
    like = torch.empty(0, dtype=dtype, device=device)
    return Circuit(
        first=_stage(1, depth, op, like),
        second=_stage(2, depth, op, like),
        swap_efficiency=hardware.swap_efficiency if hardware.signed_query == "two-phase" else None,
        output_steps=hardware.levels.output // 2 - 1 if op.effects.quantise else None,
    )


def _stage(array: int, depth: int, op: OperationContext, like: Tensor) -> Stage:
    hardware = op.hardware
    full_scale = hardware.q_sat_1 if array == 1 else hardware.q_sat_2
    converter = hardware.phi if array == 1 else hardware.readout
    used = op.effects.converter and converter is not None
    noise = noise_of(op)
    charge, jitter = (0.0, 0.0) if noise is None else (noise.charge_1, noise.jitter_1)
    if noise is not None and array == 2:
        charge, jitter = noise.charge_2, noise.jitter_2
    curve = converter.curve if used else None
    spacing = None if curve is None else curve.knots[1:] - curve.knots[:-1]
    scaled = None if curve is None else curve.coefficients * spacing[:, None] ** [0, 1, 2, 3]
    return Stage(
        full_scale=full_scale,
        signed=array == 2,
        edge=(hardware.edge or 0.0) / full_scale if op.effects.edge else 0.0,
        column=_column(array, full_scale, op),
        knots=None if curve is None else pattern(curve.knots / full_scale, like),
        coefficients=None if curve is None else pattern(scaled, like),
        deviation=deviation_of(array, depth, op, like),
        noise=charge / full_scale,
        jitter=jitter,
    )


def _column(array: int, full_scale: float, op: OperationContext) -> ScaledColumn | None:
    model = column_of(array, op)
    if model is None:
        return None
    rows = tuple(tuple(float(c) for c in row) for row in model.coefficients)
    return ScaledColumn(full_scale / model.q_scale, model.box["a"], model.box["u"], rows)


def deviation_of(array: int, depth: int, op: OperationContext, like: Tensor) -> Tensor | None:
    """`Stage.deviation` of the converters after array 1 or 2, with the dtype and device of `like`."""
    chip, positions = chip_of(op), op.positions
    heads, full_scale = op.kv_heads or 1, op.hardware.q_sat_1 if array == 1 else op.hardware.q_sat_2
    fitted = op.hardware.phi if array == 1 else op.hardware.readout
    if chip is None or fitted is None or not op.effects.converter:
        return None
    if (chip.mismatch.phi if array == 1 else chip.mismatch.readout) is None:
        return None
    if array == 1:
        numbers = chip_pattern(chip, "relus", positions, like, layer=op.layer, heads=heads)
    else:
        end = positions.key_start + positions.ages
        if positions.window is not None:
            end = min(positions.key_start % positions.window + positions.ages, positions.window)
        tiles = -(-end // positions.columns)
        where = {"layer": op.layer, "heads": heads, "depth": depth}
        each = [chip_pattern(chip, "readouts", positions, like, tile=tile, **where) for tile in range(tiles)]
        numbers = torch.stack(each, dim=1)
    # Offsets and gains alternate; only the offsets are charges.
    return numbers / torch.tensor([full_scale, 1.0], device=like.device, dtype=like.dtype).repeat(
        numbers.shape[-1] // 2
    )
