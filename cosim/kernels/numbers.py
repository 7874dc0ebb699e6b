"""What the operators of `native` are told of the hardware: tables, whole numbers and scalars in order."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ...models import Exponential, Hardware
from ..signals import Conditions, cell_terms, chip_of, column_of, seconds_per_token
from .circuit import Cells, Circuit, Column, Stage, circuit_of

TILE = 64
"""Keys of a run at most; the same as in the sources."""
NONE, EXPONENTIAL, TABLE = range(3)
"""How a term depends on age."""
BUCKETS, MOST_BUCKETS = 1024, 2**20
MOST_FLAG_TILES = 32
STEEP = 8.0
SHAPE = [
    "window",
    "columns",
    "key_start",
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
]
"""Order of the operators' whole numbers."""


@dataclass(frozen=True)
class Numbers:
    """Everything but the tensors of one operation."""

    tables: list[Tensor]
    whole: dict[str, int]
    scalars: list[float]
    by_level: bool
    """Stored elements are looked up by level."""

    def shape(self, window: int | None, key_start: int) -> list[int]:
        """The whole numbers in their order."""
        placed = {"window": window or 0, "key_start": key_start}
        return [placed.get(name, self.whole.get(name, 0)) for name in SHAPE]

    @staticmethod
    def flag_tiles(shape: Sequence[int], keys: int) -> int:
        """Sub-tiles whose read-outs are flagged for the backward pass."""
        named = dict(zip(SHAPE, shape, strict=True))
        window, columns, start = named["window"], named["columns"], named["key_start"]
        if not named["flags"] or keys == 0:
            return 0
        tiles = -(-window // columns) if window else (start + keys - 1) // columns - start // columns + 1
        return tiles if tiles <= MOST_FLAG_TILES else 0

    @staticmethod
    def has_extra(shape: Sequence[int]) -> bool:
        """Whether the V array has a column that `v` has not."""
        return bool(shape[SHAPE.index("has_extra")]) and bool(shape[SHAPE.index("value_levels")])


@dataclass(frozen=True)
class _Terms:
    """Terms by level of one array."""

    table: Tensor
    """(terms + loading, levels + 1), the last entry for what is not a number."""
    slope: Tensor
    """The same, derivative by the voltage asked for."""
    constant: float


def numbers_of(now: Conditions, depth: int) -> Numbers:
    """The numbers of `now`, kept as long as its hardware lives; depth: head dimension."""
    if chip_of(now) is not None:
        return _numbers(now, depth)
    ages = 1 << max(now.places.ages - 1, TILE).bit_length()
    now = replace(now, places=replace(now.places, ages=ages))
    key = (now.hardware.cell, now.effects, now.token_period, now.gradient, now.places.columns, ages, depth)
    kept = _kept.setdefault(id(now.hardware), {})
    if not kept:
        weakref.finalize(now.hardware, _kept.pop, id(now.hardware), None)
    if key not in kept:
        kept[key] = _numbers(now, depth)
    return kept[key]


_kept: dict[int, dict[tuple, Numbers]] = {}


@torch.no_grad()
def _numbers(now: Conditions, depth: int) -> Numbers:
    hardware, quantise = now.hardware, now.effects.quantise
    by_level = quantise and chip_of(now) is None
    columns = depth + (hardware.normaliser is not None)
    circuit = circuit_of(now, columns, torch.device("cpu"))
    kinds, factors, kept, dropped = _aging(now, by_level)
    arrays = [_by_level(now, array, dropped) if by_level else _none(now, array) for array in (1, 2)]
    curves = [_curve(stage) for stage in (circuit.first, circuit.second)]
    none = torch.empty(0)
    deviations = [none if s.deviation is None else s.deviation for s in (circuit.first, circuit.second)]
    whole = {
        "columns": now.places.columns,
        "phases": 2 if hardware.signed_query == "two-phase" else 1,
        "query_steps": hardware.levels.query - 1 if by_level else 0,
        "query_signed": int(hardware.signed_query is not None),
        "output_steps": circuit.output_steps or 0,
        "mirrored": int(hardware.signed_query == "mirrored"),
        "has_extra": int(hardware.normaliser is not None),
        "key_levels": hardware.levels.key if by_level else 0,
        "value_levels": hardware.levels.value if by_level else 0,
        "terms": len(kinds),
        "loaded_1": int(circuit.first.column is not None),
        "loaded_2": int(circuit.second.column is not None),
        "intervals_1": curves[0][1],
        "intervals_2": curves[1][1],
        # Clipped or not is all that an ideal read-out leaves to know.
        "flags": int(curves[1][1] == 0 and circuit.second.column is None),
    }
    tables = [arrays[0].table, arrays[0].slope, arrays[1].table, arrays[1].slope, factors, kept, kinds]
    tables += [*curves[0][0], *curves[1][0], *deviations]
    return Numbers(tables, whole, _scalars(hardware, circuit, arrays), by_level)


def _scalars(hardware: Hardware, circuit: Circuit, arrays: list[_Terms]) -> list[float]:
    first = [circuit.swap_retained or 1.0, hardware.v_min, hardware.v_max, hardware.normaliser or 0.0]
    first += [arrays[0].constant, arrays[1].constant, circuit.first.edge, circuit.second.edge]
    return first + _column(circuit.first.column) + _column(circuit.second.column)


def _column(column: Column | None) -> list[float]:
    if column is None:
        return [0.0]
    flat = [c for row in column.coefficients for c in row]
    return [float(len(column.coefficients)), column.charge_scale, *column.a_box, *column.u_box, *flat]


def _curve(stage: Stage) -> tuple[list[Tensor], int]:
    """Rows of start, end, 1 / width and cubic of every interval, room for 64 where they are fewer; the interval
    in which each of equal steps starts, none of which holds two knots. Number of intervals."""
    if stage.knots is None or stage.coefficients is None:
        return [torch.empty(0), torch.empty(0, dtype=torch.int32)], 0
    knots, intervals = stage.knots, len(stage.knots) - 1
    parts = [knots[:-1], knots[1:], 1 / (knots[1:] - knots[:-1]), *stage.coefficients.unbind(1)]
    rows = torch.zeros(len(parts), max(64, intervals))
    rows[:, :intervals] = torch.stack(parts)
    steps = BUCKETS
    while True:
        edges = torch.linspace(float(knots[0]), float(knots[-1]), steps + 1, dtype=torch.float64)
        start = (torch.searchsorted(knots.double(), edges, right=True) - 1).clamp(0, intervals - 1)
        if int((start[1:] - start[:-1]).max()) <= 1 or steps >= MOST_BUCKETS:
            return [rows, start[:-1].to(torch.int32)], intervals
        steps *= 2


def _aging(now: Conditions, by_level: bool) -> tuple[Tensor, Tensor, Tensor, list[bool]]:
    """Kind, factor by age (terms, ages) and lead over a run's first key (terms, TILE) of the terms that are
    kept; which terms are dropped, since they are the same for every cell and do not age."""
    probe = torch.linspace(now.hardware.v_min, now.hardware.v_max, 5, dtype=torch.float64).reshape(
        1, 1, -1, 1
    )
    plain = replace(now, chip=None)
    terms, rates = cell_terms(probe, 1, plain), _rates(now)
    dropped = [
        by_level and factor is None and bool((response == response.flatten()[0]).all())
        for response, factor in terms
    ]
    if all(dropped):
        dropped[0] = False
    if chip_of(now) is not None and all(factor is not None for _, factor in terms):
        terms, rates = (
            [*terms, (probe, None)],
            [*rates, None],
        )  # the cells' deviations are a term of their own
        dropped.append(False)
    kinds, factors, kept = [], [], []
    ages, lead = now.places.ages, torch.arange(TILE, dtype=torch.float64)
    for (_, factor), rate, left_out in zip(terms, rates, dropped, strict=True):
        if left_out:
            continue
        kinds.append(NONE if factor is None else TABLE if rate is None else EXPONENTIAL)
        factors.append(torch.ones(ages) if factor is None else factor.float())
        kept.append(torch.ones(TILE) if rate is None else torch.exp(rate * lead).float())
    return torch.tensor(kinds, dtype=torch.int32), torch.stack(factors), torch.stack(kept), dropped


def _rates(now: Conditions) -> list[float | None]:
    """Rate per token of every term whose factor is an exponential at all ages that occur, and so slow that its
    two parts, the query's and the key's, are numbers of ordinary size over a run."""
    if not now.effects.decay:
        return [None]
    aging = now.hardware.aged_transfer()
    period = 1.0 if aging.age_unit == "token" else seconds_per_token(now)
    reaches = aging.box.get("age", (0.0, float("inf")))[1] >= now.places.ages * period
    return [
        term.factor.rate * period
        if reaches and isinstance(term.factor, Exponential) and term.factor.rate * period * TILE < STEEP
        else None
        for term in aging.terms
    ]


def _by_level(now: Conditions, array: int, dropped: list[bool]) -> _Terms:
    """Response of every level, and its derivative by the voltage asked for."""
    hardware = now.hardware
    levels = hardware.levels.key if array == 1 else hardware.levels.value
    full_scale = hardware.q_sat_1 if array == 1 else hardware.q_sat_2
    with torch.enable_grad():
        asked = torch.linspace(hardware.v_min, hardware.v_max, levels, dtype=torch.float64).requires_grad_()
        stored = hardware.write(asked) if now.effects.write and hardware.write is not None else asked
        responses = [r.flatten() / full_scale for r, _ in cell_terms(stored.reshape(1, 1, -1, 1), array, now)]
        constant = sum(float(r[0]) for r, left_out in zip(responses, dropped, strict=True) if left_out)
        responses = [r for r, left_out in zip(responses, dropped, strict=True) if not left_out]
        column = column_of(array, now)
        if column is not None:
            responses.append(column.loading(stored))
        slopes = [_derivative(r, asked) for r in responses]
    missing = torch.full((len(responses), 1), float("nan"), dtype=torch.float64)
    table = torch.cat([torch.stack([r.detach() for r in responses]), missing], dim=1)
    slope = torch.cat([torch.stack(slopes), missing], dim=1)
    return _Terms(table.float().contiguous(), slope.float().contiguous(), constant)


def _derivative(y: Tensor, x: Tensor) -> Tensor:
    if not y.requires_grad:
        return torch.zeros_like(x)
    found = torch.autograd.grad(y.sum(), x, retain_graph=True, allow_unused=True)[0]
    return torch.zeros_like(x) if found is None else found


def _none(now: Conditions, array: int) -> _Terms:
    return _Terms(torch.empty(0), torch.empty(0), 0.0)


def stacked(cells: Cells) -> Tensor:
    """Terms and loading (channels, B, Hkv, S, R), float32."""
    parts = cells.terms if cells.loading is None else (*cells.terms, cells.loading)
    return torch.stack([part.float() for part in torch.broadcast_tensors(*parts)])
