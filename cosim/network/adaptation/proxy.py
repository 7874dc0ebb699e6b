"""A cheaper stand-in for a hardware, for the many forward passes that adaptation needs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ....models import Hardware, Polynomial
from ...attention.effects import Effects
from ..layer import GainCellAttention


def proxy_of(hardware: Hardware, effects: Effects) -> tuple[Hardware, Effects]:
    """Conditions that are nearly the hardware's and several times cheaper to train through.

    A table of the cell gives way to the best polynomial fit of it, and what changes signals by a few per cent
    (edges, decay, bit-line swing, the converters' curves, write error) is left out. Quantisation, saturation,
    the clip of each sub-tile, and mismatch and noise where asked for, stay.
    """
    fits = {
        name: curve.errors.rms
        for name, curve in hardware.cells.items()
        if isinstance(curve, Polynomial) and curve.errors is not None
    }
    if fits and not isinstance(hardware.transfer, Polynomial):
        hardware = hardware.with_cell(min(fits, key=fits.__getitem__))
    return hardware, effects.without("edge", "decay", "column", "converter", "write")


@contextmanager
def as_proxy(layer: GainCellAttention) -> Iterator[None]:
    """Within the context, the layer computes as its hardware's draft."""
    conditions = layer.hardware, layer.effects
    layer.hardware, layer.effects = proxy_of(*conditions)
    try:
        yield
    finally:
        layer.hardware, layer.effects = conditions
