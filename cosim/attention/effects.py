"""Switches of the non-idealities, so that the cost of each can be read."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace


@dataclass(frozen=True)
class Effects:
    """Which non-idealities the attention layer applies; one the hardware does not describe does nothing.

    Whatever is switched off, the cell curve, the saturation of phi and the clipping of each sub-tile stay:
    they are the function itself. Mismatch acts only where a chip is given; noise is opt-in.
    """

    quantise: bool = True
    """Pulse-width levels of the query, voltage levels of key and value, counter levels of the read-out."""
    edge: bool = True
    """Extra charge from the finite edges of a pulse."""
    decay: bool = True
    """Loss of stored charge with age."""
    column: bool = True
    """Bit-line swing: the column delivers less than the sum of its cells."""
    converter: bool = True
    """Offset, gain and nonlinearity of both converters; off, they are ideal clipped lines."""
    write: bool = True
    """Difference between the voltage asked for and the voltage stored."""
    mismatch: bool = True
    """Deviations of the given chip's cells, writes and converters (with `write` and `converter` on)."""
    noise: bool = False
    """Gaussian noise of writes, integration nodes and pulse widths, fresh at every call, from torch's global
    generator (`torch.manual_seed`)."""

    @classmethod
    def none(cls) -> Effects:
        """Every switch off; the cell curve, the saturation of phi and the clip of each sub-tile are left."""
        return cls(**{field.name: False for field in fields(cls)})

    def without(self, *names: str) -> Effects:
        """The same with the named switches off."""
        return replace(self, **dict.fromkeys(names, False))


STANDARD = Effects()
"""Everything the hardware and the chip describe that is not noise."""
