"""Steps of the signal path, one function each: write, pulse, cells, column, converter, counter.

Throughout, `array` is 1 for the K array (keys) and 2 for the V array (values), and charges are in the
hardware's charge unit. Shapes: B sequences, H query heads, Hkv key-value heads, T queries, S packed keys,
D head dimension, R rows of the K array, C columns of the V array.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ...models.phases import two_phase_charge
from .chip_patterns import chip_pattern
from .operation import (
    OperationContext,
    bit_line_of,
    cells_deviate,
    chip_of,
    column_of,
    noise_of,
    seconds_per_token,
)
from .operation import full_precision as full_precision
from .quantisers import count as count
from .quantisers import quantise
from .signed_query import as_row_pulses, with_complements, with_normaliser
from .surrogate_gradient import with_fixed_slope

Terms = list[tuple[Tensor, Tensor | None]]
"""Separable parts of the cells' charge for a full-width pulse, as pairs: response, shape (B, Hkv, S, D), and
factor at ages 0, 1, .. tokens, shape (ages,), dimensionless (None: 1)."""


def query_widths(q: Tensor, op: OperationContext) -> Tensor:
    """Pulse widths of the input converters on the rows of the K array.

    Args:
        q: queries, shape (B, H, T, D), fraction of T_max; clipped to [0, 1], or to [-1, 1] if signed.
        op: settings of the operation.

    Returns:
        Widths, shape (B, H, T, R), fraction of T_max; signed for two phases.
    """
    q = q.clamp(0 if op.hardware.signed_query is None else -1, 1)
    widths = quantise(q, 0.0, 1.0, op.hardware.levels.query) if op.effects.quantise else q
    return as_row_pulses(widths, op.hardware)


def stored_volts(target: Tensor, array: int, op: OperationContext) -> Tensor:
    """Voltages that the cells hold after a write.

    Args:
        target: requested voltages, shape (B, Hkv, S, D), V; clipped to the hardware's range.
        array: 1 (keys) or 2 (values).
        op: settings of the operation.

    Returns:
        Stored voltages at age 0, V, shape (B, Hkv, S, R) for keys or (B, Hkv, S, C) for values.
    """
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


def edge_charge(pulses: Tensor, op: OperationContext) -> Tensor | float:
    """Charge that the edges of the pulses add to every bit line.

    Args:
        pulses: pulse widths, shape (..., rows), fraction of T_max, not negative.
        op: settings of the operation.

    Returns:
        Charge, shape (..., 1); 0.0 if it is switched off or not described.
    """
    if not op.effects.edge or op.hardware.edge is None:
        return 0.0
    return op.hardware.edge * (pulses > 0).sum(-1, keepdim=True).to(pulses.dtype)


def cell_terms(volts: Tensor, array: int, op: OperationContext) -> Terms:
    """Charge of each cell for a full-width pulse, as separable terms.

    Args:
        volts: stored voltages at age 0, shape (B, Hkv, S, D), V.
        array: 1 (keys) or 2 (values).
        op: settings of the operation.
    """
    op.watch(f"cell_{array}", op.hardware.transfer, volts)
    if not op.effects.decay:
        terms: Terms = [(op.hardware.transfer(volts), None)]
    else:
        # Ages are integers, so each factor is evaluated once per age and not once per query and key.
        ages = torch.arange(op.positions.ages, dtype=volts.dtype, device=volts.device)
        terms = aged_terms(volts, ages, op)
    terms = with_deviation(terms, volts, array, op)
    if op.gradient == "exact":
        return terms
    return with_fixed_slope(terms, volts, op.hardware, op.effects.decay)


def aged_terms(volts: Tensor, ages: Tensor, op: OperationContext) -> Terms:
    """Terms of `Hardware.aged_transfer` at given ages.

    Args:
        volts: stored voltages at age 0, shape (B, Hkv, S, D), V.
        ages: ages, shape (n,), in tokens; clipped to those that the aging model covers.
        op: settings of the operation.

    Raises:
        HardwareError: the hardware ages in seconds and the time between tokens is unknown.
    """
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
    # Power i of an exponentially decaying deviation decays i times as fast.
    powers = hardware.transfer.powers(volts)
    rate = hardware.decay_per_token
    return [(power, torch.exp(-i * rate * ages) if i else None) for i, power in enumerate(powers)]


def ages_outside(op: OperationContext) -> Tensor:
    """Ages that lie beyond the aging model's validity box.

    Args:
        op: settings of the operation.

    Returns:
        Shape (ages,), bool: whether each age, in tokens, is outside.
    """
    aging = op.hardware.aged_transfer()
    period = 1.0 if aging.age_unit == "token" else seconds_per_token(op)
    return torch.arange(op.positions.ages) * period > aging.box.get("age", (0.0, float("inf")))[1]


def pattern(scores: np.ndarray | None, like: Tensor) -> Tensor | None:
    """Array as a tensor.

    Args:
        scores: numbers of any shape; None stays None.
        like: tensor whose dtype and device the result has.
    """
    return None if scores is None else torch.as_tensor(scores, dtype=like.dtype, device=like.device)


def with_deviation(terms: Terms, volts: Tensor, array: int, op: OperationContext) -> Terms:
    """Terms with the deviation of each cell of the chip added to the term that does not age.

    The decay of the deviation is neglected: a few per cent of a few per cent.

    Args:
        terms: nominal terms.
        volts: stored voltages at age 0, shape (B, Hkv, S, D), V.
        array: 1 (keys) or 2 (values).
        op: settings of the operation.
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


def integrated(charge: Tensor, load: Tensor | None, array: int, used: Tensor, op: OperationContext) -> Tensor:
    """Charge on the integration nodes, noise included.

    Args:
        charge: sum over the cells, shape (B, H, T, S) for array 1 or (B, H, T, C) for array 2.
        load: bit-line loading, shape of `charge`, dimensionless; None without a column model.
        array: 1 (keys) or 2 (values).
        used: bool, broadcastable to `charge`: nodes that are read. The charge of the others is meaningless
            and is not counted as extrapolation.
        op: settings of the operation.
    """
    return with_noise(delivered(charge, load, array, used, op), array, op)


def integrated_twice(
    charges: tuple[Tensor, Tensor],
    loads: tuple[Tensor | None, Tensor | None],
    used: Tensor,
    op: OperationContext,
) -> Tensor:
    """Net charge on the first integration nodes after two phases, noise included; see `two_phase_charge`.

    Args:
        charges: sum over the cells in the first and in the second phase, each of shape (B, H, T, S).
        loads: bit-line loading in each phase, dimensionless; None without a column model.
        used: bool, broadcastable to the charges: nodes that are read.
        op: settings of the operation.
    """
    if loads[0] is None:
        return with_noise(charges[1] - charges[0], 1, op)
    net = two_phase_charge(
        lambda charge, load: delivered(charge, load, 1, used, op),
        op.hardware.swap_efficiency,
        *zip(charges, loads, strict=True),
    )
    return with_noise(net, 1, op)


def delivered(charge: Tensor, load: Tensor | None, array: int, used: Tensor, op: OperationContext) -> Tensor:
    """Charge that a column delivers onto its bit line in one phase.

    Args:
        charge: sum over the cells, shape (B, H, T, S) for array 1 or (B, H, T, C) for array 2.
        load: bit-line loading, shape of `charge`, dimensionless; None without a column model.
        array: 1 (keys) or 2 (values).
        used: bool, broadcastable to `charge`: nodes that are read.
        op: settings of the operation.
    """
    column = column_of(array, op)
    if load is None or column is None:
        return charge
    reached = column(charge, load)
    name = f"column_{bit_line_of(array, op)}"
    # A column without pulses delivers nothing, which is no extrapolation.
    used = used & (load != 0) & unclipped(reached, array, op)
    op.watch(name, column, charge, load, used=used)
    return reached


def with_noise(charge: Tensor, array: int, op: OperationContext) -> Tensor:
    """Charge with the noise of the integration nodes added.

    Args:
        charge: charge on the nodes, any shape.
        array: 1 (keys) or 2 (values).
        op: settings of the operation.
    """
    noise = noise_of(op)
    if noise is not None:
        rms = noise.charge_1 if bit_line_of(array, op) == 1 else noise.charge_2
        charge = charge + rms * torch.randn_like(charge)
    return charge


def unclipped(charge: Tensor, array: int, op: OperationContext) -> Tensor:
    """Whether each charge lies inside the range of the converter after an array.

    Args:
        charge: charge on the integration nodes, any shape.
        array: 1 (keys) or 2 (values).
        op: settings of the operation.
    """
    if bit_line_of(array, op) == 1:
        return (charge > 0) & (charge < op.hardware.q_sat_1)
    return charge.abs() < op.hardware.q_sat_2


def input_referred(charge: Tensor, array: int, tile: int, op: OperationContext) -> Tensor:
    """Charge that makes a nominal converter give the pulse of the chip's own converter.

    Args:
        charge: charge on the integration nodes, shape (B, H, T, S) after array 1, (B, H, T, C) after array 2.
        array: 1 (keys) or 2 (values).
        tile: number of the sub-tile for array 2, of the row tile for array 1.
        op: settings of the operation.
    """
    chip = chip_of(op)
    if chip is None:
        return charge
    variation = chip.mismatch.phi if bit_line_of(array, op) == 1 else chip.mismatch.readout
    if variation is None:
        return charge
    heads, kv_heads = charge.shape[1], op.kv_heads or charge.shape[1]
    if array == 1 and op.row_tiles > 1:
        where = {"layer": op.layer, "heads": kv_heads, "row_tile": tile}
        errors = chip_pattern(chip, "partials", op.positions, charge, **where)
    elif array == 1:
        errors = chip_pattern(chip, "relus", op.positions, charge, layer=op.layer, heads=kv_heads)
    else:
        where = {"layer": op.layer, "heads": kv_heads, "tile": tile, "depth": charge.shape[3]}
        errors = chip_pattern(chip, "readouts", op.positions, charge, **where)
    errors = errors.repeat_interleave(heads // kv_heads, dim=0)
    return variation(charge, errors[:, None])


def converted(charge: Tensor, array: int, used: Tensor, op: OperationContext, tile: int = 0) -> Tensor:
    """Pulse width of the converter after an array: ReLU after array 1, signed after array 2 and row tiles.

    Ideal converters, where the effect is off or not described, are clip(charge / q_sat_1, 0, 1) and
    clip(charge / q_sat_2, -1, 1).

    Args:
        charge: charge on the integration nodes, shape (B, H, T, S) after array 1, (B, H, T, C) after array 2.
        array: 1 (keys) or 2 (values).
        used: bool, broadcastable to `charge`: nodes that are read.
        op: settings of the operation.
        tile: number of the sub-tile for array 2, of the row tile for array 1.

    Returns:
        Pulse width, shape of `charge`, fraction of T_max.
    """
    hardware, bit_line = op.hardware, bit_line_of(array, op)
    name, converter = ("phi", hardware.phi) if bit_line == 1 else ("readout", hardware.readout)
    if op.effects.converter and converter is not None:
        charge = input_referred(charge, array, tile, op)
        op.watch(name, converter, charge, used=used & unclipped(charge, array, op))
        width = converter(charge)
    elif bit_line == 1:
        width = (charge / hardware.q_sat_1).clamp(0, 1)
    else:
        width = (charge / hardware.q_sat_2).clamp(-1, 1)
    return with_jitter(width, array, op)


def with_jitter(width: Tensor, array: int, op: OperationContext) -> Tensor:
    """Pulse widths with the jitter of their converter, which acts on partial pulses only.

    Args:
        width: pulse width, any shape, fraction of T_max.
        array: 1 (keys) or 2 (values).
        op: settings of the operation.
    """
    noise = noise_of(op)
    if noise is None:
        return width
    return jittered(width, noise.jitter_1 if bit_line_of(array, op) == 1 else noise.jitter_2)


def jittered(width: Tensor, rms: float) -> Tensor:
    """Pulse widths with Gaussian jitter on the partial pulses.

    Args:
        width: pulse width, any shape, fraction of T_max.
        rms: jitter, fraction of T_max.
    """
    magnitude = width.abs() + rms * torch.randn_like(width)
    partial = (width.abs() > 0) & (width.abs() < 1)
    return torch.where(partial, torch.sign(width) * magnitude.clamp(0, 1), width)
