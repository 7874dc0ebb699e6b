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
from .operands import Description
from .stages import first_pulses, is_ideal, second_widths

Pulses = list[tuple[Tensor, Tensor]]
"""A block's pulses in every phase, (n, t G, R), and as they meet `Operands.keys`."""


@dataclass(frozen=True)
class Operands:
    """Stored elements of n arrays by slot, and the queries' part of the factors of their terms."""

    shares: Tensor | None
    """Each query's part of every separable term's factor, (T, 1, separable, 1); None: 1."""
    separable: int
    """Number of separable terms."""
    tables: tuple[int, ...]
    """Index in `Piece.tables` of every other term's factor."""
    bias: float
    """Charge that a full-width pulse gives every key, in any row."""
    edge: float
    """Charge that the edges of a pulse give every key."""
    keys: Tensor
    """Separable terms of the keys side by side, (n, slots, separable R), and ones where there is a bias."""
    tabled_keys: tuple[Tensor, ...]
    """Each other term, (n, slots, R)."""
    key_load: Tensor | None
    """(n, slots, R); None without a column model."""
    values: Tensor
    """Terms of the values one below the other, (runs, n, terms columns, C)."""
    value_bias: float
    """Charge that a full-width pulse of any key gives."""
    value_load: Tensor | None
    """(runs, n, columns, C); None without a column model."""

    @property
    def factors(self) -> range:
        """Indices of all terms, for `factor`."""
        return range(self.separable + len(self.tables))

    def factor(self, i: int, block: Block, piece: Piece) -> Tensor | None:
        """Factor of a term, but for the keys' part: (t, 1, 1, 1) or (t, 1, runs, columns); None: 1."""
        if i >= self.separable:
            return piece.tables[self.tables[i - self.separable]]
        return None if self.shares is None else self.shares[block.first : block.end, :, i, None]

    def beside(self, pulses: Tensor, block: Block) -> Tensor:
        """A block's pulses (n, t, G, R) as they meet `keys`, (n, t G, width of the keys)."""
        parts = self.separable * [pulses]
        if self.shares is not None:
            parts = [(pulses.unsqueeze(3) * self.shares[block.first : block.end]).flatten(3)]
        if self.bias or self.edge:
            bias = self.bias * pulses.sum(-1, keepdim=True)
            if self.edge:
                bias = bias + self.edge * pulses.sign().sum(-1, keepdim=True)
            parts.append(bias)
        wide = torch.cat(parts, -1) if len(parts) > 1 else parts[0] if parts else pulses[..., :0]
        return wide.flatten(1, 2)

    def weighted(self, phi: Tensor, block: Block, piece: Piece) -> Tensor:
        """Pulses (n, t G, slots) as they meet `values`, (runs n, t G, terms columns)."""
        n, rows, _ = phi.shape
        by_run = piece.by_run(phi).permute(3, 0, 1, 2, 4)  # (runs, n, t, G, columns)
        if self.shares is not None and not self.tables:
            wide = by_run.unsqueeze(4) * self.shares[block.first : block.end]
            return wide.reshape(piece.runs * n, rows, -1)
        factors = (self.factor(i, block, piece) for i in self.factors)
        # (t, 1, runs, columns) -> (runs, 1, t, 1, columns)
        parts = [by_run if x is None else by_run * x.permute(2, 0, 1, 3).unsqueeze(1) for x in factors]
        wide = parts[0] if len(parts) == 1 else torch.cat(parts, -1)
        return wide.reshape(piece.runs * n, rows, -1)


@dataclass(frozen=True)
class Arrays:
    """n arrays of one call and the queries that read them."""

    described: Description
    deviations: tuple[Tensor | None, Tensor | None]
    """Of the first converters, (n, 1, slots, 2), and of the second, (tiles, n, 1, C, 4); None: nominal."""
    phases: tuple[Tensor, ...]
    """Pulses on the rows in every phase, (n, T, G, R)."""
    operands: Operands

    def pulses(self, operands: Operands, block: Block) -> Pulses:
        """A block's pulses, against `operands`."""
        own = [phase[:, block.first : block.end] for phase in self.phases]
        return [(pulses.flatten(1, 2), operands.beside(pulses, block)) for pulses in own]

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
    parts, group, pulses = [], block.group, arrays.pulses(arrays.operands, block)
    for piece in group.pieces:
        charges, loads = first_product(arrays.operands, pulses, piece)
        parts.append(second_product(arrays, _phi(arrays, charges, loads, piece), block, piece))
    charge, load = merged(parts, group)
    if is_ideal(arrays.circuit.second):
        width = charge.clamp_(-1.0, 1.0)
    else:
        width = arrays.second_widths(group, charge, load)
        width = where_operated(width, group)
    steps = arrays.circuit.output_steps
    return width if steps is None else width.mul_(steps).round_()


def first_product(operands: Operands, pulses: Pulses, piece: Piece) -> tuple[list[Tensor], list[Tensor]]:
    """Charges on a piece's bit lines in every phase, (n, t G, slots), and loading with a column model."""
    charges, loads = [], []
    for plain, wide in pulses:
        charge = torch.bmm(wide, operands.keys[:, piece.slots].mT) if wide.shape[2] else None
        for i, stored in zip(operands.tables, operands.tabled_keys, strict=True):
            own = torch.bmm(plain, stored[:, piece.slots].mT)
            if charge is None:
                charge = own
                piece.by_run(charge).mul_(piece.tables[i])
            else:
                piece.by_run(charge).addcmul_(piece.by_run(own), piece.tables[i])
        charges.append(charge)
        if operands.key_load is not None:
            loads.append(torch.bmm(plain, operands.key_load[:, piece.slots].mT))
    return charges, loads


def _phi(arrays: Arrays, charges: list[Tensor], loads: list[Tensor], piece: Piece) -> Tensor:
    """Pulses into the second array, (n, t G, slots)."""
    if is_ideal(arrays.circuit.first):
        phi = charges[0].clamp_(0.0, 1.0)
    else:
        phi = arrays.first_pulses(piece, charges, loads)
    piece.hide_(phi, 0.0)
    return phi


def second_product(arrays: Arrays, phi: Tensor, block: Block, piece: Piece) -> tuple[Tensor, Tensor | None]:
    """Charge of a piece's runs, (runs, n, t G, C), and its loading with a column model."""
    operands, edge, (n, rows, _) = arrays.operands, arrays.circuit.second.edge, phi.shape
    stored = operands.values[piece.first : piece.end].flatten(0, 1)
    charge = torch.bmm(operands.weighted(phi, block, piece), stored).view(piece.runs, n, rows, -1)
    by_run = phi.view(n, rows, piece.runs, -1).permute(2, 0, 1, 3)
    if operands.value_bias:
        charge.add_(by_run.sum(-1, keepdim=True), alpha=operands.value_bias)
    if edge:
        charge.add_(by_run.sign().sum(-1, keepdim=True), alpha=edge)
    if operands.value_load is None:
        return charge, None
    load = torch.bmm(
        by_run.reshape(piece.runs * n, rows, -1), operands.value_load[piece.first : piece.end].flatten(0, 1)
    )
    return charge, load.view(charge.shape)


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
