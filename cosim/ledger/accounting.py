"""Accounting: evaluate the hardware's energy model on the traced signals of the attention layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ...circuits.errors import HardwareError, ModelError
from ...models import Hardware, Leakage, StandingPower, SupplyLoss
from ...models.cost import Growth
from ...models.row_tiles import latency_of
from ..attention.api import Trace
from .digital_time import digital_time
from .ledger import LayerUse, Ledger, LedgerEntry, RetentionMargin
from .row_tiles import SubArrays, renamed, stages_of
from .stage_energy import keys_seen, stage_energy, sub_tiles_in_use
from .supply import loss_entries


@torch.no_grad()
def account(
    traces: Mapping[str, Sequence[Trace]],
    hardware: Hardware,
    *,
    token_period: float | None = None,
    full_ring: bool = True,
    scalers: int | None = None,
) -> Ledger:
    """Energy, latency and retention margin of the traced tokens.

    Args:
        traces: name of each attention module -> its traces, as from `record_traces`.
        hardware: hardware with an energy model.
        token_period: time between tokens, s; None: the sum of the times of the traced modules' layers.
        full_ring: whether to account only those tokens of a layer that see the most keys, the steady state of
            a long text; otherwise all tokens. Padding is never accounted.
        scalers: scalers of each signal of a head, whose time adds to the latency; None: one, which works
            beside operations of other layers or sequences, so that its time is stated but not added.

    Returns:
        Ledger with means over the accounted tokens.

    Raises:
        HardwareError: hardware without an energy model, with other sub-tiles than the traces have, or with a
            standing power while the token period is unknown.
        ModelError: no attention was traced, or only padding.
    """
    require_energy(hardware)
    recorded = {name: list(found) for name, found in traces.items() if found}
    if not recorded:
        raise ModelError("no attention was traced; run the converted model inside record_traces")
    _require_columns(recorded, hardware)
    spread = {name: SubArrays.of(found[0].head_dim, hardware) for name, found in recorded.items()}
    latencies = [latency_of(hardware, arrays.first) for arrays in spread.values()]
    accounted = {
        name: list(zip(found, accounted_queries(found, full_ring), strict=True))
        for name, found in recorded.items()
    }
    layers = [_layer_use(name, queries) for name, queries in accounted.items()]
    times = [digital_time(hardware, use.head_dim, use.sub_tiles, scalers) for use in layers]
    if token_period is None:
        token_period = sum(
            0.0 if own is None else own + time.added_s for own, time in zip(latencies, times, strict=True)
        )
    _require_period(token_period, hardware)
    entries = []
    for use in layers:
        name, queries = use.layer, accounted[use.layer]
        own: list[LedgerEntry] = []
        for counted in stages_of(hardware, spread[name]):
            stage = counted.stage
            if isinstance(stage.law, SupplyLoss):
                own += loss_entries(stage, own)
                continue
            energies: dict[Growth, Tensor] = {}
            for trace, mask in queries:
                joules_by_growth = stage_energy(
                    stage.law,
                    trace,
                    token_period,
                    times=counted.times,
                    arrays=spread[name],
                    partial=counted.name != stage.name,
                )
                for growth, joules in joules_by_growth.items():
                    energies[growth] = energies.get(growth, 0.0) + _sum_per_head(joules, mask)
            own += [
                LedgerEntry(
                    *(counted.name, name, head, value / use.tokens, stage.origin, growth),
                    stage.band or (1.0, 1.0),
                )
                for growth, energy in energies.items()
                for head, value in enumerate(energy.tolist())
            ]
        entries += renamed(own, spread[name])
    return Ledger(
        hardware=hardware.name,
        columns=hardware.columns,
        entries=tuple(entries),
        layers=tuple(layers),
        latency_s=None if hardware.timing is None else max(latencies),
        digital_time=max(times, key=lambda time: time.total_s),
        retention=_retention_margin(hardware, max(use.keys for use in layers) * token_period),
        # It is stated for a head on one K and one V array.
        area=None if any(arrays.is_spread for arrays in spread.values()) else hardware.area,
    )


def _layer_use(name: str, queries: Sequence[tuple[Trace, Tensor]]) -> LayerUse:
    """Use of a layer's ring by the accounted queries (B, T) of each of its traces."""
    tokens = sum(int(mask.sum()) for _, mask in queries)
    if tokens == 0:
        raise ModelError(f"no token of the traces of {name} sees a key; trace text that is not all padding")
    return LayerUse(
        layer=name,
        head_dim=queries[0][0].head_dim,
        keys=sum(int(keys_seen(trace)[mask].sum()) for trace, mask in queries) / tokens,
        sub_tiles=sum(int(sub_tiles_in_use(trace)[mask].sum()) for trace, mask in queries) / tokens,
        tokens=tokens,
    )


def accounted_queries(traces: Sequence[Trace], full_ring: bool) -> list[Tensor]:
    """Queries to account in the traces of one layer.

    Args:
        traces: signals of each attention operation of the layer.
        full_ring: whether to take only the queries that see the most keys in any trace, or all that see any.

    Returns:
        One mask per trace, shape (B, T), bool.
    """
    seen = [keys_seen(trace) for trace in traces]
    least = max((int(found.max()) for found in seen if found.numel()), default=1) if full_ring else 1
    return [found >= max(least, 1) for found in seen]


def _sum_per_head(energy: Tensor, accounted: Tensor) -> Tensor:
    """Sum (H,) over the accounted queries (B, T) of energies (B, H, T), in double precision."""
    return torch.where(accounted[:, None], energy, 0.0).double().sum((0, 2))


def require_energy(hardware: Hardware) -> None:
    """Check that hardware has an energy model.

    Args:
        hardware: the hardware.

    Raises:
        HardwareError: it has none.
    """
    if hardware.energy is None:
        raise HardwareError(
            f"hardware {hardware.name!r} states no energy; account on generic28, leroux2025 or your own fit"
        )


def _require_period(token_period: float, hardware: Hardware) -> None:
    """HardwareError if a stage's energy follows from a token period that is unknown (0)."""
    standing = [
        stage.name for stage in hardware.energy.stages if isinstance(stage.law, StandingPower | Leakage)
    ]
    if standing and token_period == 0:
        raise HardwareError(
            f"hardware {hardware.name!r} has a standing power ({', '.join(standing)}) but states no timing; "
            "pass token_period (s)"
        )


def _require_columns(traces: Mapping[str, Sequence[Trace]], hardware: Hardware) -> None:
    """HardwareError unless the traces were made with sub-tiles of the hardware's size."""
    for name, found in traces.items():
        for columns in {trace.ring.positions.columns for trace in found} - {hardware.columns}:
            raise HardwareError(
                f"{name} was traced with sub-tiles of {columns} columns, those of {hardware.name!r} have "
                f"{hardware.columns}; trace on the hardware that is accounted"
            )


def _retention_margin(hardware: Hardware, needed: float) -> RetentionMargin | None:
    """Margin for keys needed for `needed` seconds; None without retention or with an unknown need (0)."""
    if hardware.retention is None or needed == 0:
        return None
    times = hardware.retention.retention_time(hardware.levels.key, hardware.v_min, hardware.v_max)
    return RetentionMargin(float(times.min()), needed, float(hardware.retention.ages[-1]))
