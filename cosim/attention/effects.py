"""Switches of the non-idealities, so that the cost of each can be measured."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace


@dataclass(frozen=True)
class Effects:
    """Non-idealities that the attention layer applies, of those that the hardware describes.

    The cell curve, the saturation of phi and the clipping of each sub-tile are always on: they are the
    function itself. Mismatch acts only if a chip is given. Noise is off by default.
    """

    quantise: bool = True
    """Quantisation of query pulse widths, of stored key and value voltages, and of the read-out counter."""
    edge: bool = True
    """Charge added by the finite edges of each pulse."""
    decay: bool = True
    """Loss of stored charge with age."""
    column: bool = True
    """Loss by the bit-line swing: a column delivers less charge than the sum of its cells."""
    converter: bool = True
    """Offset, gain error and nonlinearity of both converters; off: ideal clipped lines."""
    write: bool = True
    """Error of the stored voltage against the requested one."""
    mismatch: bool = True
    """Deviations of the given chip's cells, writes (with `write` on) and converters (with `converter` on)."""
    noise: bool = False
    """Gaussian noise of writes, integration nodes and pulse widths, drawn anew at every call from torch's
    global generator (`torch.manual_seed`)."""

    @classmethod
    def none(cls) -> Effects:
        """Effects with every switch off."""
        return cls(**{field.name: False for field in fields(cls)})

    def without(self, *names: str) -> Effects:
        """A copy with some switches off.

        Args:
            *names: fields to switch off.

        Raises:
            TypeError: a name that is not a field.
        """
        return replace(self, **dict.fromkeys(names, False))


STANDARD = Effects()
"""Default: every effect that the hardware and the chip describe, except noise."""
