"""Arrays that are computed together, and the geometry of their queries against a run of keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ...stages import OperationContext
from .decay import Fading
from .operands import Pulses, Stored
from .tiling import Run
from .workspace import Scratch


@dataclass(frozen=True)
class Group:
    """Arrays that are computed together, and what holds for them: n = batch x kv_heads, G queries to each."""

    op: OperationContext
    """Of these arrays alone: their query positions, their number as `kv_heads`."""
    batch: int
    per_array: int
    """G."""
    fading: Fading
    rows: Tensor | None
    """(n or 1, T G, separable) the queries' share of the decay; None for 1."""
    pulses: tuple[Pulses, ...]
    keys: Stored
    values: Stored
    depth: int
    """C, columns of the V array."""
    full_scale: float
    """Of the read-out, in the unit of `values`: in counts where it is ideal and counts."""

    ideal: tuple[bool, bool]
    """Whether nothing but a clip follows the sums of the first and of the second array."""
    exact: bool
    """Whether a query's position follows from its index."""
    ahead: Tensor
    """(1, columns G, columns) bool: keys of a run that are written after the key of the row."""
    scratch: Scratch
    counts: bool
    """An ideal read-out counts."""
    write: Callable[[int], None] = lambda stretch: None
    """Makes the operands of the keys and values for a stretch of the queries, where each has its own."""
    stacks: dict[Run, Tensor] = field(default_factory=dict)
    """What `stack` has made."""
    reached: set[Run] = field(default_factory=set)
    """Whose gradients there are already."""
    views: dict[tuple[str, int], list] = field(default_factory=dict)
    """What `lean.py` has made, for all arrays whose operands come to lie where these are."""

    def stack(self, run: Run) -> Tensor:
        """(n, separable keys + constant, C) the terms of a run's values, one below the other."""
        if run not in self.stacks:
            wide, depth = self.values.wide[:, run[0] : run[1]], self.depth
            count = len(self.fading.separable)
            terms = [wide[..., i * depth : (i + 1) * depth] for i in range(count)]
            if self.fading.constant is not None:
                terms.append(wide[:, :1, count * depth :][..., :1].expand(-1, -1, depth))
            self.stacks[run] = torch.cat(terms, dim=1) if terms else wide[:, :0, :0]
        return self.stacks[run]

    def spread(self, x: Tensor) -> Tensor:
        """(batch or 1, rows, w) numbers of positions, for (n or 1, rows G, w)."""
        if x.shape[0] == 1 and self.per_array == 1:
            return x
        heads = self.op.kv_heads if x.shape[0] > 1 else 1
        shape = (x.shape[0], heads, x.shape[1], self.per_array, x.shape[2])
        return x[:, None, :, None].expand(shape).reshape(x.shape[0] * heads, -1, x.shape[2])

    def scaled(self, rows: Run) -> slice:
        """Queries as rows of `Pulses`."""
        return slice(rows[0] * self.per_array, rows[1] * self.per_array)

    def of_heads(self, x: Tensor) -> Tensor:
        """(n, ...) -> (batch, kv_heads, ...)."""
        return x.unflatten(0, (self.batch, -1))


def distance(group: Group, rows: Run, run: Run) -> Tensor:
    """(batch or 1, rows) tokens from a run's first key to each query; negative before it is written."""
    positions = group.op.positions
    return positions.query_position[:, rows[0] : rows[1]] - (positions.key_start + run[0])


def first_distance(group: Group, rows: Run, run: Run) -> int:
    """The same of the first row, where positions follow from the index."""
    positions = group.op.positions
    return positions.ages - positions.query_position.shape[1] + rows[0] - run[0]


def hide(charge: Tensor, group: Group, rows: Run, run: Run, value: float) -> Tensor:
    """`charge` (n, rows G, keys) with `value` at the keys that a query does not see, in place."""
    if not group.exact:
        window, size = group.op.positions.window, run[1] - run[0]
        age = distance(group, rows, run)[..., None] - torch.arange(size, device=charge.device)
        unseen = age < 0 if window is None else (age < 0) | (age >= window)
        return charge.masked_fill_(group.spread(unseen), value)
    for part, mask, _ in hidden(group, rows, run):
        charge[:, part].masked_fill_(mask, value)
    return charge


def hidden(group: Group, rows: Run, run: Run) -> Iterator[tuple[slice, Tensor, int | None]]:
    """Rows G that do not see every key, and which keys (1, rows G, keys); for positions that follow from the
    index. Where these are all beyond a diagonal, that too."""
    window, size = group.op.positions.window, run[1] - run[0]
    first = first_distance(group, rows, run)
    last = first + rows[1] - rows[0]
    # Only the first rows meet keys still to be written, only the last ones keys already overwritten.
    if first < size - 1:
        end = min(last, size - 1)
        diagonal = first if group.per_array == 1 else None
        yield group.scaled((0, end - first)), group.ahead[:, group.scaled((first, end)), :size], diagonal
    if window is not None and last > window:
        begin = max(first, window)
        behind = ~group.ahead[:, group.scaled((begin - window, last - window)), :size]
        yield group.scaled((begin - first, last - first)), behind, None


def faded(group: Group, table: Tensor, rows: Run, run: Run) -> Tensor:
    """(n or 1, rows G, keys) factor of a tabled term for every pair."""
    size = run[1] - run[0]
    if group.exact:
        first = first_distance(group, rows, run)
        return group.spread(table[None, first : first + rows[1] - rows[0], :size])
    row = distance(group, rows, run).clamp(0, table.shape[0] - 1)
    return group.spread(table[row][..., :size])
