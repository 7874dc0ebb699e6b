"""A proxy: a cheaper model of the hardware for the many forward passes of adaptation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ....models import Hardware, Polynomial
from ...attention.effects import Effects
from ..layer import GainCellAttention


def proxy_of(hardware: Hardware, effects: Effects) -> tuple[Hardware, Effects]:
    """Hardware and effects that approximate the given ones and are several times cheaper to train through.

    The best polynomial fit replaces a table of the cell. Effects that change signals by a few per cent
    (edges, decay, bit-line swing, the converters' curves, write error) are left out. Quantisation, saturation
    and the clip of each sub-tile stay, as do mismatch and noise where they are on.

    Args:
        hardware: hardware to approximate.
        effects: its non-idealities.

    Returns:
        The proxy's hardware and effects.
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
    """Within the context, a layer computes as the proxy of its hardware."""
    conditions = layer.hardware, layer.effects
    layer.hardware, layer.effects = proxy_of(*conditions)
    try:
        yield
    finally:
        layer.hardware, layer.effects = conditions
