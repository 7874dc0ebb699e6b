"""What the operators of `native` are told of the hardware: tables, whole numbers and scalars in order."""

from __future__ import annotations

import threading
import weakref
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

from .....models import Hardware
from ...effects import Effects
from ...ring import Positions
from ...stages import OperationContext, cells_deviate
from ...surrogate_gradient import Gradient, linear_term
from ..aging import TILE, aging_of
from ..description import Cells, Circuit, ScaledColumn, Stage, describe_circuit
from ..level_tables import AS_THEY_COME, LevelTerms, acting_first, terms_by_level, with_fewer_terms

ROOM = 256
"""Ages that a circuit is described for at least."""
BUCKETS, MOST_BUCKETS = 1024, 2**20
MOST_FLAG_TILES = 32
LARGEST = 2**31 - 1
"""Largest integer and largest position that the operators take."""
VECTOR, MOST_TERMS = 16, 4
"""Entries of a table that is looked up in a register, and terms that are; the same as in the sources."""
SHAPE = [
    "columns",
    "phases",
    "query_steps",
    "query_signed",
    "output_steps",
    "mirrored",
    "has_extra",
    "key_levels",
    "value_levels",
    "terms",
    "loaded_1",
    "loaded_2",
    "intervals_1",
    "intervals_2",
    "engine",
    "flags",
    "acting",
    "bearer",
]
"""Order of the operators' whole numbers."""


@dataclass(frozen=True, eq=False)
class Numbers:
    """A circuit as the operators know it."""

    tables: list[Tensor]
    whole: dict[str, int]
    scalars: list[float]

    def depth(self, values: int) -> int:
        """Columns of the V array for elements of `values` columns as the operators get them."""
        return values + (self.whole["has_extra"] if self.whole["value_levels"] else 0)

    @property
    def few_levels(self) -> bool:
        """Whether a token's tables fit into vectors: `decodes` in the sources."""
        most = max(self.whole["key_levels"], self.whole["value_levels"])
        return 0 < most < VECTOR and self.whole["terms"] <= MOST_TERMS

    def flag_tiles(self, keys: int, window: int, key_start: int) -> int:
        """Sub-tiles whose read-outs are flagged for the backward pass (`window` 0: none)."""
        columns = self.whole["columns"]
        if not self.whole["flags"] or keys == 0:
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
    found = _descriptions.get(hardware, {}).get(key)
    if found is not None:
        return found[0]
    # No lock is held here: slopes come from autograd, and hooks of gradient checkpointing run the network
    # again. Those hooks are shadowed, and inference mode left, since the first use may be in either.
    with torch.inference_mode(False), torch.autograd.graph.saved_tensors_hooks(_unchanged, _unchanged):
        numbers = _numbers(hardware, *settings)
    for name, value in numbers.whole.items():
        require_range(name, value, 0)
    with _registering:
        described = _descriptions.setdefault(hardware, {})
        if key not in described:
            shape = [numbers.whole.get(name, 0) for name in SHAPE]
            number = torch.ops.gaincell.describe(numbers.tables, shape, numbers.scalars)
            weakref.finalize(numbers, torch.ops.gaincell.forget, number).atexit = False
            KNOWN[number] = numbers
            described[key] = number, numbers
        return described[key][0]


def _unchanged(x: Tensor) -> Tensor:
    return x


_registering = threading.Lock()
# By object and not by content: a description lives as long as the hardware that compiled graphs hold.
_descriptions: WeakIdKeyDictionary = WeakIdKeyDictionary()
KNOWN: weakref.WeakValueDictionary[int, Numbers] = weakref.WeakValueDictionary()
"""What the operators know, by number. They forget a description when its hardware and all graphs that use it
are gone."""


@torch.no_grad()
def _numbers(
    hardware: Hardware,
    effects: Effects,
    token_period: float | None,
    tile: int,
    ages: int,
    reach: int,
    gradient: Gradient,
    by_level: bool,
    deviate: bool,
) -> Numbers:
    nowhere = torch.zeros(1, 1, dtype=torch.int64)
    positions = Positions(None, None, nowhere, 1, None, tile, ages, 0)
    op = OperationContext(hardware, effects, positions, token_period, None, gradient=gradient)
    # Of how many columns only matters on a chip, whose deviations are arguments of the operators.
    circuit = describe_circuit(op, 0, torch.device("cpu"))
    aging = aging_of(op, by_level, deviate)
    arrays = [terms_by_level(op, array, aging.dropped) if by_level else AS_THEY_COME for array in (1, 2)]
    acting = len(aging.kinds)
    if by_level:
        aging, arrays, acting = acting_first(*with_fewer_terms(aging, arrays, reach), reach)
    curves = [_curve(stage) for stage in (circuit.first, circuit.second)]
    whole = {
        "columns": tile,
        "phases": 2 if hardware.signed_query == "two-phase" else 1,
        "query_steps": hardware.levels.query - 1 if by_level else 0,
        "query_signed": int(hardware.signed_query is not None),
        "output_steps": circuit.output_steps or 0,
        "mirrored": int(hardware.signed_query == "mirrored"),
        "has_extra": int(hardware.normaliser is not None),
        "key_levels": hardware.levels.key if by_level else 0,
        "value_levels": hardware.levels.value if by_level else 0,
        "terms": len(aging.kinds),
        "loaded_1": int(circuit.first.column is not None),
        "loaded_2": int(circuit.second.column is not None),
        "intervals_1": curves[0][1],
        "intervals_2": curves[1][1],
        # Clipped or not is all that an ideal read-out leaves to know.
        "flags": int(curves[1][1] == 0 and circuit.second.column is None),
        "acting": acting,
        # Read where terms come as they are, of which none is dropped.
        "bearer": linear_term(hardware, effects.decay, len(aging.kinds)),
    }
    tables = [table for array in arrays for table in array.tables()]
    tables += [aging.factors.float(), aging.lead, aging.kinds, *curves[0][0], *curves[1][0]]
    return Numbers(tables, whole, _scalars(hardware, circuit, arrays))


def _scalars(hardware: Hardware, circuit: Circuit, arrays: list[LevelTerms]) -> list[float]:
    first = [circuit.swap_efficiency or 1.0, hardware.v_min, hardware.v_max, hardware.normaliser or 0.0]
    first += [array.constant for array in arrays] + [array.gradient_constant for array in arrays]
    first += [circuit.first.edge, circuit.second.edge]
    return first + _column(circuit.first.column) + _column(circuit.second.column)


def _column(column: ScaledColumn | None) -> list[float]:
    if column is None:
        return [0.0]
    flat = [c for row in column.coefficients for c in row]
    return [float(len(column.coefficients)), column.charge_scale, *column.a_box, *column.u_box, *flat]


def _curve(stage: Stage) -> tuple[list[Tensor], int]:
    """Tables of a converter's curve, and its number of intervals.

    The first table has rows of start, end, 1 / width and cubic of every interval with room for 64, then the
    same once more with the numbers of an interval beside each other. The second has the interval in which
    each of equal steps starts, none of which holds two knots.
    """
    if stage.knots is None or stage.coefficients is None:
        return [torch.empty(0), torch.empty(0, dtype=torch.int32)], 0
    knots, intervals = stage.knots, len(stage.knots) - 1
    parts = [knots[:-1], knots[1:], 1 / (knots[1:] - knots[:-1]), *stage.coefficients.unbind(1)]
    room = max(64, intervals)
    rows = torch.zeros(len(parts), room)
    rows[:, :intervals] = torch.stack(parts)
    start, _, per_width, *cubic = rows
    together = torch.stack([*cubic, start, per_width, *2 * [torch.zeros(room)]], dim=1)
    rows = torch.cat([rows, together.reshape(-1, room)])
    steps = BUCKETS
    while True:
        edges = torch.linspace(float(knots[0]), float(knots[-1]), steps + 1, dtype=torch.float64)
        start = (torch.searchsorted(knots.double(), edges, right=True) - 1).clamp(0, intervals - 1)
        if int((start[1:] - start[:-1]).max()) <= 1 or steps >= MOST_BUCKETS:
            return [rows, start[:-1].to(torch.int32)], intervals
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
