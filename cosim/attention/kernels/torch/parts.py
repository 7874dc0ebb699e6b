"""Arrays that are computed together: what there is to be done for them, forward and backward."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import starmap

import torch
from torch import Tensor

from ...stages import OperationContext, noise_of
from ...surrogate_gradient import linear_term
from .decay import Fading
from .gradients import Gradients, Tensors, gradients_of
from .group import Group
from .merged import Merged
from .operands import (
    Pulses,
    Stored,
    folded_queries,
    line_and_stored_of,
    pulses_of,
    stored_of,
    unfolded_queries,
)
from .powers import Memory, Operands, Powers
from .stages import is_ideal
from .tiling import Block
from .workspace import Scratch


@dataclass(frozen=True)
class Taped:
    """A part on the way back."""

    group: Group
    line: Group
    """What the gradient takes for it."""
    sums: Gradients
    """Zeros for the gradients by the operands of `line`."""
    collect: Callable[[int], None]
    """To be called after each stretch of the queries."""
    back: Callable[[], None]
    """From all sums to the results."""


@dataclass(frozen=True)
class Part:
    """Arrays of some sequences and some key-value heads, with their query heads."""

    op: OperationContext
    """Of these arrays alone: their query positions, their number in a sequence as `kv_heads`."""
    fading: Fading
    """Of the terms that the operands have."""
    stretches: list[list[Block]]
    """Blocks of queries that the same operands serve."""
    shares: Tensor | None
    """(n or 1, T G, separable) the queries' share of the decay; None for 1."""
    rows: tuple[Tensor | None, Tensor | None]
    """What scales the queries' pulses for the first product, and their sums of the second."""
    sequences: slice
    heads_of_inputs: tuple[slice, slice, slice]
    """Of q, k and v."""
    depth: int
    """D."""
    dtype: torch.dtype
    """What is computed in."""
    powers: Powers | Merged | None
    """Who makes the operands by hand, if anyone can."""
    ahead: Tensor
    """As in `Group`."""
    scratch: Scratch
    counts: bool
    """A counter follows ideal converters."""
    full_scale: float
    """Of the read-out."""

    @property
    def arrays(self) -> int:
        """n."""
        return (self.sequences.stop - self.sequences.start) * self.op.kv_heads

    @property
    def queries(self) -> int:
        """T."""
        return self.op.positions.query_position.shape[1]

    @property
    def per_array(self) -> int:
        """G."""
        of_queries, of_keys, _ = self.heads_of_inputs
        return (of_queries.stop - of_queries.start) // (of_keys.stop - of_keys.start)

    def cut(self, i: int, x: Tensor) -> Tensor:
        """This part (b, h, T or S, D) of x, which is like input i."""
        return x[self.sequences, self.heads_of_inputs[i]].to(self.dtype)

    def folded(self, i: int, x: Tensor) -> Tensor:
        """The same (n, T G or S, D)."""
        if self._in_a_row(i):
            own = x[self.sequences.start, self.heads_of_inputs[i]]
            return own if own.dtype == self.dtype else own.to(self.dtype)
        own = self.cut(i, x)
        return folded_queries(own, self.op.kv_heads) if i == 0 else own.flatten(0, 1)

    def put(self, x: Tensor, i: int, folded: Tensor, scale: float = 1.0) -> None:
        """Write `folded`, scaled, to the part of x that it is of."""
        place = None if torch.compiler.is_compiling() else self.place(i, x)
        if place is not None:
            torch.mul(folded, scale, out=place)
        else:
            batch, heads = self.sequences.stop - self.sequences.start, self.op.kv_heads
            if i == 0:
                own = unfolded_queries(folded, batch, heads, self.queries)
            else:
                own = folded.unflatten(0, (batch, heads))
            x[self.sequences, self.heads_of_inputs[i]] = own * scale

    def place(self, i: int, x: Tensor) -> Tensor | None:
        """That part of x itself, folded; None where it is of another type or in another order."""
        if x.dtype == self.dtype and self._in_a_row(i):
            return x[self.sequences.start, self.heads_of_inputs[i]]
        return None

    def _in_a_row(self, i: int) -> bool:
        """Whether the arrays' shares of input i follow each other."""
        return self.sequences.stop - self.sequences.start == 1 and (i > 0 or self.per_array == 1)

    def group(self, *inputs: Tensor) -> Group:
        """The operands of this part of the inputs, q, k and v."""
        if self.powers is not None:
            return self._placed(self.powers.operands(*starmap(self.folded, enumerate(inputs)), self.rows[0]))
        q, k, v = starmap(self.cut, enumerate(inputs))
        return self._group(self._pulses(q)[0], self._stored(k, 1), self._stored(v, 2))

    def taped(self, inputs: Tensors, results: Tensors) -> Taped:
        """results: where the gradients by the inputs, q, k and v, are to be written."""
        line = self._line()
        if self.powers is not None:
            return self._taped_powers(line, inputs, results)
        q, k, v = starmap(self.cut, enumerate(inputs))
        pulses, back_pulses = line._pulses(q)
        # In the order of the forward pass, for the noise to be the same.
        own_keys, keys, back_keys = self._taped_stored(k, 1, line)
        own_values, values, back_values = self._taped_stored(v, 2, line)
        of_line = own = line._group(pulses, keys, values)
        if line is not self:
            own = self._group(self._pulses(q)[0], own_keys, own_values)
        sums = gradients_of(pulses, keys, values, self.scratch)

        def back() -> None:
            grads = back_pulses(sums.pulses), back_keys(sums.keys), back_values(sums.values)
            for i, (grad, result) in enumerate(zip(grads, results, strict=True)):
                result[self.sequences, self.heads_of_inputs[i]] = grad

        return Taped(own, of_line, sums, lambda stretch: None, back)

    def _taped_powers(self, line: Part, inputs: Tensors, results: Tensors) -> Taped:
        folded = tuple(starmap(self.folded, enumerate(inputs)))
        memory = self.powers.operands(*folded, self.rows[0])
        own = of_line = self._placed(memory)
        if isinstance(self.powers, Merged):
            of_line = self._of_outer(own, memory)
        elif line is not self:
            memory = line.powers.operands(*folded, line.rows[0])
            of_line = line._placed(memory)
        by_pulses, by_stored = line.powers.sums(memory)
        by_pulses_, by_stored_ = (by_pulses, by_pulses[..., :0]), by_stored.unbind()
        sums = Gradients(by_pulses_, by_stored_[:1], by_stored_[1:], isinstance(self.powers, Merged))
        positions = tuple(starmap(self.place, enumerate(results)))
        grads = tuple(
            self.scratch.take(("gradient by input", i), x.shape) if place is None else place
            for i, (x, place) in enumerate(zip(folded, positions, strict=True))
        )

        def back() -> None:
            line.powers.gradients(memory, (by_pulses, by_stored), line.rows[0], folded, grads)
            for i, (result, place, grad) in enumerate(zip(results, positions, grads, strict=True)):
                if place is None:
                    self.put(result, i, grad)

        return Taped(
            own, of_line, sums, lambda stretch: line.powers.collect(memory, by_stored, stretch, grads), back
        )

    def _placed(self, memory: Memory) -> Group:
        """What lies there; the same for the next arrays, unless they are padded."""
        if self.op.positions.stored is not None:
            return self._group(*memory.operands())

        def placed() -> Group:
            group = self._group(*memory.operands())
            return replace(group, write=lambda stretch: self.powers.write(memory, stretch))

        return self.scratch.keep("group", placed, of=memory)

    def _of_outer(self, own: Group, memory: Memory) -> Group:
        """What gradients take for `own`: two of its powers, that bear the other."""

        def make() -> Group:
            pulses, keys, values = self.powers.outer(memory)
            return replace(
                own,
                fading=replace(own.fading, separable=own.fading.separable[1:]),
                rows=own.rows[..., 1:],
                pulses=(Pulses(*pulses),),
                keys=Stored.of(keys, 0),
                values=Stored.of(values, 0),
                views={},
            )

        return self.scratch.keep("outer", make, of=memory)

    def _pulses(self, q: Tensor) -> tuple[Operands, Callable[[Operands], Tensor]]:
        """`wide` and `plain` of each phase, one after the other, and the way back from their gradient."""

        def make(q: Tensor) -> Operands:
            phases = pulses_of(q, self.op, self.fading, self.rows[0])
            return tuple(x for phase in phases for x in (phase.wide, phase.plain))

        return make(q), lambda grads: torch.func.vjp(make, q)[1](grads)[0]

    def _stored(self, x: Tensor, array: int) -> Operands:
        """`Stored.tensors` of array 1 (keys) or 2 (values)."""
        return stored_of(x, array, self.op, self.fading, self._scale_of(array)).tensors()

    def _taped_stored(
        self, x: Tensor, array: int, line: Part
    ) -> tuple[Operands, Operands, Callable[[Operands], Tensor]]:
        """`_stored`, the same of the part `line`, and the way back from the gradient of the latter."""
        op, scale = self.op, self._scale_of(array)

        def make(x: Tensor) -> tuple[Operands, Operands]:
            both = line_and_stored_of(x, array, op, line.fading, self.fading, scale)
            return both[0].tensors(), both[1].tensors()

        if noise_of(op) is not None:
            of_line, pull, made = torch.func.vjp(make, x, has_aux=True)
            return made, of_line, lambda grads: pull(grads)[0]
        of_line, made = make(x)
        # Made again rather than kept.
        return made, of_line, lambda grads: torch.func.vjp(lambda x: make(x)[0], x)[1](grads)[0]

    def _line(self) -> Part:
        """The part by whose operands the gradient passes: this one, or with the surrogate gradient its linear
        cell's, whose charge is a single term."""
        if self.op.gradient == "exact":
            return self
        return self.scratch.keep("line", self._new_line, of=self)

    def _new_line(self) -> Part:
        linear_index = linear_term(self.op.hardware, self.op.effects.decay, self.fading.terms)
        fading, i = self.fading.of_line(linear_index)
        shares = None if fading.rows is None or self.shares is None else self.shares[..., i : i + 1]
        powers = None if self.powers is None else self.scratch.keep("line", self.powers.line)
        rows = (shares, shares) if powers is None else powers.rows(shares)
        return replace(self, fading=fading, shares=shares, powers=powers, rows=rows)

    def _scale_of(self, array: int) -> float:
        return 1.0 if array == 1 else self.full_scale

    def _group(self, pulses: Operands, keys: Operands, values: Operands) -> Group:
        """The operands together."""
        tabled = len(self.fading.tabled)
        return Group(
            op=self.op,
            batch=self.sequences.stop - self.sequences.start,
            per_array=self.per_array,
            fading=self.fading,
            rows=self.rows[1],
            pulses=tuple(Pulses(*pulses[i : i + 2]) for i in range(0, len(pulses), 2)),
            keys=Stored.of(keys, tabled),
            values=Stored.of(values, tabled),
            depth=self.depth + (self.op.hardware.normaliser is not None),
            full_scale=self.full_scale,
            ideal=(is_ideal(1, self.op), is_ideal(2, self.op)),
            exact=self.op.positions.stored is None,
            ahead=self.ahead,
            scratch=self.scratch,
            counts=self.counts,
        )
