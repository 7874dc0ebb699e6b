"""Forward pass, block by block: both products of a group of sub-tiles, and everything between them.

Shapes: n arrays, each read by G query heads; a block has t queries, so t G rows; a piece has `runs` runs of
`columns` slots. R are the rows of the K array, C the columns of the V array.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..description import Circuit
from .blocks import Block, Group, Piece
from .operands import Description, Stored
from .stages import first_is_ideal, first_pulses, is_ideal, second_widths


@dataclass(frozen=True)
class Pulses:
    """Pulses of one phase, as they meet `Stored`."""

    plain: Tensor
    """(n, t, G, R), or (n, t G, R) of a block."""
    wide: Tensor
    """With each query's part of every separable term's factor, (.., separable R)."""
    bias: Tensor | None
    """Charge that they give every key, (.., 1)."""

    def rows(self, block: Block) -> Pulses:
        """Those of a block."""
        return Pulses(*(None if x is None else block.rows(x) for x in (self.plain, self.wide, self.bias)))


@dataclass(frozen=True)
class Operands:
    """Stored elements of n arrays, and the queries' part of the factors of their terms."""

    shares: Tensor | None
    """Each query's part of every separable term's factor, (T, 1, separable, 1); None: 1, of one term."""
    tables: tuple[int, ...]
    """Index in `Piece.tables` of every other term's factor."""
    constants: tuple[float, float, float]
    """Charge that a full-width pulse gives every key, in any row; that one of any key gives every column; and
    that the edges of a pulse give every key."""
    depth: int
    """Number C of columns."""
    keys: Stored
    values: Stored

    def pulses(self, plain: Tensor) -> Pulses:
        """Pulses (n, T, G, R) of all queries."""
        constant, _, edge = self.constants
        bias = constant * plain.sum(-1, keepdim=True) if constant else None
        if edge:
            edges = edge * plain.sign().sum(-1, keepdim=True)
            bias = edges if bias is None else bias + edges
        wide = plain if self.keys.wide.shape[-1] else plain[..., :0]
        return Pulses(plain, spread(wide, self.shares), bias)

    def of_block(self, block: Block) -> Tensor | None:
        """`shares` of a block's queries."""
        return None if self.shares is None else self.shares[block.first : block.end]


def spread(x: Tensor, shares: Tensor | None) -> Tensor:
    """Numbers of queries (.., t, G, R) times each of their shares (t, 1, separable, 1): (.., separable R)."""
    return x if shares is None else (x.unsqueeze(-2) * shares).flatten(-2)


def gathered(wide: Tensor, shares: Tensor | None, depth: int) -> Tensor:
    """Sum of the parts (.., t, G, separable R), each times its share: (.., t, G, R)."""
    if shares is None:
        return wide if wide.shape[-1] else wide.new_zeros(*wide.shape[:-1], depth)
    first, *others = (wide[..., i * depth : (i + 1) * depth] for i in range(shares.shape[2]))
    total = first * shares[:, :, 0]
    for i, part in enumerate(others, 1):
        total.addcmul_(part, shares[:, :, i])
    return total


@dataclass(frozen=True)
class Arrays:
    """n arrays of one call and the queries that read them."""

    described: Description
    deviations: tuple[Tensor | None, Tensor | None]
    """Of the first converters, (n, 1, slots, 2), and of the second, (tiles, n, 1, C, 4); None: nominal."""
    operands: Operands
    phases: tuple[Pulses, ...]
    """Pulses on the rows in every phase."""

    @property
    def circuit(self) -> Circuit:
        """Both stages."""
        return self.described.circuit

    def first_pulses(self, piece: Piece, charges: Sequence[Tensor], loads: Sequence[Tensor]) -> Tensor:
        """Pulses of a piece's keys into the second array, (n, t G, slots)."""
        own = self.deviations[0]
        own = own if own is None else own[:, :, piece.slots]
        return first_pulses(self.circuit, self.described.curves[0], own, charges, loads)

    def second_widths(self, group: Group, charge: Tensor, load: Tensor | None) -> Tensor:
        """Read-outs of a group's sub-tiles before they are counted, (tiles, n, t G, C)."""
        own = self.deviations[1]
        own = own if own is None else own[group.first : group.end]
        return second_widths(self.circuit.second, self.described.curves[1], own, charge, load)


def read_outs(arrays: Arrays, block: Block) -> Tensor:
    """Read-outs of a block's sub-tiles, in counts where they are counted, (tiles, n, t G, C)."""
    parts, group, pulses = [], block.group, [own.rows(block) for own in arrays.phases]
    for piece in group.pieces:
        charges, loads = first_product(arrays.operands, pulses, piece)
        phi = run_major(_phi(arrays, charges, loads, piece), piece)
        parts.append(second_product(arrays, phi, block, piece))
    charge, load = merged(parts, group)
    if is_ideal(arrays.circuit.second):
        width = charge.clamp_(-1.0, 1.0)
    else:
        width = arrays.second_widths(group, charge, load)
    width = where_operated(width, group)
    steps = arrays.circuit.output_steps
    return width if steps is None else width.mul_(steps).round_()


def first_product(
    operands: Operands, pulses: list[Pulses], piece: Piece
) -> tuple[list[Tensor], list[Tensor]]:
    """Charges on a piece's bit lines in every phase, (n, t G, slots), and loading with a column model."""
    charges, loads, keys = [], [], operands.keys
    for own in pulses:
        stored = keys.wide[:, piece.slots].mT
        charge = (
            torch.bmm(own.wide, stored) if own.bias is None else torch.baddbmm(own.bias, own.wide, stored)
        )
        for i, stored in zip(operands.tables, keys.tabled, strict=True):
            part = torch.bmm(own.plain, stored[:, piece.slots].mT)
            piece.by_run(charge).addcmul_(piece.by_run(part), piece.tables[i])
        charges.append(charge)
        if keys.load is not None:
            loads.append(torch.bmm(own.plain, keys.load[:, piece.slots].mT))
    return charges, loads


def _phi(arrays: Arrays, charges: list[Tensor], loads: list[Tensor], piece: Piece) -> Tensor:
    """Pulses into the second array, (n, t G, slots)."""
    if first_is_ideal(arrays.circuit):
        phi = charges[0].clamp_(0.0, 1.0)
    else:
        phi = arrays.first_pulses(piece, charges, loads)
    piece.hide_(phi, 0.0)
    return phi


def run_major(x: Tensor, piece: Piece) -> Tensor:
    """Numbers (n, t G, slots) as (runs n, t G, columns)."""
    return x.unflatten(2, (piece.runs, -1)).permute(2, 0, 1, 3).flatten(0, 1)


def aged(x: Tensor, table: Tensor, piece: Piece) -> Tensor:
    """Numbers (runs n, t G, columns) times a factor by age, one of `Piece.tables`."""
    by_query = x.view(piece.runs, -1, piece.queries, x.shape[1] // piece.queries, x.shape[2])
    return (by_query * table.permute(2, 0, 1, 3).unsqueeze(1)).view(x.shape)


def second_product(arrays: Arrays, phi: Tensor, block: Block, piece: Piece) -> tuple[Tensor, Tensor | None]:
    """Charge of a piece's runs, (runs, n, t G, C), and its loading, for phi (runs n, t G, columns)."""
    operands, edge = arrays.operands, arrays.circuit.second.edge
    values = operands.values.apply(lambda x: x[piece.first : piece.end].flatten(0, 1))
    wide = torch.bmm(phi, values.wide).unflatten(1, (piece.queries, -1))
    charge = gathered(wide, operands.of_block(block), operands.depth).flatten(1, 2)
    for i, stored in zip(operands.tables, values.tabled, strict=True):
        charge.baddbmm_(aged(phi, piece.tables[i], piece), stored)
    if operands.constants[1]:
        charge.add_(phi.sum(-1, keepdim=True), alpha=operands.constants[1])
    if edge:
        charge.add_(phi.sign().sum(-1, keepdim=True), alpha=edge)
    load = None if values.load is None else torch.bmm(phi, values.load).unflatten(0, (piece.runs, -1))
    return charge.unflatten(0, (piece.runs, -1)), load


def merged(parts: list[tuple[Tensor, Tensor | None]], group: Group) -> tuple[Tensor, Tensor | None]:
    """Charge and loading of a group's sub-tiles, (tiles, n, t G, C), from those of its pieces' runs."""
    if len(parts) == 1 and group.pieces[0].runs == group.tiles:
        return parts[0]
    sums: list[Tensor | None] = []
    for own in zip(*parts, strict=True):
        if own[0] is None:
            sums.append(None)
            continue
        total = own[0].new_zeros((group.tiles, *own[0].shape[1:]))
        for piece, part in zip(group.pieces, own, strict=True):
            total[piece.offset : piece.offset + piece.runs] += part
        sums.append(total)
    return sums[0], sums[1]


def where_operated(x: Tensor, group: Group) -> Tensor:
    """Numbers of sub-tiles, (tiles, n, t G, C), with 0 for a query that has no key in the sub-tile."""
    if group.operated is None:
        return x
    tiles, n, rows, depth = x.shape
    own = x.view(tiles, n, group.operated.shape[2], -1, depth)
    return torch.where(group.operated, own, 0.0).view(tiles, n, rows, depth)
