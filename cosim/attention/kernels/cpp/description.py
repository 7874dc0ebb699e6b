"""What the operators of `native` are told of the hardware: tables and numbers by name."""

from __future__ import annotations

import threading
import weakref
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .....models import Hardware
from ...effects import Effects
from ...ring import Positions
from ...stages import OperationContext, cells_deviate
from ...surrogate_gradient import Gradient, linear_term
from ..aging import TILE, aging_of
from ..description import Cells, ScaledColumn, Stage, describe_circuit
from ..level_tables import AS_THEY_COME, terms_by_level, with_fewer_terms, with_remainder
from .anchors import NONE, anchors_of, extended, newest_last

ROOM = 256
"""Ages that a circuit is described for at least."""
BUCKETS, MOST_BUCKETS = 1024, 2**20
MOST_FLAG_TILES = 32
LARGEST = 2**31 - 1
"""Largest integer and largest position that the operators take."""
VECTOR, MOST_TERMS = 16, 4
"""Entries of a table that is looked up in a register, and terms that are; the same as in the sources."""


@dataclass(frozen=True, eq=False)
class Description:
    """A circuit as the operators know it. They read every value by its name, and refuse one that they do not
    read."""

    tables: dict[str, Tensor]
    numbers: dict[str, float]

    def depth(self, values: int) -> int:
        """Columns of the V array for elements of `values` columns as the operators get them."""
        return values + int(self.numbers["value_has_extra"])

    @property
    def few_levels(self) -> bool:
        """Whether a token's tables fit into vectors: `decodes` in the sources."""
        most = max(self.numbers["key_levels"], self.numbers["value_levels"])
        return 0 < most < VECTOR and self.tables["kinds"].shape[0] <= MOST_TERMS

    def flag_tiles(self, keys: int, window: int, key_start: int) -> int:
        """Sub-tiles whose read-outs are flagged for the backward pass (`window` 0: none)."""
        columns = int(self.numbers["columns"])
        if not self.numbers["flags"] or keys == 0:
            return 0
        tiles = (
            -(-window // columns) if window else (key_start + keys - 1) // columns - key_start // columns + 1
        )
        return tiles if tiles <= MOST_FLAG_TILES else 0


def require_range(name: str, value: int, low: int, high: int = LARGEST) -> None:
    """Check an integer before it reaches the operators.

    Raises:
        ValueError: it is outside the range.
    """
    if not low <= value <= high:
        raise ValueError(f"{name}={value} must be between {low} and {high}")


def require_positions(positions: Positions) -> None:
    """Check the integers that an operator gets from the positions of one call.

    Raises:
        ValueError: the window or the first key's position is out of range.
    """
    require_range("key_start", positions.key_start, 0, LARGEST - positions.keys)
    if positions.window is not None:
        require_range("window", positions.window, 1)


def register_circuit(op: OperationContext, by_level: bool) -> int:
    """The number under which the operators know the circuit of `op`."""
    positions, ages = op.positions, ROOM
    # A run's first key may be older than the window, though its last are not.
    while positions.ages > ages and (positions.window is None or positions.window + TILE > ages):
        ages *= 2
    reach = ages if positions.window is None else min(ages, positions.window)
    period, tile, reach = _constant(op.token_period), _constant(positions.columns), _constant(reach)
    kind = op.gradient, by_level, cells_deviate(op)
    settings = op.effects, period, tile, ages, reach, *kind
    # Leaving a compiler's sight takes 9 µs, of a decode step's 200, where no compiler looks.
    return (_described if torch.compiler.is_compiling() else _describe_once)(op.hardware, *settings)


def _constant(x: Any) -> Any:
    """x itself; to a compiler, which may take numbers for symbols, what it was when the graph was made.

    A compiler has no symbols in its sets, and guards what it has put there.
    """
    (x,) = {x}
    return x


@torch.compiler.assume_constant_result
def _described(hardware: Hardware, *settings: object) -> int:
    return _out_of_sight(hardware, *settings)


@torch.compiler.disable
def _out_of_sight(hardware: Hardware, *settings: object) -> int:
    return _describe_once(hardware, *settings)


def _describe_once(hardware: Hardware, *settings: object) -> int:
    """Describe a circuit to the operators once for as long as its hardware lives; returns its number."""
    key = hardware.cell, *settings
    found = _descriptions.get(id(hardware), {}).get(key)
    if found is not None:
        return found[0]
    # No lock is held here: slopes come from autograd, and hooks of gradient checkpointing run the network
    # again. Those hooks are shadowed, and inference mode left, since the first use may be in either.
    with torch.inference_mode(False), torch.autograd.graph.saved_tensors_hooks(_unchanged, _unchanged):
        circuit = described(hardware, *settings)
    with _registering:
        if id(hardware) not in _descriptions:
            weakref.finalize(hardware, _descriptions.pop, id(hardware)).atexit = False
        known = _descriptions.setdefault(id(hardware), {})
        if key not in known:
            number = torch.ops.gaincell.describe(circuit.tables, circuit.numbers)
            weakref.finalize(circuit, torch.ops.gaincell.forget, number).atexit = False
            KNOWN[number] = circuit
            known[key] = number, circuit
        return known[key][0]


def _unchanged(x: Tensor) -> Tensor:
    return x


_registering = threading.Lock()
# By object and not by content: a description lives as long as the hardware that compiled graphs hold. An
# entry goes before its hardware's id can be another's. A WeakIdKeyDictionary takes 5 us of a call's 40.
_descriptions: dict[int, dict[tuple, tuple[int, Description]]] = {}
KNOWN: weakref.WeakValueDictionary[int, Description] = weakref.WeakValueDictionary()
"""What the operators know, by number. They forget a description when its hardware and all graphs that use it
are gone."""


@torch.no_grad()
def described(
    hardware: Hardware,
    effects: Effects,
    token_period: float | None,
    tile: int,
    ages: int,
    reach: int,
    gradient: Gradient,
    by_level: bool,
    deviate: bool,
) -> Description:
    """What the operators are told of a circuit.

    Args:
        hardware: curves, full scales, quantiser levels and timing.
        effects: switches of the non-idealities.
        token_period: time between tokens, s; None: the latency of one layer.
        tile: columns of a sub-tile.
        ages: number of ages that are described, in tokens.
        reach: number of ages that can occur.
        gradient: derivative of the cells' charge.
        by_level: whether elements are looked up by their level; else their terms are given.
        deviate: whether every cell has a deviation of its own.
    """
    nowhere = torch.zeros(1, 1, dtype=torch.int64)
    positions = Positions(None, None, nowhere, 1, None, tile, ages, 0)
    op = OperationContext(hardware, effects, positions, token_period, None, gradient=gradient)
    # Of how many columns only matters on a chip, whose deviations are arguments of the operators.
    circuit = describe_circuit(op, 0, torch.device("cpu"))
    aging = aging_of(op, by_level, deviate)
    arrays = [terms_by_level(op, array, aging.dropped) if by_level else AS_THEY_COME for array in (1, 2)]
    if by_level:
        aging, arrays = with_fewer_terms(aging, arrays, reach)
    aging, anchors = extended(aging), NONE
    if by_level:
        anchors = anchors_of(aging, arrays, reach)
        aging, arrays = with_remainder(aging, arrays, reach)
    tables = {"factors": aging.factors[:, :ages].float(), "kept": aging.lead, "kinds": aging.kinds}
    tables |= {"anchor_offsets": anchors.offsets, "anchor_shares": anchors.shares}
    tables["anchor_factors"] = newest_last(aging.factors).float()
    numbers = {
        "engine": 0,
        # Clipped or not is all that an ideal read-out leaves to know.
        "flags": circuit.second.knots is None and circuit.second.column is None,
        "columns": tile,
        "phases": 2 if hardware.signed_query == "two-phase" else 1,
        "retained": circuit.swap_efficiency or 1.0,
        "query_steps": hardware.levels.query - 1 if by_level else 0,
        "query_signed": hardware.signed_query is not None,
        "output_steps": circuit.output_steps or 0,
        "low": hardware.v_min,
        "high": hardware.v_max,
        "span": hardware.v_max - hardware.v_min,
        # Read where terms come as they are, of which none is dropped.
        "bearer": linear_term(hardware, effects.decay, len(aging.kinds)),
    }
    levels = hardware.levels.key, hardware.levels.value
    for i, (side, stage) in enumerate((("key_", circuit.first), ("value_", circuit.second))):
        rows, bucket = _curve(stage)
        table, slope, surrogate = arrays[i].tables()
        found = {"table": table, "slope": slope, "gradient": surrogate, "curve": rows, "bucket": bucket}
        found["column"] = _column(stage.column)
        tables |= {side + name: each for name, each in found.items()}
        values = {
            "levels": levels[i] if by_level else 0,
            "loaded": stage.column is not None,
            "mirrored": by_level and i == 0 and hardware.signed_query == "mirrored",
            "has_extra": by_level and i == 1 and hardware.normaliser is not None,
            "extra": hardware.normaliser or 0.0,
            "constant": arrays[i].constant,
            "gradient_constant": arrays[i].gradient_constant,
            "curve_low": 0.0 if stage.knots is None else float(stage.knots[0]),
            "pulse_low": -1.0 if stage.signed else 0.0,
            "edge": stage.edge,
        }
        numbers |= {side + name: each for name, each in values.items()}
    return Description(tables, {name: float(value) for name, value in numbers.items()})


def _column(column: ScaledColumn | None) -> Tensor:
    if column is None:
        return torch.empty(0, dtype=torch.float64)
    flat = [c for row in column.coefficients for c in row]
    return torch.tensor([column.charge_scale, *column.a_box, *column.u_box, *flat], dtype=torch.float64)


def _curve(stage: Stage) -> tuple[Tensor, Tensor]:
    """A converter's curve, (intervals, 8), and where in it each of equal steps starts.

    A row holds the end r = 0 of its interval, the cubic in r that reaches it, and what the next interval adds
    beyond: r (p + r (q + r s)). No step holds two knots.
    """
    if stage.knots is None or stage.coefficients is None:
        return torch.empty(0, 8), torch.empty(0, dtype=torch.int32)
    knots, intervals = stage.knots.double(), len(stage.knots) - 1
    width = (knots[1:] - knots[:-1])[:, None]
    a, b, c, d = (stage.coefficients.double() / width ** torch.arange(4)).unbind(1)
    w = width.squeeze(1)
    rows = torch.zeros(intervals, 8, dtype=torch.float64)
    ends = [a + w * (b + w * (c + w * d)), b + w * (2 * c + 3 * w * d), c + 3 * w * d, d]
    rows[:, 0], rows[:, 1:5] = knots[1:], torch.stack(ends, dim=1)
    rows[:-1, 5:] = torch.stack([b, c, d], dim=1)[1:] - rows[:-1, 2:5]
    steps = BUCKETS
    while True:
        edges = torch.linspace(float(knots[0]), float(knots[-1]), steps + 1, dtype=torch.float64)
        start = (torch.searchsorted(knots, edges, right=True) - 1).clamp(0, intervals - 1)
        if int((start[1:] - start[:-1]).max()) <= 1 or steps >= MOST_BUCKETS:
            return rows.float(), (start[:-1] * rows.shape[1]).to(torch.int32)
        steps *= 2


def stacked(cells: Cells) -> Tensor:
    """Terms and loading (channels, B, Hkv, S, R), float32."""
    parts = cells.terms if cells.loading is None else (*cells.terms, cells.loading)
    return torch.stack([part.float() for part in torch.broadcast_tensors(*parts)])


def surrogate_of(cells: Cells, like: Tensor) -> Tensor | None:
    """What acts in the gradient for the terms `like`, (B, Hkv, S, R); None: they themselves.

    The gradient by what is stored is in the terms already, see `with_fixed_slope`.
    """
    return None if cells.linear is None else cells.linear.detach().float().expand(like.shape[1:])
