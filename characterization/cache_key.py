"""What the rows of a simulated batch depend on: the cache's key, and what tells why an entry is stale."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from ..circuits.runner import Simulation

CACHE_FORMAT = 2
"""Raised when the meaning of an entry changes; older entries are then never found again."""

_SETTING = re.compile(
    r"^\s*\.(?:lib|include|inc|temp|options?|tran|dc|ac|op|noise|tf)\b.*$", re.IGNORECASE | re.MULTILINE
)


@dataclass(frozen=True)
class CacheKey:
    """All that determines the rows of one batch. A plan's seed is in the points and in the netlist."""

    procedure: str
    points: str
    """sha256 of the swept values."""
    netlist: str
    """sha256 of the whole deck, with library files named without their place on this machine."""
    circuit: str
    """sha256 of the deck without its `settings`."""
    settings: tuple[str, ...]
    """Library sections, temperature, options and analyses as the deck has them, and what ends it."""
    library: str
    """sha256 of the library files, with all that they include."""
    simulator: str
    """Version of ngspice."""
    source: dict[str, str]
    """Module that takes part in measuring -> sha256 of its code."""

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
        """The origin of a batch: `simulation` with a portable netlist, and its swept `points`."""
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
        """sha256 over everything."""
        return _sha256(json.dumps({"format": CACHE_FORMAT, **asdict(self)}, sort_keys=True))

    def to_dict(self) -> dict[str, Any]:
        """JSON-able, for the entry's metadata."""
        return {"format": CACHE_FORMAT, **asdict(self)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> CacheKey | None:
        """What `to_dict` gave; None for another format."""
        if values.get("format") != CACHE_FORMAT:
            return None
        kept = {name: value for name, value in values.items() if name != "format"}
        return cls(**{**kept, "settings": tuple(kept["settings"])})

    def changes(self, other: CacheKey) -> tuple[str, ...]:
        """What differs here from `other`, one phrase for each part; nothing for the same key."""
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
            found.append(f"the simulator: ngspice {other.simulator} became {self.simulator}")
        if self.source != other.source:
            names = sorted(n for n in self.source | other.source if self.source.get(n) != other.source.get(n))
            found.append(f"the measuring code: {', '.join(names)}")
        if not found and self.digest != other.digest:
            found.append("the order of the netlist's lines")
        return tuple(found)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
