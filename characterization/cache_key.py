"""Keys of the cache: everything that determines the rows of a batch, part by part."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from ..circuits.runner import Simulation

CACHE_FORMAT = 3
"""Format number, increased when the meaning of an entry changes; entries with another number are not used."""

_SETTING = re.compile(
    r"^\s*\.(?:lib|include|inc|temp|options?|tran|dc|ac|op|noise|tf)\b.*$", re.IGNORECASE | re.MULTILINE
)


@dataclass(frozen=True)
class CacheKey:
    """Everything that determines the rows of one batch.

    The seed of a plan is part of the points and of the netlist.
    """

    procedure: str
    """Name of the procedure."""
    points: str
    """sha256 of the swept values."""
    netlist: str
    """sha256 of the whole deck with portable library paths."""
    circuit: str
    """sha256 of the deck without its `settings`."""
    settings: tuple[str, ...]
    """Lines of the deck with library sections, temperature, options and analyses, and the end of the
    sweep."""
    library: str
    """sha256 of the library files and of all that they include."""
    simulator: str
    """Version of the simulator, from `runner.simulator_version`."""
    source: dict[str, str]
    """sha256 of the code of each module that takes part in measuring, by module."""

    @classmethod
    def of(
        cls,
        procedure: str,
        simulation: Simulation,
        points: pd.DataFrame,
        *,
        library: str,
        simulator: str,
        source: dict[str, str],
    ) -> CacheKey:
        """Key of a batch.

        Args:
            procedure: name of the procedure.
            simulation: simulation of the batch, with portable library paths in its deck.
            points: swept values, one row per point.
            library: `Technology.library_digest`.
            simulator: version of the simulator.
            source: sha256 of the measuring modules, from `source.modules`.
        """
        deck = simulation.netlist
        settings = tuple(line.strip() for line in _SETTING.findall(deck))
        values = {str(name): [repr(value) for value in points[name].tolist()] for name in points}
        ends = f"end={simulation.end!r} plot={simulation.plot!r}"
        return cls(
            procedure=procedure,
            points=_sha256(json.dumps(values, sort_keys=True)),
            netlist=_sha256(deck),
            circuit=_sha256(_SETTING.sub("", deck)),
            settings=(*settings, ends),
            library=library,
            simulator=simulator,
            source=dict(source),
        )

    @property
    def digest(self) -> str:
        """sha256 of all parts and of the format number: the name of the entry."""
        return _sha256(json.dumps({"format": CACHE_FORMAT, **asdict(self)}, sort_keys=True))

    def to_dict(self) -> dict[str, Any]:
        """JSON-able values for the metadata of an entry."""
        return {"format": CACHE_FORMAT, **asdict(self)}

    @classmethod
    def from_dict(cls, values: Any) -> CacheKey | None:
        """Restore a key from the values of `to_dict`; None for another format, or for damaged values."""
        if not isinstance(values, dict) or values.get("format") != CACHE_FORMAT:
            return None
        parts = {name: value for name, value in values.items() if name != "format"}
        settings, source = parts.get("settings"), parts.get("source")
        texts = [value for name, value in parts.items() if name not in ("settings", "source")]
        if not isinstance(settings, list | tuple) or not isinstance(source, dict):
            return None
        if parts.keys() != cls.__dataclass_fields__.keys():
            return None
        if not all(isinstance(text, str) for text in (*texts, *settings, *source.values())):
            return None
        return cls(**{**parts, "settings": tuple(settings)})

    def changes(self, other: CacheKey) -> tuple[str, ...]:
        """Describe how this key differs from another one.

        Args:
            other: key to compare with, of the same procedure.

        Returns:
            One phrase for each part that differs; empty for equal keys.
        """
        found = []
        if self.points != other.points:
            found.append("the swept points")
        elif self.circuit != other.circuit:
            found.append("the circuit: sizes, stimuli or netlist text")
        removed = [line for line in other.settings if line not in self.settings]
        added = [line for line in self.settings if line not in other.settings]
        if removed or added:
            found.append(f"settings: {' '.join(removed) or '-'} became {' '.join(added) or '-'}")
        elif self.settings != other.settings:
            found.append("the order of the settings")
        if self.library != other.library:
            found.append("the library: content of the technology's SPICE files")
        if self.simulator != other.simulator:
            found.append(f"the simulator: {titled(other.simulator)} became {titled(self.simulator)}")
        if self.source != other.source:
            names = sorted(n for n in self.source | other.source if self.source.get(n) != other.source.get(n))
            found.append(f"the measuring code: {', '.join(names)}")
        if not found and self.digest != other.digest:
            found.append("the order of the netlist's lines")
        return tuple(found)


def titled(simulator: str) -> str:
    """Name and version of a simulator from the version in a key, where ngspice's is a bare number."""
    return f"ngspice {simulator}" if simulator[:1].isdigit() else simulator


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
