"""Laws of the digital periphery: energy by events, leakage and area of synthesised netlists."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..circuits.errors import HardwareError
from ..circuits.files import as_written, sealed, write_json
from .cost import REFERENCE_SUB_TILES, Area, AreaPart, StageEnergy
from .values import Value

SHIPPED_LAWS = Path(__file__).parent / "shipped" / "periphery"
"""Folder of the laws that come with the package, one file for each technology and condition."""


class LawError(Value):
    """Error of one block's law on layers that its fit has not seen."""

    rms: float
    """Root mean square error of single operations, fraction of the mean energy."""
    worst_layer: float
    """Largest error of a layer's mean energy, fraction of that energy."""
    operations: int
    """Number of operations that were predicted."""


class PeripheryLaws(Value):
    """Energy, leakage and area of the digital circuits of a head, for circuits of given sizes."""

    technology: str
    """Name of the technology."""
    corner: str
    """Process corner."""
    temperature: float
    """Temperature, C."""
    vdd: float
    """Supply, V."""
    sizes: dict[str, int | float | str | bool]
    """What the blocks follow from, as `sizes_of` gives it."""
    stages: tuple[StageEnergy, ...]
    """Stages of an energy model: laws of simulated blocks, and estimates with their bands."""
    errors: dict[str, LawError]
    """Errors of the simulated laws, by block."""
    area: tuple[AreaPart, ...]
    """Area of the digital circuits and of the arrays with their converters, estimates."""
    source: dict[str, Any]
    """Record of the Liberty file, the netlists, the activations and the tools."""

    def matches(self, condition: Mapping[str, Any]) -> bool:
        """Whether the laws are those of fitted circuits.

        Args:
            condition: the condition in the manifest of the circuits' tables.
        """
        own = (self.technology, self.corner, self.temperature, self.vdd)
        names = ("technology", "corner", "temperature", "vdd")
        return own == tuple(condition[name] for name in names) and self.sizes == sizes_of(
            condition["designs"]
        )

    def of(self, condition: Mapping[str, Any]) -> PeripheryLaws:
        """These laws, if they are those of fitted circuits.

        Args:
            condition: the condition in the manifest of the circuits' tables.

        Raises:
            HardwareError: they are of other circuits or another condition.
        """
        if not self.matches(condition):
            raise HardwareError(
                f"the periphery's laws are of {self.technology} {self.corner}, {self.temperature:g} C, "
                f"{self.vdd:g} V, or of other sizes; write those of these circuits with: gaincell periphery"
            )
        return self

    @property
    def head_area(self) -> Area:
        """Area of a head, an estimate."""
        whole = Area(square_metres=1.0, origin="estimate", parts=self.area)
        return Area(
            square_metres=whole.of(REFERENCE_SUB_TILES),
            origin="estimate",
            note="transistors by W and L, capacitors by 2 fF/um2, standard cells; within a factor of 2",
            parts=self.area,
        )

    def write(self, path: Path) -> None:
        """Write the laws with a digest of their content.

        Args:
            path: the file.
        """
        write_json(path, sealed(self.model_dump(mode="json")))

    @classmethod
    def read(cls, path: Path) -> PeripheryLaws:
        """Laws from a file that `gaincell periphery` wrote.

        Args:
            path: the file.

        Raises:
            HardwareError: it cannot be read, holds no laws, or was edited.
        """
        try:
            values = json.loads(path.read_text())
            if not as_written(values):
                raise ValueError("its digest is not that of its content")
            return cls.model_validate({name: x for name, x in values.items() if name != "digest"})
        except (OSError, AttributeError, TypeError, ValueError, ValidationError) as error:
            what = str(error).partition("\n")[0]
            raise HardwareError(
                f"{path} holds no laws of a periphery ({what}); write them with: gaincell periphery MODEL "
                "--liberty FILE --out FOLDER"
            ) from None


def sizes_of(designs: Mapping[str, Any]) -> dict[str, int | float | str | bool]:
    """Sizes that the digital blocks follow from.

    Args:
        designs: sizes of the circuits, as in a manifest's condition.
    """
    array, levels = designs["array"], designs["levels"]
    return {
        "rows": array["rows"],
        "columns": array["columns"],
        "mirrored": array.get("mirrored", False),
        "normaliser": array.get("normaliser") is not None,
        "phases": designs["converter"].get("phases", 1),
        "t_pulse_max": designs["clocking"]["t_pulse_max"],
        **{f"levels.{name}": levels[name] for name in ("query", "key", "value", "output")},
    }


def shipped_laws(condition: Mapping[str, Any]) -> PeripheryLaws | None:
    """Laws in the package for fitted circuits; None if there are none.

    Args:
        condition: the condition in the manifest of the circuits' tables.
    """
    for path in sorted(SHIPPED_LAWS.glob("*.json")):
        laws = PeripheryLaws.read(path)
        if laws.matches(condition):
            return laws
    return None
