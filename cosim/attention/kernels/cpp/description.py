"""What the operators of `native` are told of the hardware: tables and numbers by name."""

from __future__ import annotations

import weakref
from dataclasses import dataclass, replace
from functools import lru_cache

import torch
from torch import Tensor

from ...stages import OperationContext
from ..converter_curve import curve_of
from ..description import Cells, Settings, describe, settings_of
from ..level_tables import AS_THEY_COME, with_remainder
from .anchors import NONE, anchors_of, extended, newest_last

MOST_FLAG_TILES = 32
VECTOR, MOST_TERMS = 16, 4
"""Entries of a table that is looked up in a register, and terms that are; the same as in the sources."""


@dataclass(frozen=True, eq=False)
class Description:
    """A circuit as the operators know it. They read every value by its name, and refuse one that they do not
    read."""

    tables: dict[str, Tensor]
    numbers: dict[str, float]
    few_levels: bool
    """Whether a token's tables fit into vectors: `few_levels` in the sources."""
    number: int = 0
    """The operators' number of it."""

    def depth(self, values: int) -> int:
        """Columns of the V array for elements of `values` columns as the operators get them."""
        return values + int(self.numbers["value_has_extra"])

    def flag_tiles(self, keys: int, window: int, key_start: int) -> int:
        """Sub-tiles whose read-outs are flagged for the backward pass (`window` 0: none)."""
        columns = int(self.numbers["columns"])
        if not self.numbers["flags"] or keys == 0:
            return 0
        tiles = (
            -(-window // columns) if window else (key_start + keys - 1) // columns - key_start // columns + 1
        )
        return tiles if tiles <= MOST_FLAG_TILES else 0


def description_of(op: OperationContext, by_level: bool) -> Description:
    """The circuit of `op`, known to the operators for as long as the result lives."""
    function = _traced if torch.compiler.is_compiling() else _description
    return function(*settings_of(op, by_level))


@torch.compiler.assume_constant_result
def _traced(*settings: object) -> Description:
    found = _description(*settings)
    # A compiled graph knows the number alone.
    _in_graphs[found.number] = found
    return found


@lru_cache(maxsize=64)
def _description(*settings: object) -> Description:
    circuit = described(Settings(*settings))
    number = torch.ops.gaincell.describe(circuit.tables, circuit.numbers)
    circuit = replace(circuit, number=number)
    weakref.finalize(circuit, torch.ops.gaincell.forget, number).atexit = False
    KNOWN[number] = circuit
    return circuit


_in_graphs: dict[int, Description] = {}
KNOWN: weakref.WeakValueDictionary[int, Description] = weakref.WeakValueDictionary()
"""What the operators know, by number."""


@torch.inference_mode(False)
@torch.no_grad()
def described(settings: Settings) -> Description:
    """What the operators are told of a circuit."""
    by_level = settings.by_level
    found = describe(settings, drop=by_level)
    circuit, aging, arrays = found.circuit, extended(found.aging), found.levels or 2 * [AS_THEY_COME]
    anchors, (low, high) = NONE, circuit.volts
    if by_level:
        anchors = anchors_of(aging, arrays, settings.reach)
        aging, arrays = with_remainder(aging, arrays, settings.reach)
    ages = settings.ages
    tables = {"factors": aging.factors[:, :ages].float(), "kept": aging.lead, "kinds": aging.kinds}
    tables |= {"anchor_offsets": anchors.offsets, "anchor_shares": anchors.shares}
    tables["anchor_factors"] = newest_last(aging.factors).float()
    numbers = {
        # Clipped or not is all that an ideal read-out leaves to know.
        "flags": circuit.second.knots is None and circuit.second.column is None,
        "columns": circuit.columns,
        "phases": 1 if circuit.swap_efficiency is None else 2,
        "retained": circuit.swap_efficiency or 1.0,
        "query_steps": circuit.query_steps if by_level else 0,
        "query_signed": circuit.signed_query is not None,
        "output_steps": circuit.output_steps or 0,
        "low": low,
        "high": high,
        "span": high - low,
        # Read where terms come as they are, of which none is dropped.
        "bearer": found.linear_index,
    }
    for i, (side, stage) in enumerate((("key_", circuit.first), ("value_", circuit.second))):
        curve, none = curve_of(stage), torch.empty(0)
        table, slope, surrogate = arrays[i].tables()
        found = {"table": table, "slope": slope, "gradient": surrogate}
        found["knots"] = none if curve is None else curve.knots
        found["curve"] = none if curve is None else curve.rows.T.contiguous()
        column = [] if stage.column is None else stage.column.numbers()
        found["column"] = torch.tensor(column, dtype=torch.float64)
        tables |= {side + name: each for name, each in found.items()}
        values = {
            "levels": circuit.levels[i] if by_level else 0,
            "loaded": stage.column is not None,
            "mirrored": by_level and i == 0 and circuit.signed_query == "mirrored",
            "has_extra": by_level and i == 1 and circuit.normaliser is not None,
            "extra": circuit.normaliser or 0.0,
            "constant": arrays[i].constant,
            "gradient_constant": arrays[i].gradient_constant,
            "curve_start": 0.0 if curve is None else curve.start,
            "curve_per_bucket": 0.0 if curve is None else curve.per_bucket,
            "pulse_low": -1.0 if stage.signed else 0.0,
            "edge": stage.edge,
        }
        numbers |= {side + name: each for name, each in values.items()}
    most = max(numbers["key_levels"], numbers["value_levels"])
    few = 0 < most < VECTOR and len(aging.kinds) <= MOST_TERMS
    return Description(tables, {name: float(value) for name, value in numbers.items()}, few)


def stacked(cells: Cells) -> Tensor:
    """Terms and loading (channels, B, Hkv, S, R), float32."""
    parts = cells.terms if cells.loading is None else (*cells.terms, cells.loading)
    return torch.stack([part.float() for part in torch.broadcast_tensors(*parts)])


def surrogate_of(cells: Cells, like: Tensor) -> Tensor | None:
    """What acts in the gradient for the terms `like`, (B, Hkv, S, R); None: they themselves.

    The gradient by what is stored is in the terms already, see `with_fixed_slope`.
    """
    return None if cells.linear is None else cells.linear.detach().float().expand(like.shape[1:])
