"""The steps along the signal path, one function each: write, pulse, cells, column, converter, counter."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...circuits.errors import HardwareError
from ...models import Chip, ColumnModel, Hardware, Noise, Surrogate
from ...models.phases import two_phase_charge
from .chip_patterns import chip_pattern
from .effects import Effects
from .ring import Positions
from .signed_query import as_row_pulses, with_complements, with_normaliser
from .surrogate_gradient import Gradient, with_fixed_slope


@dataclass(frozen=True)
class OperationContext:
    """What holds for every signal of one attention operation."""

    hardware: Hardware
    effects: Effects
    positions: Positions
    token_period: float | None
    outside: dict[str, int] | None
    """Evaluations outside each surrogate's validity box are added here; None: do not count."""
    chip: Chip | None = None
    layer: int = 0
    """Which of the chip's arrays these are."""
    kv_heads: int | None = None
    """Key-value heads, each with arrays and converters of its own; None: as many as query heads."""
    gradient: Gradient = "exact"
    """Of the cells' charge; the value is the same."""

    def watch(self, name: str, surrogate: Surrogate, *arguments: Tensor, used: Tensor | None = None) -> None:
        """Count the arguments outside the surrogate's validity box; `used` marks those that matter."""
        if self.outside is not None:
            if used is not None:
                arguments = tuple(argument[used.expand_as(argument)] for argument in arguments)
            self.outside[name] = self.outside.get(name, 0) + int(surrogate.outside(*arguments))


def full_precision(device: str) -> AbstractContextManager:
    """Levels and charges need more than the eight bits that autocast would leave them."""
    # Entering autocast took 3 of the 35 µs of a decode step with 64 keys.
    return torch.autocast(device, enabled=False) if torch.is_autocast_enabled(device) else nullcontext()


Terms = list[tuple[Tensor, Tensor | None]]
"""Separable parts of cell charge: (response (B, Hkv, S, D), factor at ages 0, 1, .. tokens or None for 1)."""


def straight_through(x: Tensor, rounded: Tensor) -> Tensor:
    """The value of `rounded` with the gradient of x."""
    # The bracket is exactly zero, whereas x + (rounded - x) would be off by a rounding error.
    return rounded.detach() + (x - x.detach())


def quantise(x: Tensor, low: float, high: float, levels: int) -> Tensor:
    """x in [low, high] on `levels` equally spaced values, both ends included; straight-through gradient."""
    span, steps = high - low, levels - 1
    return straight_through(x, low + span * (torch.round((x - low) / span * steps) / steps))


def count(width: Tensor, levels: int) -> Tensor:
    """Signed width in [-1, 1] as a counter reads it: a sign and levels / 2 magnitudes, 0 and 1 included."""
    steps = levels // 2 - 1
    return straight_through(width, torch.round(width * steps) / steps)


def query_widths(q: Tensor, op: OperationContext) -> Tensor:
    """Pulse widths / T_max on the K array's rows that the input converters make of q; sign apart."""
    q = q.clamp(0 if op.hardware.signed_query is None else -1, 1)
    widths = quantise(q, 0.0, 1.0, op.hardware.levels.query) if op.effects.quantise else q
    return as_row_pulses(widths, op.hardware)


def stored_volts(target: Tensor, array: int, op: OperationContext) -> Tensor:
    """Voltage (V) that the cells of array 1 (keys) or 2 (values) hold once `target` has been written."""
    low, high = op.hardware.v_min, op.hardware.v_max
    levels = op.hardware.levels.key if array == 1 else op.hardware.levels.value
    volts = (target if array == 1 else with_normaliser(target, op.hardware)).clamp(low, high)
    if op.effects.quantise:
        volts = quantise(volts, low, high, levels)
    if array == 1:
        volts = with_complements(volts, op.hardware)
    if op.effects.write and op.hardware.write is not None:
        op.watch("write", op.hardware.write, volts)
        written, chip = op.hardware.write(volts), chip_of(op)
        if chip is not None and chip.mismatch.write is not None:
            where = {"layer": op.layer, "array": array, "heads": volts.shape[1], "depth": volts.shape[3]}
            scores = chip_pattern(chip, "writes", op.positions, volts, **where)
            written = written + chip.mismatch.write(volts, scores[:, None])
        volts = written
    noise = noise_of(op)
    return volts if noise is None else volts + noise.write_volts * torch.randn_like(volts)


def noise_of(op: OperationContext) -> Noise | None:
    """The noise that acts, None where it is switched off or not described."""
    return op.hardware.noise if op.effects.noise else None


def edge_charge(pulses: Tensor, op: OperationContext) -> Tensor | float:
    """Charge that the edges of the pulses (..., rows) leave on every bit line, (..., 1)."""
    if not op.effects.edge or op.hardware.edge is None:
        return 0.0
    return op.hardware.edge * (pulses > 0).sum(-1, keepdim=True).to(pulses.dtype)


def cell_terms(volts: Tensor, array: int, op: OperationContext) -> Terms:
    """Charge of each cell for a full-width pulse, as separable terms; array is 1 (keys) or 2 (values)."""
    op.watch(f"cell_{array}", op.hardware.transfer, volts)
    if not op.effects.decay:
        terms: Terms = [(op.hardware.transfer(volts), None)]
    else:
        # Ages are few whole numbers: each factor is evaluated once per age.
        ages = torch.arange(op.positions.ages, dtype=volts.dtype, device=volts.device)
        terms = aged_terms(volts, ages, op)
    terms = with_deviation(terms, volts, array, op)
    if op.gradient == "exact":
        return terms
    return with_fixed_slope(terms, volts, op.hardware, op.effects.decay)


def aged_terms(volts: Tensor, ages: Tensor, op: OperationContext) -> Terms:
    """What `Hardware.aged_transfer` describes, at these ages in tokens."""
    hardware = op.hardware
    if hardware.cell in hardware.aging:
        aging = hardware.aging[hardware.cell]
        ages = ages if aging.age_unit == "token" else ages * seconds_per_token(op)
        ages = ages.clamp(*aging.box.get("age", (0.0, float("inf"))))
        return [
            (term.curve(volts), None if term.factor is None else term.factor(ages)) for term in aging.terms
        ]
    if hardware.decay_per_token is None:
        return [(hardware.transfer(volts), None)]
    # Power i of a deviation that decays exponentially decays i times as fast.
    powers = hardware.transfer.powers(volts)
    rate = hardware.decay_per_token
    return [(power, torch.exp(-i * rate * ages) if i else None) for i, power in enumerate(powers)]


def seconds_per_token(op: OperationContext) -> float:
    """Time between tokens: as given, or one layer's latency."""
    if op.token_period is not None:
        return op.token_period
    if op.hardware.timing is None:
        raise HardwareError(
            f"hardware {op.hardware.name!r} ages in seconds but states no timing; pass token_period (s)"
        )
    return op.hardware.timing.latency


def ages_outside(op: OperationContext) -> Tensor:
    """(ages,) bool: the ages, in tokens, that the description of aging has not seen."""
    aging = op.hardware.aged_transfer()
    period = 1.0 if aging.age_unit == "token" else seconds_per_token(op)
    return torch.arange(op.positions.ages) * period > aging.box.get("age", (0.0, float("inf")))[1]


def chip_of(op: OperationContext) -> Chip | None:
    """The chip whose deviations act, None where there is none or mismatch is switched off."""
    return op.chip if op.effects.mismatch else None


def pattern(scores: np.ndarray | None, like: Tensor) -> Tensor | None:
    """A chip's numbers with `like`'s dtype and device."""
    return None if scores is None else torch.as_tensor(scores, dtype=like.dtype, device=like.device)


def cells_deviate(op: OperationContext) -> bool:
    """Whether every cell's charge has a deviation of its own."""
    chip = chip_of(op)
    return chip is not None and chip.mismatch.cell is not None


def with_deviation(terms: Terms, volts: Tensor, array: int, op: OperationContext) -> Terms:
    """The terms with the deviation of every cell of the chip added to the one that does not age.

    What a deviation loses with age is left out: it is a few per cent of a few per cent.
    """
    if not cells_deviate(op):
        return terms
    chip = op.chip
    where = {"layer": op.layer, "array": array, "heads": volts.shape[1], "depth": volts.shape[3]}
    scores = chip_pattern(chip, "reads", op.positions, volts, **where)
    deviation = chip.mismatch.cell(volts, scores[:, None])
    for i, (response, factor) in enumerate(terms):
        if factor is None:
            return [*terms[:i], (response + deviation, None), *terms[i + 1 :]]
    return [*terms, (deviation, None)]


def column_of(array: int, op: OperationContext) -> ColumnModel | None:
    """The column model of array 1 or 2, None where it is switched off or not described."""
    if not op.effects.column:
        return None
    return op.hardware.column_1 if array == 1 else op.hardware.column_2


def integrated(charge: Tensor, load: Tensor | None, array: int, used: Tensor, op: OperationContext) -> Tensor:
    """Charge on the integration node, noise included, from the sum over cells and the bit line's loading.

    `used` marks the nodes that are read; the others may hold charges that no column has.
    """
    return with_noise(delivered(charge, load, array, used, op), array, op)


def integrated_twice(
    charges: tuple[Tensor, Tensor],
    loads: tuple[Tensor | None, Tensor | None],
    used: Tensor,
    op: OperationContext,
) -> Tensor:
    """Net charge on the first integration nodes after two phases, noise included; see `two_phase_charge`."""
    if loads[0] is None:
        return with_noise(charges[1] - charges[0], 1, op)
    net = two_phase_charge(
        lambda charge, load: delivered(charge, load, 1, used, op),
        op.hardware.swap_efficiency,
        *zip(charges, loads, strict=True),
    )
    return with_noise(net, 1, op)


def delivered(charge: Tensor, load: Tensor | None, array: int, used: Tensor, op: OperationContext) -> Tensor:
    """Charge that a column delivers onto its bit line in one phase."""
    column = column_of(array, op)
    if load is None or column is None:
        return charge
    reached = column(charge, load)
    op.watch(f"column_{array}", column, charge, load, used=used & unclipped(reached, array, op))
    return reached


def with_noise(charge: Tensor, array: int, op: OperationContext) -> Tensor:
    """Charge with the integration node's noise."""
    noise = noise_of(op)
    if noise is not None:
        charge = charge + (noise.charge_1 if array == 1 else noise.charge_2) * torch.randn_like(charge)
    return charge


def unclipped(charge: Tensor, array: int, op: OperationContext) -> Tensor:
    """Where the converter after array 1 or 2 is inside its range; beyond, it clips whatever the charge."""
    if array == 1:
        return (charge > 0) & (charge < op.hardware.q_sat_1)
    return charge.abs() < op.hardware.q_sat_2


def as_this_chip_sees(charge: Tensor, array: int, tile: int, op: OperationContext) -> Tensor:
    """Charge that a nominal converter would turn into the pulse of the chip's own converter."""
    chip = chip_of(op)
    if chip is None:
        return charge
    variation = chip.mismatch.phi if array == 1 else chip.mismatch.readout
    if variation is None:
        return charge
    heads, kv_heads = charge.shape[1], op.kv_heads or charge.shape[1]
    if array == 1:
        own = chip_pattern(chip, "relus", op.positions, charge, layer=op.layer, heads=kv_heads)
    else:
        where = {"layer": op.layer, "heads": kv_heads, "tile": tile, "depth": charge.shape[3]}
        own = chip_pattern(chip, "readouts", op.positions, charge, **where)
    own = own.repeat_interleave(heads // kv_heads, dim=0)
    return variation(charge, own[:, None])


def converted(charge: Tensor, array: int, used: Tensor, op: OperationContext, tile: int = 0) -> Tensor:
    """Pulse width / T_max through the converter after array 1 (ReLU) or 2 (signed), or through ideal ones.

    charge: (B, H, T, S) after array 1, (B, H, T, D) after the sub-tile `tile` of array 2.
    The ideal converters are clip(charge / q_sat_1, 0, 1) and clip(charge / q_sat_2, -1, 1).
    """
    hardware = op.hardware
    name, converter = ("phi", hardware.phi) if array == 1 else ("readout", hardware.readout)
    if op.effects.converter and converter is not None:
        charge = as_this_chip_sees(charge, array, tile, op)
        op.watch(name, converter, charge, used=used & unclipped(charge, array, op))
        width = converter(charge)
    elif array == 1:
        width = (charge / hardware.q_sat_1).clamp(0, 1)
    else:
        width = (charge / hardware.q_sat_2).clamp(-1, 1)
    return jittered(width, array, op)


def jittered(width: Tensor, array: int, op: OperationContext) -> Tensor:
    """Pulse widths / T_max with the jitter of their converter, which a missing or a full pulse has not."""
    noise = noise_of(op)
    if noise is None:
        return width
    moved = width.abs() + (noise.jitter_1 if array == 1 else noise.jitter_2) * torch.randn_like(width)
    partial = (width.abs() > 0) & (width.abs() < 1)
    return torch.where(partial, torch.sign(width) * moved.clamp(0, 1), width)
