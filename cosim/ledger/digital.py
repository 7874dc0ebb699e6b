"""Energy of the digital transforms before the arrays, and heads that have none."""

from __future__ import annotations

from torch import nn

from ..network.layer import gain_cell_layers
from ..network.transforms import rotation_additions
from .ledger import LedgerEntry

ADDER = 3.4e-15
"""Energy of a full adder of one bit in 28 nm, J: published by zigzag-imc (KU Leuven), not ours."""
BAND = (0.5, 2.0)
"""Band of the estimate: the adder is not ours, and wires between the stages are not counted."""
WORD = 14
"""Bits of an addition: words of 8 bits grow by one bit in each of the six stages of a transform of 64."""


def rotation_entries(model: nn.Module) -> tuple[LedgerEntry, ...]:
    """Energy of rotating q and k, for each head of the layers that have a rotation.

    A fast Hadamard transform needs additions alone. The query heads of a group share the rotated keys.
    Scalers per dimension need as many multiplications and additions as scalers per head: they have no entry.

    Args:
        model: converted model.
    """
    entries = []
    for name, layer in gain_cell_layers(model).items():
        if layer.rotation is None or layer.hardware.kind == "softmax":
            continue
        heads = len(layer.q_scale)
        vectors = 1 + len(layer.k_scale) / heads
        energy = vectors * rotation_additions(len(layer.rotation)) * WORD * ADDER
        entries += [
            LedgerEntry("digital rotation", name, head, energy, "estimate", "token", BAND)
            for head in range(heads)
        ]
    return tuple(entries)


def on_arrays(model: nn.Module, entries: tuple[LedgerEntry, ...]) -> tuple[LedgerEntry, ...]:
    """Entries of a ledger without those of heads that the digital network computes.

    Args:
        model: converted model.
        entries: entries of all heads of its converted layers.
    """
    layers = gain_cell_layers(model)
    return tuple(entry for entry in entries if entry.head not in layers[entry.layer].softmax_heads)
