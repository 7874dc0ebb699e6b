"""The bill of analog attention: energy and time of one token in one head, and how they compare."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from ...models.cost import Area, Origin

if TYPE_CHECKING:
    import pandas as pd

HEADS_OF_BASELINE = 12
WINDOW_OF_BASELINE = 1024
HEAD_DIM_OF_BASELINE = 64


@dataclass(frozen=True)
class Baseline:
    """Attention of one token on a GPU: 12 heads of dimension 64 over 1024 tokens, idle power subtracted."""

    name: str
    energy: float
    """J"""
    latency: float
    """s"""


BASELINES = (Baseline("RTX 4090", 7.178e-3, 22.37e-6), Baseline("Jetson Nano", 3.246e-3, 488.9e-6))
"""As measured by Leroux et al., Nature Computational Science 5, 813-824 (2025); not measured here."""


@dataclass(frozen=True)
class LedgerEntry:
    """Mean energy of one stage, for one token in one head of one layer."""

    stage: str
    layer: str
    """Name of the converted attention module."""
    head: int
    energy_J: float
    origin: Origin
    per: Literal["key", "sub-tile", "token"]
    """What the energy grows with: keys in the window, sub-tiles in use, or neither."""


@dataclass(frozen=True)
class RetentionMargin:
    """How long a stored level holds against how long it must."""

    retention_s: float
    """Time until the first level drifts by half a step, s; infinite if none does in the simulated time."""
    needed_s: float
    """Time a key stays in the ring: keys times token period, s."""
    simulated_s: float
    """How long retention was simulated, s."""

    @property
    def margin(self) -> float:
        """held / needed; below 1 the oldest keys are read wrong by half a step or more."""
        return self.retention_s / self.needed_s


@dataclass(frozen=True)
class Ledger:
    """Energy per token and head by stage, layer and head, and the time and area that go with it."""

    hardware: str
    entries: tuple[LedgerEntry, ...]
    head_dim: int
    keys: float
    """Keys that a token was compared with, mean over the tokens accounted."""
    sub_tiles: float
    """Sub-tiles that held them, mean over the tokens accounted."""
    tokens: int
    """Tokens accounted, per head."""
    latency_s: float | None
    """Of one token in one layer; heads work side by side. None where the hardware states no timing."""
    retention: RetentionMargin | None = None
    area: Area | None = None

    @property
    def energy_per_token_head_J(self) -> float:
        """Sum over stages, mean over layers and heads."""
        return sum(energy for energy, _ in self.stages().values())

    def stages(self) -> dict[str, tuple[float, Origin]]:
        """Stage -> (energy in J, mean over layers and heads; origin), in the order of the signal path."""
        found: dict[str, list[LedgerEntry]] = {}
        for entry in self.entries:
            found.setdefault(entry.stage, []).append(entry)
        return {
            stage: (sum(entry.energy_J for entry in entries) / len(entries), entries[0].origin)
            for stage, entries in found.items()
        }

    def total(
        self, *, layer: str | None = None, head: int | None = None, origin: Origin | None = None
    ) -> float:
        """Energy of one token, J: the sum of all entries, or those of one layer, head number or origin."""
        wanted = {"layer": layer, "head": head, "origin": origin}
        return sum(
            entry.energy_J
            for entry in self.entries
            if all(value is None or getattr(entry, name) == value for name, value in wanted.items())
        )

    def at_window(self, keys: int, columns: int = 64) -> Ledger:
        """The same activity per key and per sub-tile, in a ring of `keys` columns: an extrapolation."""
        sub_tiles = -(-keys // columns)
        factor = {"key": keys / self.keys, "sub-tile": sub_tiles / self.sub_tiles, "token": 1.0}
        entries = tuple(replace(entry, energy_J=entry.energy_J * factor[entry.per]) for entry in self.entries)
        retention = self.retention and replace(
            self.retention, needed_s=self.retention.needed_s * factor["key"]
        )
        return replace(
            self, entries=entries, keys=float(keys), sub_tiles=float(sub_tiles), retention=retention
        )

    @classmethod
    def mean(cls, ledgers: Sequence[Ledger]) -> Ledger:
        """Ledgers of one model and hardware over different texts as one: means weighted by tokens."""
        tokens = sum(ledger.tokens for ledger in ledgers)

        def weighted(values: Iterable[float]) -> float:
            return sum(value * ledger.tokens for value, ledger in zip(values, ledgers, strict=True)) / tokens

        entries = tuple(
            replace(same[0], energy_J=weighted(entry.energy_J for entry in same))
            for same in zip(*(ledger.entries for ledger in ledgers), strict=True)
        )
        keys, sub_tiles = (weighted(getattr(one, name) for one in ledgers) for name in ("keys", "sub_tiles"))
        retention = ledgers[0].retention and replace(
            ledgers[0].retention,
            needed_s=weighted(one.retention.needed_s for one in ledgers if one.retention),
        )
        return replace(
            ledgers[0], entries=entries, keys=keys, sub_tiles=sub_tiles, tokens=tokens, retention=retention
        )

    def ratios(self) -> dict[str, dict[str, float]]:
        """Baseline -> how many times more energy and time it takes than this hardware, under its conditions.

        The ledger is taken to the baselines' window of 1024 tokens by `at_window`. Empty for another head
        dimension than theirs; without "latency" where the hardware states no timing.
        """
        if self.head_dim != HEAD_DIM_OF_BASELINE:
            return {}
        energy = HEADS_OF_BASELINE * self.at_window(WINDOW_OF_BASELINE).energy_per_token_head_J
        ratios = {baseline.name: {"energy": baseline.energy / energy} for baseline in BASELINES}
        if self.latency_s is not None:
            for baseline in BASELINES:
                ratios[baseline.name]["latency"] = baseline.latency / self.latency_s
        return ratios

    def to_dict(self) -> dict[str, Any]:
        """The whole ledger as JSON-able values; `stages` are means over layers and heads."""
        return {
            "hardware": self.hardware,
            "energy_per_token_head_J": self.energy_per_token_head_J,
            "latency_s": self.latency_s,
            "stages": [
                {"name": name, "energy_J": energy, "origin": origin}
                for name, (energy, origin) in self.stages().items()
            ],
            "ratios": self.ratios(),
            "baseline_window": {
                "keys": WINDOW_OF_BASELINE,
                "energy_per_token_head_J": self.at_window(WINDOW_OF_BASELINE).energy_per_token_head_J,
            },
            "energy_per_token_J": self.total(),
            "keys": self.keys,
            "head_dim": self.head_dim,
            "tokens": self.tokens,
            "retention": self.retention and asdict(self.retention),
            "area_per_head_m2": self.area and self.area.square_metres,
        }

    def to_json(self) -> str:
        return json.dumps(self.to_dict())

    def to_pandas(self) -> pd.DataFrame:
        """One row per stage, layer and head; columns are the fields of `LedgerEntry`."""
        import pandas as pd

        return pd.DataFrame([asdict(entry) for entry in self.entries])
