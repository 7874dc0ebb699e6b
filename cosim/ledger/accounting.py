"""Accounting: evaluate the hardware's energy model on the traced signals of the attention layers.

The read energy of a cell is linear in the pulse width, so the energy of an array is a matrix product,
w @ e(volts), on the traced pulse widths w and stored voltages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor

from ...circuits.errors import HardwareError, ModelError
from ...models import (
    CellReads,
    Constant,
    Conversions,
    DacConversions,
    Hardware,
    Pulses,
    StandingPower,
    SubTileOperations,
    SupplyLoss,
    Writes,
)
from ...models.cost import Law
from ..attention.api import Trace
from .ledger import LayerUse, Ledger, LedgerEntry, RetentionMargin
from .supply import loss_entries


@torch.no_grad()
def account(
    traces: Mapping[str, Sequence[Trace]],
    hardware: Hardware,
    *,
    token_period: float | None = None,
    full_ring: bool = True,
) -> Ledger:
    """Energy, latency and retention margin of the traced tokens.

    Args:
        traces: name of each attention module -> its traces, as from `record_traces`.
        hardware: hardware with an energy model.
        token_period: time between tokens, s; None: the latency times the number of traced modules.
        full_ring: whether to account only those tokens of a layer that see the most keys, the steady state of
            a long text; otherwise all tokens. Padding is never accounted.

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
    latency = None if hardware.timing is None else hardware.timing.latency
    if token_period is None:
        token_period = (latency or 0.0) * len(recorded)
    _require_period(token_period, hardware)
    entries, layers = [], []
    for name, found in recorded.items():
        queries = list(zip(found, accounted_queries(found, full_ring), strict=True))
        use = _layer_use(name, queries)
        layers.append(use)
        own: list[LedgerEntry] = []
        for stage in hardware.energy.stages:
            if isinstance(stage.law, SupplyLoss):
                own += loss_entries(stage, own)
                continue
            energy = sum(
                _sum_per_head(stage_energy(stage.law, trace, token_period), mask) for trace, mask in queries
            )
            own += [
                LedgerEntry(stage.name, name, head, value / use.tokens, stage.origin, grows_with(stage.law))
                for head, value in enumerate(energy.tolist())
            ]
        entries += own
    return Ledger(
        hardware=hardware.name,
        columns=hardware.columns,
        entries=tuple(entries),
        layers=tuple(layers),
        latency_s=latency,
        retention=_retention_margin(hardware, max(use.keys for use in layers) * token_period),
        area=hardware.area,
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


def operated(trace: Trace) -> Tensor:
    """Whether each query is a stored token. The query of a padding token is not operated, on either side.

    Args:
        trace: signals of one attention operation.

    Returns:
        Shape (B, T), bool.
    """
    batch, _, queries, _ = trace.widths.shape
    positions = trace.ring.positions
    if positions.stored is None or positions.order is None:
        return torch.ones(batch, queries, dtype=torch.bool, device=trace.widths.device)
    # Queries are the last tokens, in the order before packing.
    stored = torch.zeros_like(positions.stored).scatter(1, positions.order, positions.stored)
    return stored[:, -queries:]


def keys_seen(trace: Trace) -> Tensor:
    """Number of keys that each query sees.

    Args:
        trace: signals of one attention operation.

    Returns:
        Shape (B, T), integer; 0 for padding.
    """
    return trace.ring.valid.sum(-1)[:, 0] * operated(trace)


def sub_tiles_in_use(trace: Trace) -> Tensor:
    """Number of sub-tiles that each query operates.

    Args:
        trace: signals of one attention operation.

    Returns:
        Shape (B, T), integer; 0 for padding.
    """
    used = operated(trace)
    return sum(
        (tile.active[:, 0, :, 0].long() * used for tile in trace.sub_tiles), torch.zeros_like(used).long()
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


def grows_with(law: Law) -> Literal["key", "sub-tile", "token"]:
    """Quantity that the energy of one query is proportional to, at the same activity.

    Args:
        law: energy law of a stage, any but `SupplyLoss`, which grows with what it feeds.
    """
    match law:
        case CellReads() | Conversions(converter=1) | Pulses(array=2):
            return "key"
        case Pulses(array=1) | Conversions(converter=2) | SubTileOperations() | StandingPower():
            return "sub-tile"
        case _:
            return "token"


def stage_energy(law: Law, trace: Trace, token_period: float = 0.0) -> Tensor:
    """Energy of one stage for every query and head.

    Args:
        law: energy law of the stage, any but `SupplyLoss`.
        trace: signals of one attention operation.
        token_period: time between tokens, s, for which circuits with a standing power stay on.

    Returns:
        Energy, shape (B, H, T), J.
    """
    batch, heads, queries, _ = trace.widths.shape
    valid = trace.ring.valid
    # Query heads of a group share one array, and so the energy of writing it.
    shared = trace.key_volts.shape[1] / heads
    # Complementary rows and the normalising column's constant are written like other cells.
    written = trace.key_volts.shape[-1] + trace.value_volts.shape[-1]
    zeros = torch.zeros(batch, heads, queries, dtype=torch.float64, device=valid.device)
    match law:
        case CellReads(array=1):
            per_key = trace.widths.abs() @ _per_query_head(law.curve(trace.key_volts), heads).mT
            return torch.where(valid, per_key, 0.0).sum(-1)
        case CellReads(array=2):
            per_key = _per_query_head(law.curve(trace.value_volts).sum(-1, keepdim=True), heads)
            return (trace.phi @ per_key)[..., 0]
        case Pulses(array=1):
            return law.joules * (zeros + (trace.widths != 0).sum(-1) * sub_tiles_in_use(trace)[:, None])
        case Pulses(array=2):
            return law.joules * (zeros + (trace.phi > 0).sum(-1))
        case Conversions(converter=1):
            return torch.where(valid, _within(law, trace.charge_1), 0.0).sum(-1)
        case Conversions(converter=2):
            return sum(
                (
                    torch.where(tile.active, _within(law, tile.charge), 0.0).sum(-1)
                    for tile in trace.sub_tiles
                ),
                zeros,
            )
        case Writes():
            return zeros + law.joules * written * shared
        case DacConversions():
            return zeros + law.joules * (trace.head_dim + written * shared)
        case SubTileOperations():
            return law.joules * (zeros + sub_tiles_in_use(trace)[:, None])
        case StandingPower():
            return law.watts * token_period * shared * (zeros + sub_tiles_in_use(trace)[:, None])
        case Constant():
            return zeros + law.joules


def _within(law: Conversions, charge: Tensor) -> Tensor:
    """Energy of each conversion, J; a charge beyond the fitted range saturates the converter at its end."""
    for low, high in law.curve.box.values():
        charge = charge.clamp(low, high)
    return law.curve(charge)


def _per_query_head(x: Tensor, heads: int) -> Tensor:
    """(B, Hkv, ...) repeated to (B, H, ...)."""
    return x.repeat_interleave(heads // x.shape[1], dim=1)


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
    standing = [stage.name for stage in hardware.energy.stages if isinstance(stage.law, StandingPower)]
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
