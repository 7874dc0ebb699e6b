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
from .chip_patterns import of_chip
from .effects import Effects
from .ring import Places
from .signed_query import as_row_pulses, with_complements, with_normaliser
from .surrogate_gradient import Gradient, with_fixed_slope


@dataclass(frozen=True)
class Conditions:
    """What holds for every signal of one attention operation."""

    hardware: Hardware
    effects: Effects
    places: Places
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


def query_widths(q: Tensor, now: Conditions) -> Tensor:
    """Pulse widths / T_max on the K array's rows that the input converters make of q; sign apart."""
    q = q.clamp(0 if now.hardware.signed_query is None else -1, 1)
    widths = quantise(q, 0.0, 1.0, now.hardware.levels.query) if now.effects.quantise else q
    return as_row_pulses(widths, now.hardware)


def stored_volts(target: Tensor, array: int, now: Conditions) -> Tensor:
    """Voltage (V) that the cells of array 1 (keys) or 2 (values) hold once `target` has been written."""
    low, high = now.hardware.v_min, now.hardware.v_max
    levels = now.hardware.levels.key if array == 1 else now.hardware.levels.value
    volts = (target if array == 1 else with_normaliser(target, now.hardware)).clamp(low, high)
    if now.effects.quantise:
        volts = quantise(volts, low, high, levels)
    if array == 1:
        volts = with_complements(volts, now.hardware)
    if now.effects.write and now.hardware.write is not None:
        now.watch("write", now.hardware.write, volts)
        written, chip = now.hardware.write(volts), chip_of(now)
        if chip is not None and chip.mismatch.write is not None:
            where = {"layer": now.layer, "array": array, "heads": volts.shape[1], "depth": volts.shape[3]}
            scores = of_chip(chip, "writes", now.places, volts, **where)
            written = written + chip.mismatch.write(volts, scores[:, None])
        volts = written
    noise = noise_of(now)
    return volts if noise is None else volts + noise.write_volts * torch.randn_like(volts)


def noise_of(now: Conditions) -> Noise | None:
    """The noise that acts, None where it is switched off or not described."""
    return now.hardware.noise if now.effects.noise else None


def edge_charge(pulses: Tensor, now: Conditions) -> Tensor | float:
    """Charge that the edges of the pulses (..., rows) leave on every bit line, (..., 1)."""
    if not now.effects.edge or now.hardware.edge is None:
        return 0.0
    return now.hardware.edge * (pulses > 0).sum(-1, keepdim=True).to(pulses.dtype)


def cell_terms(volts: Tensor, array: int, now: Conditions) -> Terms:
    """Charge of each cell for a full-width pulse, as separable terms; array is 1 (keys) or 2 (values)."""
    now.watch(f"cell_{array}", now.hardware.transfer, volts)
    if not now.effects.decay:
        terms: Terms = [(now.hardware.transfer(volts), None)]
    else:
        # Ages are few whole numbers: each factor is evaluated once per age.
        ages = torch.arange(now.places.ages, dtype=volts.dtype, device=volts.device)
        terms = aged_terms(volts, ages, now)
    terms = with_deviation(terms, volts, array, now)
    if now.gradient == "exact":
        return terms
    return with_fixed_slope(terms, volts, now.hardware, now.effects.decay)


def aged_terms(volts: Tensor, ages: Tensor, now: Conditions) -> Terms:
    """What `Hardware.aged_transfer` describes, at these ages in tokens."""
    hardware = now.hardware
    if hardware.cell in hardware.aging:
        aging = hardware.aging[hardware.cell]
        ages = ages if aging.age_unit == "token" else ages * seconds_per_token(now)
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


def seconds_per_token(now: Conditions) -> float:
    """Time between tokens: as given, or one layer's latency."""
    if now.token_period is not None:
        return now.token_period
    if now.hardware.timing is None:
        raise HardwareError(
            f"hardware {now.hardware.name!r} ages in seconds but states no timing; pass token_period (s)"
        )
    return now.hardware.timing.latency


def ages_outside(now: Conditions) -> Tensor:
    """(ages,) bool: the ages, in tokens, that the description of aging has not seen."""
    aging = now.hardware.aged_transfer()
    period = 1.0 if aging.age_unit == "token" else seconds_per_token(now)
    return torch.arange(now.places.ages) * period > aging.box.get("age", (0.0, float("inf")))[1]


def chip_of(now: Conditions) -> Chip | None:
    """The chip whose deviations act, None where there is none or mismatch is switched off."""
    return now.chip if now.effects.mismatch else None


def pattern(scores: np.ndarray | None, like: Tensor) -> Tensor | None:
    """A chip's numbers with `like`'s dtype and device."""
    return None if scores is None else torch.as_tensor(scores, dtype=like.dtype, device=like.device)


def cells_deviate(now: Conditions) -> bool:
    """Whether every cell's charge has a deviation of its own."""
    chip = chip_of(now)
    return chip is not None and chip.mismatch.cell is not None


def with_deviation(terms: Terms, volts: Tensor, array: int, now: Conditions) -> Terms:
    """The terms with the deviation of every cell of the chip added to the one that does not age.

    What a deviation loses with age is left out: it is a few per cent of a few per cent.
    """
    if not cells_deviate(now):
        return terms
    chip = now.chip
    where = {"layer": now.layer, "array": array, "heads": volts.shape[1], "depth": volts.shape[3]}
    scores = of_chip(chip, "reads", now.places, volts, **where)
    deviation = chip.mismatch.cell(volts, scores[:, None])
    for i, (response, factor) in enumerate(terms):
        if factor is None:
            return [*terms[:i], (response + deviation, None), *terms[i + 1 :]]
    return [*terms, (deviation, None)]


def column_of(array: int, now: Conditions) -> ColumnModel | None:
    """The column model of array 1 or 2, None where it is switched off or not described."""
    if not now.effects.column:
        return None
    return now.hardware.column_1 if array == 1 else now.hardware.column_2


def integrated(charge: Tensor, load: Tensor | None, array: int, used: Tensor, now: Conditions) -> Tensor:
    """Charge on the integration node, noise included, from the sum over cells and the bit line's loading.

    `used` marks the nodes that are read; the others may hold charges that no column has.
    """
    return with_noise(delivered(charge, load, array, used, now), array, now)


def integrated_twice(
    charges: tuple[Tensor, Tensor], loads: tuple[Tensor | None, Tensor | None], used: Tensor, now: Conditions
) -> Tensor:
    """Net charge on the first integration nodes after two phases, noise included; see `two_phase_charge`."""
    if loads[0] is None:
        return with_noise(charges[1] - charges[0], 1, now)
    net = two_phase_charge(
        lambda charge, load: delivered(charge, load, 1, used, now),
        now.hardware.swap_retained,
        *zip(charges, loads, strict=True),
    )
    return with_noise(net, 1, now)


def delivered(charge: Tensor, load: Tensor | None, array: int, used: Tensor, now: Conditions) -> Tensor:
    """Charge that a column delivers onto its bit line in one phase."""
    column = column_of(array, now)
    if load is None or column is None:
        return charge
    reached = column(charge, load)
    now.watch(f"column_{array}", column, charge, load, used=used & unclipped(reached, array, now))
    return reached


def with_noise(charge: Tensor, array: int, now: Conditions) -> Tensor:
    """Charge with the integration node's noise."""
    noise = noise_of(now)
    if noise is not None:
        charge = charge + (noise.charge_1 if array == 1 else noise.charge_2) * torch.randn_like(charge)
    return charge


def unclipped(charge: Tensor, array: int, now: Conditions) -> Tensor:
    """Where the converter after array 1 or 2 is inside its range; beyond, it clips whatever the charge."""
    if array == 1:
        return (charge > 0) & (charge < now.hardware.q_sat_1)
    return charge.abs() < now.hardware.q_sat_2


def as_this_chip_sees(charge: Tensor, array: int, tile: int, now: Conditions) -> Tensor:
    """Charge that a nominal converter would turn into the pulse of the chip's own converter."""
    chip = chip_of(now)
    if chip is None:
        return charge
    variation = chip.mismatch.phi if array == 1 else chip.mismatch.readout
    if variation is None:
        return charge
    heads, kv_heads = charge.shape[1], now.kv_heads or charge.shape[1]
    if array == 1:
        own = of_chip(chip, "relus", now.places, charge, layer=now.layer, heads=kv_heads)
    else:
        where = {"layer": now.layer, "heads": kv_heads, "tile": tile, "depth": charge.shape[3]}
        own = of_chip(chip, "readouts", now.places, charge, **where)
    own = own.repeat_interleave(heads // kv_heads, dim=0)
    return variation(charge, own[:, None])


def converted(charge: Tensor, array: int, used: Tensor, now: Conditions, tile: int = 0) -> Tensor:
    """Pulse width / T_max through the converter after array 1 (ReLU) or 2 (signed), or through ideal ones.

    charge: (B, H, T, S) after array 1, (B, H, T, D) after the sub-tile `tile` of array 2.
    The ideal converters are clip(charge / q_sat_1, 0, 1) and clip(charge / q_sat_2, -1, 1).
    """
    hardware = now.hardware
    name, converter = ("phi", hardware.phi) if array == 1 else ("readout", hardware.readout)
    if now.effects.converter and converter is not None:
        charge = as_this_chip_sees(charge, array, tile, now)
        now.watch(name, converter, charge, used=used & unclipped(charge, array, now))
        width = converter(charge)
    elif array == 1:
        width = (charge / hardware.q_sat_1).clamp(0, 1)
    else:
        width = (charge / hardware.q_sat_2).clamp(-1, 1)
    return jittered(width, array, now)


def jittered(width: Tensor, array: int, now: Conditions) -> Tensor:
    """Pulse widths / T_max with the jitter of their converter, which a missing or a full pulse has not."""
    noise = noise_of(now)
    if noise is None:
        return width
    moved = width.abs() + (noise.jitter_1 if array == 1 else noise.jitter_2) * torch.randn_like(width)
    partial = (width.abs() > 0) & (width.abs() < 1)
    return torch.where(partial, torch.sign(width) * moved.clamp(0, 1), width)
