"""Energy of each stage from the signals of an attention operation, by the law of the stage.

The read energy of a cell is linear in the pulse width, so the energy of an array is a matrix product,
w @ e(volts), on the traced pulse widths w and stored voltages.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ...models import (
    CellReads,
    Constant,
    Conversions,
    DacConversions,
    Events,
    Leakage,
    Pulses,
    StandingPower,
    SubTileOperations,
    Writes,
)
from ...models.cost import Event, Growth, Law
from ..attention.api import Trace
from .row_tiles import ONE, SubArrays

PER_SUB_TILE: frozenset[Event] = frozenset(
    {"sub-tile", "row pulse", "read-out", "read-out pulse", "read-out magnitude"}
)
"""Events whose number is proportional to the sub-tiles in use; that of the others to tokens."""


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


def stage_energy(
    law: Law,
    trace: Trace,
    token_period: float = 0.0,
    *,
    times: float = 1.0,
    arrays: SubArrays = ONE,
    partial: bool = False,
) -> dict[Growth, Tensor]:
    """Energy of one stage for every query and head, by the quantity that it is proportional to.

    Args:
        law: energy law of the stage.
        trace: signals of one attention operation.
        token_period: time between tokens, s, for which circuits with a standing power stay on.
        times: how often a sub-tile has what the law states per sub-tile.
        arrays: sub-arrays of the head.
        partial: take the conversions of the row tiles instead of those of the V array.

    Returns:
        Growth -> energy, shape (B, H, T), J. Their sum is the energy of the stage.
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
            return {"key": torch.where(valid, per_key, 0.0).sum(-1)}
        case CellReads(array=2):
            per_key = _per_query_head(law.curve(trace.value_volts).sum(-1, keepdim=True), heads)
            return {"key": (trace.phi @ per_key)[..., 0]}
        case Pulses(array=1):
            return {"sub-tile": law.joules * (zeros + events_of("row pulse", trace))}
        case Pulses(array=2):
            return {"key": law.joules * (zeros + (trace.phi > 0).sum(-1)) * arrays.second}
        case Conversions(converter=1):
            return {"key": torch.where(valid, _within(law, trace.charge_1), 0.0).sum(-1)}
        case Conversions(converter=2) if partial:
            each = (torch.where(valid, _within(law, x.charge), 0.0).sum(-1) for x in trace.partials)
            return {"key": sum(each, zeros)}
        case Conversions(converter=2):
            return {
                "sub-tile": sum(
                    (
                        torch.where(tile.active, _within(law, tile.charge), 0.0).sum(-1)
                        for tile in trace.sub_tiles
                    ),
                    zeros,
                )
            }
        case Writes():
            return {"token": zeros + law.joules * written * shared}
        case DacConversions():
            return {"token": zeros + law.joules * (trace.head_dim + written * shared)}
        case SubTileOperations():
            return {"sub-tile": times * law.joules * (zeros + sub_tiles_in_use(trace)[:, None])}
        case StandingPower():
            power = times * law.watts * token_period * shared
            return {"sub-tile": power * (zeros + sub_tiles_in_use(trace)[:, None])}
        case Events():
            found: dict[Growth, Tensor] = {}
            for event, joules in law.joules.items():
                growth: Growth = "sub-tile" if event in PER_SUB_TILE else "token"
                number = events_of(event, trace)
                number = number * times if event == "sub-tile" else number
                found[growth] = found.get(growth, zeros) + joules * number
                if trace.partials:
                    found["key"] = found.get("key", zeros) + joules * partial_events(event, trace)
            return found
        case Leakage():
            time = token_period * shared
            used = zeros + sub_tiles_in_use(trace)[:, None]
            return {"token": zeros + law.head * time, "sub-tile": times * law.sub_tile * time * used}
        case Constant():
            return {"token": zeros + law.joules}


def events_of(event: Event, trace: Trace) -> Tensor | float:
    """Number of events of one kind for every query and head.

    Args:
        event: the kind.
        trace: signals of one attention operation.

    Returns:
        Numbers that broadcast to the shape (B, H, T).
    """
    shared = trace.key_volts.shape[1] / trace.widths.shape[1]
    tiles = sub_tiles_in_use(trace)[:, None]
    match event:
        case "operation":
            return 1.0
        case "token":
            return shared
        case "query element" | "output element":
            return float(trace.head_dim)
        case "key element" | "value element":
            return trace.head_dim * shared
        case "written element":
            return (trace.key_volts.shape[-1] + trace.value_volts.shape[-1]) * shared
        case "query pulse":
            return (trace.widths != 0).sum(-1)
        case "query width":
            return trace.widths.abs().double().sum(-1)
        case "sub-tile":
            return tiles
        case "row pulse":
            return (trace.widths != 0).sum(-1) * tiles
        case "read-out":
            return trace.value_volts.shape[-1] * tiles
        case "read-out pulse":
            return sum((tile.output != 0).sum(-1) for tile in trace.sub_tiles)
        case "read-out magnitude":
            return sum(tile.output.abs().double().sum(-1) for tile in trace.sub_tiles)


def partial_events(event: Event, trace: Trace) -> Tensor | float:
    """Number of events that row tiles add to `events_of`, for every query and head.

    Every conversion of a row tile is counted and added like a read-out. The limiter and the pulse generator
    of a key count as those of a query element, with its scaler: an upper bound of the limiter.

    Args:
        event: the kind.
        trace: signals of one attention operation.

    Returns:
        Numbers that broadcast to the shape (B, H, T).
    """
    match event:
        case "read-out":
            return len(trace.partials) * keys_seen(trace)[:, None]
        case "read-out pulse":
            return sum((x.output != 0).sum(-1) for x in trace.partials)
        case "read-out magnitude":
            return sum(x.output.abs().double().sum(-1) for x in trace.partials)
        case "query element":
            return keys_seen(trace)[:, None]
        case "query pulse":
            return (trace.phi != 0).sum(-1)
        case "query width":
            return trace.phi.double().sum(-1)
        case _:
            return 0.0


def _within(law: Conversions, charge: Tensor) -> Tensor:
    """Energy of each conversion, J; a charge beyond the fitted range saturates the converter at its end."""
    for low, high in law.curve.box.values():
        charge = charge.clamp(low, high)
    return law.curve(charge)


def _per_query_head(x: Tensor, heads: int) -> Tensor:
    """(B, Hkv, ...) repeated to (B, H, ...)."""
    return x.repeat_interleave(heads // x.shape[1], dim=1)
