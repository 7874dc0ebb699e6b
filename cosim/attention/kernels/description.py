"""The hardware as a kernel wants it: numbers in full scales, and the terms of both products.

Charges are divided by the full scale of their converter, so that single precision is never near its limits
and an ideal converter is a clip to [0, 1] or [-1, 1].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ....models import Hardware
from ..chip_patterns import chip_pattern
from ..effects import Effects
from ..operation import (
    OperationContext,
    bit_line_of,
    cells_deviate,
    chip_of,
    column_of,
    full_scale_of,
    noise_of,
)
from ..ring import Positions
from ..signed_query import phases_of
from ..stages import cell_terms, pattern, query_widths, stored_volts
from ..surrogate_gradient import Gradient, linear_cell, linear_term
from .aging import Aging, aging_of
from .level_tables import LevelTerms, terms_by_level, with_fewer_terms

LEAST_AGES = 256
"""Number of ages that a circuit is described for at least."""


class Settings(NamedTuple):
    """All that the description of a circuit depends on; back ends keep their descriptions by it."""

    hardware: Hardware
    effects: Effects
    token_period: float | None
    """Time between tokens, s; None: the latency of one layer."""
    gradient: Gradient
    deviate: bool
    """Every cell has a deviation of its own."""
    by_level: bool
    """Elements are looked up by their level; else their terms are computed from volts."""
    ages: int
    """Number of ages that are described, in tokens."""
    reach: int
    """Number of ages that can occur."""
    row_tiles: int
    """Row tiles of the K array; 1: one bit line adds all rows."""

    def operation(self) -> OperationContext:
        """An operation with these settings, without tensors and without a chip."""
        nowhere = torch.zeros(1, 1, dtype=torch.int64)
        positions = Positions(None, None, nowhere, 1, None, self.hardware.columns, self.ages, 0)
        settings = self.hardware, self.effects, positions, self.token_period, None
        return OperationContext(*settings, gradient=self.gradient, row_tiles=self.row_tiles)


def settings_of(op: OperationContext, by_level: bool) -> Settings:
    """The settings of `op`; the number of ages is rounded up: a token more is rarely another circuit."""
    ages, window = LEAST_AGES, op.positions.window
    while ages < op.positions.ages:
        ages *= 2
    reach = ages if window is None else min(ages, window)
    period = _constant(op.token_period)
    kind = op.gradient, cells_deviate(op), by_level
    return Settings(op.hardware, op.effects, period, *kind, ages, _constant(reach), op.row_tiles)


def _constant(x: Any) -> Any:
    """x itself; to a compiler, which may take numbers for symbols, what it was when the graph was made.

    A compiler has no symbols in its sets, and guards what it has put there.
    """
    (x,) = {x}
    return x


@dataclass(frozen=True)
class ScaledColumn:
    """`ColumnModel` for charges in full scales: Q = A (1 + sum_ij c_ij (charge_scale A)^i u^j)."""

    charge_scale: float
    a_box: tuple[float, float]
    u_box: tuple[float, float]
    coefficients: tuple[tuple[float, ...], ...]

    def numbers(self) -> list[float]:
        """Scale, both ends of both boxes, and the coefficients row by row."""
        flat = [c for row in self.coefficients for c in row]
        return [self.charge_scale, *self.a_box, *self.u_box, *flat]


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
    noise: float
    """Rms noise of the charge; 0 for none."""
    jitter: float
    """Rms jitter of a partial pulse, fraction of T_max; 0 for none."""


@dataclass(frozen=True)
class Circuit:
    """Both stages and what lies around them, without a chip's deviations."""

    first: Stage
    second: Stage
    columns: int
    """Ring columns in a sub-tile."""
    volts: tuple[float, float]
    """Lowest and highest stored voltage, V."""
    levels: tuple[int, int]
    """Levels of the stored keys and values."""
    signed_query: str | None
    """How negative queries are read, as in the hardware."""
    normaliser: float | None
    """Voltage of the normalising column, V; None: there is none."""
    swap_efficiency: float | None
    """Two phases: what the first phase's charge counts for in the second; None for a single phase."""
    query_steps: int | None
    """Steps of a full-width pulse of the queries; None: they are not quantised."""
    output_steps: int | None
    """Magnitudes of the counter that are not zero; None: it does not quantise."""
    loaded_phases: bool
    """Two phases are apart: they load the bit line one after the other, or row tiles convert each. Otherwise
    they are one of net pulses."""
    row_tiles: int
    """Row tiles of the K array, whose counts are added; 1: one bit line adds all rows."""


@dataclass(frozen=True)
class Cells:
    """The stored elements of one array as terms of its product, in full scales.

    A full-width pulse of a key of age a tokens gives sum_r factor_r(a) terms[r].
    """

    terms: tuple[Tensor, ...]
    """Each (B, Hkv, S, R)."""
    loading: Tensor | None
    """(B, Hkv, S, R) bit-line loading, dimensionless; None without a column model."""
    linear: Tensor | None
    """(B, Hkv, S, R) what the surrogate gradient takes for the charge; None: its terms. It has the
    factor of the term `linear_term`."""


def cells_of(x: Tensor, array: int, op: OperationContext) -> Cells:
    """Terms of array 1 (keys) or 2 (values) for the volts x (B, Hkv, S, D) to store; differentiable."""
    volts = stored_volts(x, array, op)
    full_scale = full_scale_of(array, op)
    terms = cell_terms(volts, array, op)
    column, linear = column_of(array, op), op.gradient == "fixed-slope"
    return Cells(
        terms=tuple(response / full_scale for response, _ in terms),
        loading=None if column is None else column.loading(volts),
        linear=linear_cell(op.hardware)(volts) / full_scale if linear else None,
    )


def row_pulses(q: Tensor, op: OperationContext, circuit: Circuit) -> Tensor:
    """Pulses on the rows of the K array, (B, H, T, R), signed for two phases, for queries (B, H, T, D)."""
    pulses = query_widths(q, op)
    if circuit.swap_efficiency is None or circuit.loaded_phases:
        return pulses
    # The same numbers, whose derivative at 0 is that of both phases.
    negative, positive = phases_of(pulses, op.hardware)
    return positive - negative


@dataclass(frozen=True)
class Described:
    """A circuit and the terms of its cells."""

    circuit: Circuit
    aging: Aging
    """Of all terms, or by level of as few as the ages need."""
    levels: tuple[LevelTerms, LevelTerms] | None
    """Response of every level of both arrays; None: elements are not looked up by level."""
    linear_index: int
    """Index, of all terms, of the one that stands for the linear cell in the surrogate gradient."""


def describe(
    settings: Settings,
    *,
    drop: bool = False,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> Described:
    """Circuit and terms of some settings.

    No lock may be held here: slopes come from autograd. Hooks of gradient checkpointing, which run the
    network again, are shadowed, and inference mode is left, since the first use may be in either.

    Args:
        settings: hardware, effects and options.
        drop: leave out terms that are the same for every cell and do not age.
        dtype: of the circuit's tensors; double precision keeps all terms.
        device: of the circuit's tensors.
    """
    op = settings.operation()
    hooks = torch.autograd.graph.saved_tensors_hooks(_unchanged, _unchanged)
    with torch.inference_mode(False), torch.no_grad(), hooks:
        circuit = describe_circuit(op, torch.device(device), dtype)
        aging, levels = aging_of(op, drop, settings.deviate), None
        if settings.by_level:
            levels = tuple(terms_by_level(op, array, aging.dropped) for array in (1, 2))
            if dtype == torch.float32:
                aging, levels = with_fewer_terms(aging, levels, settings.reach)
        linear_index = linear_term(op.hardware, op.effects.decay, len(aging.dropped))
        return Described(circuit, aging, levels, linear_index)


def _unchanged(x: Tensor) -> Tensor:
    return x


def describe_circuit(
    op: OperationContext, device: torch.device, dtype: torch.dtype = torch.float32
) -> Circuit:
    """The numbers of `op`'s hardware; dtype: type of all tensors."""
    hardware, levels = op.hardware, op.hardware.levels
    like = torch.empty(0, dtype=dtype, device=device)
    two, first = hardware.signed_query == "two-phase", _stage(1, op, like)
    return Circuit(
        first=first,
        second=_stage(2, op, like),
        columns=hardware.columns,
        volts=(hardware.v_min, hardware.v_max),
        levels=(levels.key, levels.value),
        signed_query=hardware.signed_query,
        normaliser=hardware.normaliser,
        swap_efficiency=hardware.swap_efficiency if two else None,
        query_steps=levels.query - 1 if op.effects.quantise else None,
        output_steps=levels.output // 2 - 1 if op.effects.quantise else None,
        loaded_phases=two and (first.column is not None or op.row_tiles > 1),
        row_tiles=op.row_tiles,
    )


def _stage(array: int, op: OperationContext, like: Tensor) -> Stage:
    hardware, full_scale, signed = op.hardware, full_scale_of(array, op), bit_line_of(array, op) == 2
    converter = hardware.readout if signed else hardware.phi
    used = op.effects.converter and converter is not None
    noise = noise_of(op)
    charge, jitter = (0.0, 0.0) if noise is None else (noise.charge_1, noise.jitter_1)
    if noise is not None and signed:
        charge, jitter = noise.charge_2, noise.jitter_2
    curve = converter.curve if used else None
    spacing = None if curve is None else curve.knots[1:] - curve.knots[:-1]
    scaled = None if curve is None else curve.coefficients * spacing[:, None] ** [0, 1, 2, 3]
    return Stage(
        full_scale=full_scale,
        signed=signed,
        edge=(hardware.edge or 0.0) / full_scale if op.effects.edge else 0.0,
        column=_column(array, full_scale, op),
        knots=None if curve is None else pattern(curve.knots / full_scale, like),
        coefficients=None if curve is None else pattern(scaled, like),
        noise=charge / full_scale,
        jitter=jitter,
    )


def _column(array: int, full_scale: float, op: OperationContext) -> ScaledColumn | None:
    model = column_of(array, op)
    if model is None:
        return None
    rows = tuple(tuple(float(c) for c in row) for row in model.coefficients)
    return ScaledColumn(full_scale / model.q_scale, model.box["a"], model.box["u"], rows)


def deviations_of(op: OperationContext, depth: int, like: Tensor) -> tuple[Tensor | None, Tensor | None]:
    """A chip's converters; a charge q in full scales counts as (q - offset) (1 + gain).

    Args:
        op: settings of the operation.
        depth: columns of the V array.
        like: has the dtype and device of the result.

    Returns:
        (Hkv, S, 2) offset and gain of the first, with row tiles (Hkv, S, 4 row tiles) of both polarities of
        each, and (Hkv, tiles, C, 4) of the second; None for nominal converters.
    """
    return _deviation(1, depth, op, like), _deviation(2, depth, op, like)


def _deviation(array: int, depth: int, op: OperationContext, like: Tensor) -> Tensor | None:
    chip, positions = chip_of(op), op.positions
    heads, full_scale, signed = op.kv_heads or 1, full_scale_of(array, op), bit_line_of(array, op) == 2
    fitted = op.hardware.readout if signed else op.hardware.phi
    if chip is None or fitted is None or not op.effects.converter:
        return None
    if (chip.mismatch.readout if signed else chip.mismatch.phi) is None:
        return None
    if array == 1 and op.row_tiles > 1:
        where = {"layer": op.layer, "heads": heads}
        tiles = range(op.row_tiles)
        each = [chip_pattern(chip, "partials", positions, like, row_tile=tile, **where) for tile in tiles]
        numbers = torch.cat(each, dim=-1)
    elif array == 1:
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
