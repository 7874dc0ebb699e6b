"""Ledger of analog attention: energy and time of one token in one head, and the ratios to GPUs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from ...models.cost import Area, Origin

if TYPE_CHECKING:
    import pandas as pd

HEADS_OF_BASELINE = 12
"""Number of heads of the baselines' attention."""
WINDOW_OF_BASELINE = 1024
"""Number of tokens that the baselines attend to."""
HEAD_DIM_OF_BASELINE = 64
"""Head dimension of the baselines' attention."""


@dataclass(frozen=True)
class Baseline:
    """Attention of one token on a GPU: 12 heads of dimension 64 over 1024 tokens, idle power subtracted."""

    name: str
    """Name of the GPU."""
    energy: float
    """Energy per token of all heads, J."""
    latency: float
    """Time per token, s."""


BASELINES = (Baseline("RTX 4090", 7.178e-3, 22.37e-6), Baseline("Jetson Nano", 3.246e-3, 488.9e-6))
"""GPUs as measured by Leroux et al., Nature Computational Science 5, 813-824 (2025); not measured here."""


@dataclass(frozen=True)
class LedgerEntry:
    """Mean energy of one stage, for one token in one head of one layer."""

    stage: str
    """Name of the stage in the energy model."""
    layer: str
    """Name of the converted attention module."""
    head: int
    """Number of the query head."""
    energy_J: float
    """Mean energy, J."""
    origin: Origin
    """Origin of the stage's energy: simulated, published or estimate."""
    per: Literal["key", "sub-tile", "token"]
    """Quantity that the energy is proportional to: keys in the window, sub-tiles in use, or tokens."""


@dataclass(frozen=True)
class RetentionMargin:
    """Retention time of the stored levels against the time for which a key is needed."""

    retention_s: float
    """Time until the first level drifts by half a step, s; infinite if none does in the simulated time."""
    needed_s: float
    """Time that a key stays in the ring, s: keys times token period."""
    simulated_s: float
    """Longest simulated retention, s."""

    @property
    def margin(self) -> float:
        """Retention time / needed time; below 1 the oldest keys are off by half a step or more."""
        return self.retention_s / self.needed_s


@dataclass(frozen=True)
class Ledger:
    """Energy per token and head by stage, layer and head, with latency, retention margin and area."""

    hardware: str
    """Name of the hardware."""
    entries: tuple[LedgerEntry, ...]
    """Energies of every stage, layer and head."""
    head_dim: int
    """Head dimension D."""
    keys: float
    """Number of keys that a token is compared with, mean over the accounted tokens."""
    sub_tiles: float
    """Number of sub-tiles that hold these keys, mean over the accounted tokens."""
    tokens: int
    """Number of accounted tokens, per head."""
    latency_s: float | None
    """Latency of one token in one layer, s; heads work in parallel. None: the hardware states no timing."""
    retention: RetentionMargin | None = None
    """Retention margin; None: the hardware describes no retention, or the token period is unknown."""
    area: Area | None = None
    """Area of one head; None: the hardware states none."""

    @property
    def energy_per_token_head_J(self) -> float:
        """Energy of one token in one head, J: sum over stages, mean over layers and heads."""
        return sum(energy for energy, _ in self.stages().values())

    def stages(self) -> dict[str, tuple[float, Origin]]:
        """Energy by stage, in the order of the energy model.

        Returns:
            Name of the stage -> (energy of one token in one head, J, mean over layers and heads; origin).
        """
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
        """Energy of one token: the sum of all entries, or of those selected.

        Args:
            layer: name of the attention module; None: all.
            head: number of the head; None: all.
            origin: origin of the energies; None: all.

        Returns:
            Energy, J; 0 if no entry is selected.
        """
        wanted = {"layer": layer, "head": head, "origin": origin}
        return sum(
            entry.energy_J
            for entry in self.entries
            if all(value is None or getattr(entry, name) == value for name, value in wanted.items())
        )

    def at_window(self, keys: int, columns: int = 64) -> Ledger:
        """Extrapolation to another window with the same activity per key and per sub-tile.

        Args:
            keys: number of columns of the ring.
            columns: number of ring columns in a sub-tile.
        """
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
        """One ledger of several, weighted by their tokens.

        Args:
            ledgers: ledgers of one model on one hardware, over different texts.
        """
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
        """Energy and latency of the baselines divided by this hardware's.

        Compared are 12 heads over 1024 tokens, the baselines' conditions; the ledger is extrapolated to that
        window by `at_window`.

        Returns:
            Name of the baseline -> {"energy": ratio, "latency": ratio}, without "latency" if the hardware
            states no timing. Empty for a head dimension other than 64.
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
        """The ledger as JSON-able values; `stages` are means over layers and heads."""
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
        """The ledger as JSON text, see `to_dict`."""
        return json.dumps(self.to_dict())

    def to_pandas(self) -> pd.DataFrame:
        """Table with one row per stage, layer and head; its columns are the fields of `LedgerEntry`."""
        import pandas as pd

        return pd.DataFrame([asdict(entry) for entry in self.entries])
