"""Ledger of analog attention: energy and time of one token in one head, and the ratios to GPUs."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from ...models.cost import Area, Growth, Origin
from .digital_time import DigitalTime

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
    """Mean energy of one stage, or of a part of it, for one token in one head of one layer."""

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
    per: Growth
    """Quantity that the energy is proportional to: keys in the window, sub-tiles in use, or tokens."""
    band: tuple[float, float] = (1.0, 1.0)
    """Smallest and largest plausible multiple of the energy of an estimate."""

    @property
    def key(self) -> tuple[str, str, int, Growth]:
        """Stage, layer, head and growth: what distinguishes the entries of a ledger."""
        return self.stage, self.layer, self.head, self.per


@dataclass(frozen=True)
class RetentionMargin:
    """Retention time of the stored levels against the time for which a key is needed."""

    retention_s: float
    """Time until the first level drifts by half a step, s; infinite if none does in the simulated time."""
    needed_s: float
    """Longest time that a key stays in the ring of any layer, s: keys times token period."""
    simulated_s: float
    """Longest simulated retention, s."""

    @property
    def margin(self) -> float:
        """Retention time / needed time; below 1 the oldest keys are off by half a step or more."""
        return self.retention_s / self.needed_s


@dataclass(frozen=True)
class LayerUse:
    """Use of one layer's ring by the accounted tokens; layers may differ in window and head dimension."""

    layer: str
    """Name of the converted attention module."""
    head_dim: int
    """Head dimension D."""
    keys: float
    """Number of keys that a token is compared with, mean over the accounted tokens."""
    sub_tiles: float
    """Number of sub-tiles that hold these keys, mean over the accounted tokens."""
    tokens: int
    """Number of accounted tokens, per head."""

    def growth(self, keys: int, columns: int) -> dict[str, float]:
        """Factors of the energies at another window.

        Args:
            keys: number of columns of the other ring.
            columns: number of ring columns in a sub-tile.

        Returns:
            `LedgerEntry.per` -> factor; all are 1 for the present number of keys.
        """
        if keys == self.keys:
            return {"key": 1.0, "sub-tile": 1.0, "token": 1.0}
        return {"key": keys / self.keys, "sub-tile": -(-keys // columns) / self.sub_tiles, "token": 1.0}


@dataclass(frozen=True)
class Ledger:
    """Energy per token and head by stage, layer and head, with latency, retention margin and area."""

    hardware: str
    """Name of the hardware."""
    columns: int
    """Number of ring columns in a sub-tile of the hardware."""
    entries: tuple[LedgerEntry, ...]
    """Energies of every stage, layer and head."""
    layers: tuple[LayerUse, ...]
    """Use of the ring by layer."""
    latency_s: float | None
    """Latency of one token in one layer, s; heads work in parallel. None: the hardware states no timing."""
    digital_time: DigitalTime | None = None
    """Time of scalers and sums of one token, in the layer where they take longest; None: not known."""
    retention: RetentionMargin | None = None
    """Retention margin; None: the hardware describes no retention, or the token period is unknown."""
    area: Area | None = None
    """Area of one head; None: the hardware states none."""

    @property
    def layer_s(self) -> float | None:
        """Time of one token in one layer, s: the latency, and scalers and sums where they are not hidden."""
        if self.latency_s is None or self.digital_time is None:
            return self.latency_s
        return self.latency_s + self.digital_time.added_s

    @property
    def keys(self) -> float:
        """Number of keys that a token is compared with, mean over layers."""
        return _mean(use.keys for use in self.layers)

    @property
    def sub_tiles(self) -> float:
        """Number of sub-tiles that hold these keys, mean over layers."""
        return _mean(use.sub_tiles for use in self.layers)

    @property
    def tokens(self) -> int:
        """Number of accounted tokens, per head, in the layer that has most."""
        return max(use.tokens for use in self.layers)

    @property
    def head_dim(self) -> int | None:
        """Head dimension D; None if layers differ in it."""
        found = {use.head_dim for use in self.layers}
        return found.pop() if len(found) == 1 else None

    @property
    def energy_per_token_head_J(self) -> float:
        """Energy of one token in one head, J: sum over stages, mean over layers and heads."""
        return sum(energy for energy, _ in self.stages().values())

    def stages(self) -> dict[str, tuple[float, Origin]]:
        """Energy by stage, in the order of the energy model.

        Returns:
            Name of the stage -> (energy of one token in one head, J, mean over layers and heads; origin).
        """
        return {
            stage: (sum(entry.energy_J for entry in entries) / _places(entries), entries[0].origin)
            for stage, entries in self._by_stage().items()
        }

    def bands(self) -> dict[str, tuple[float, float]]:
        """Smallest and largest plausible energy of each stage, J.

        Both ends are the energy itself where it is no estimate with a band.
        """
        found = {}
        for stage, entries in self._by_stage().items():
            low, high = (sum(entry.energy_J * entry.band[end] for entry in entries) for end in (0, 1))
            found[stage] = (low / _places(entries), high / _places(entries))
        return found

    def _by_stage(self) -> dict[str, list[LedgerEntry]]:
        found: dict[str, list[LedgerEntry]] = {}
        for entry in self.entries:
            found.setdefault(entry.stage, []).append(entry)
        return found

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

    def at_window(self, keys: int) -> Ledger:
        """Extrapolation of every layer to another window with the same activity per key and per sub-tile.

        Args:
            keys: number of columns of the ring.

        Returns:
            Ledger in which every token sees `keys` keys; equal to this one at the present window.

        Raises:
            ValueError: no columns.
        """
        if keys < 1:
            raise ValueError(f"keys={keys}: a ring has at least one column")
        factors = {use.layer: use.growth(keys, self.columns) for use in self.layers}
        entries = tuple(
            replace(entry, energy_J=entry.energy_J * factors[entry.layer][entry.per])
            for entry in self.entries
        )
        layers = tuple(
            use
            if keys == use.keys
            else replace(use, keys=float(keys), sub_tiles=float(-(-keys // self.columns)))
            for use in self.layers
        )
        retention = self.retention and replace(
            self.retention, needed_s=self.retention.needed_s * (keys / self._most_keys)
        )
        tiles = max(-(-keys // self.columns) if keys != use.keys else use.sub_tiles for use in self.layers)
        time = self.digital_time and replace(self.digital_time, sub_tiles=math.ceil(tiles))
        return replace(self, entries=entries, layers=layers, retention=retention, digital_time=time)

    @property
    def _most_keys(self) -> float:
        """Number of keys in the layer that keeps them longest; the retention margin is that layer's."""
        return max(use.keys for use in self.layers)

    @classmethod
    def mean(cls, ledgers: Sequence[Ledger]) -> Ledger:
        """One ledger of several, weighted by their tokens.

        Args:
            ledgers: ledgers of one model on one hardware, over different texts; layers in any order.

        Raises:
            ValueError: no ledgers, or ledgers of different hardware, layers, heads or stages.
        """
        first, *others = ledgers
        if any(one._identity != first._identity for one in others):
            raise ValueError("mean of ledgers needs the same hardware, layers, heads and stages in all")
        uses = [{use.layer: use for use in one.layers} for one in ledgers]
        energies = [{entry.key: entry.energy_J for entry in one.entries} for one in ledgers]

        def weighted(layer: str, values: Iterable[float]) -> float:
            weights = [found[layer].tokens for found in uses]
            return sum(w * x for w, x in zip(weights, values, strict=True)) / sum(weights)

        entries = tuple(
            replace(entry, energy_J=weighted(entry.layer, (found[entry.key] for found in energies)))
            for entry in first.entries
        )
        layers = tuple(
            replace(
                use,
                keys=weighted(use.layer, (found[use.layer].keys for found in uses)),
                sub_tiles=weighted(use.layer, (found[use.layer].sub_tiles for found in uses)),
                tokens=sum(found[use.layer].tokens for found in uses),
            )
            for use in first.layers
        )
        result = replace(first, entries=entries, layers=layers)
        if first.retention is None:
            return result
        needed = first.retention.needed_s * (result._most_keys / first._most_keys)
        return replace(result, retention=replace(first.retention, needed_s=needed))

    @property
    def _identity(self) -> tuple[Any, ...]:
        """Everything that ledgers of one model on one hardware have in common."""
        heads = frozenset((use.layer, use.head_dim) for use in self.layers)
        return self.hardware, self.columns, heads, frozenset(entry.key for entry in self.entries)

    def ratios(self) -> dict[str, dict[str, float]]:
        """Energy and latency of the baselines divided by this hardware's.

        Compared are 12 heads over 1024 tokens, the baselines' conditions; the ledger is extrapolated to that
        window by `at_window`.

        Returns:
            Name of the baseline -> {"energy": ratio, "latency": ratio}, without "latency" if the hardware
            states no timing. Empty if a layer has a head dimension other than 64.
        """
        if self.head_dim != HEAD_DIM_OF_BASELINE:
            return {}
        energy = HEADS_OF_BASELINE * self.at_window(WINDOW_OF_BASELINE).energy_per_token_head_J
        ratios = {baseline.name: {"energy": baseline.energy / energy} for baseline in BASELINES}
        if self.latency_s is not None:
            for baseline in BASELINES:
                ratios[baseline.name]["latency"] = baseline.latency / self.layer_s
        return ratios

    def to_dict(self) -> dict[str, Any]:
        """The ledger as JSON-able values; `stages` are means over layers and heads."""
        bands = self.bands()
        return {
            "hardware": self.hardware,
            "energy_per_token_head_J": self.energy_per_token_head_J,
            "latency_s": self.latency_s,
            "digital_time": self.digital_time and self.digital_time.to_dict(),
            "stages": [
                {"name": name, "energy_J": energy, "origin": origin, "band_J": list(bands[name])}
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
            "area_per_head_m2": self.area and self.area.of(self.sub_tiles),
        }

    def to_json(self) -> str:
        """The ledger as JSON text, see `to_dict`."""
        return json.dumps(self.to_dict())

    def to_pandas(self) -> pd.DataFrame:
        """Table with one row per entry; its columns are the fields of `LedgerEntry`."""
        import pandas as pd

        return pd.DataFrame([asdict(entry) for entry in self.entries])


def _places(entries: Sequence[LedgerEntry]) -> int:
    """Number of layers and heads that entries of one stage belong to."""
    return len({(entry.layer, entry.head) for entry in entries})


def _mean(values: Iterable[float]) -> float:
    found = list(values)
    # Equal values are returned as they are: a sum of floats may round.
    return found[0] if found.count(found[0]) == len(found) else sum(found) / len(found)
