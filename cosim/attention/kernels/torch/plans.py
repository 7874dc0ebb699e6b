"""Parts of an operation, kept from call to call, and the memory that they have in turn.

Up to some hundred tokens, making them and finding memory would take a good part of the time.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from .....models import Hardware
from ...stages import OperationContext, noise_of
from .cuts import parts_of
from .parts import Part
from .workspace import Scratch

MOST = 8
"""Plans that a thread keeps."""
LARGEST = 8 << 20
"""Bytes of scratch memory that it keeps for all of them, at most."""
BLOCKS = 256
"""Blocks of a plan that is kept, at most: each has its views of the memory, and some have masks."""


@dataclass(frozen=True)
class Plan:
    """Parts of every operation on the same circuit and of the same shapes."""

    hardware: Hardware
    """Lives as long, for its plans are known by its address."""
    parts: list[Part]
    scratch: Scratch


class Kept:
    """What a thread keeps."""

    def __init__(self) -> None:
        self.plans: OrderedDict[Hashable, Plan] = OrderedDict()
        self.room: Tensor | None = None
        """Bytes in which the memory of every plan lies; only one plan is at work at a time."""
        self.wanted = 0
        """How many that takes."""
        self.busy = False

    def __del__(self) -> None:
        # With the thread. Plans refer to themselves and would wait for Python's next collection.
        self.forget()

    def make_room(self) -> Tensor | None:
        """If it is known how much."""
        if self.room is None and self.wanted > 0:
            # Tensors that are made in inference mode are of no use outside it.
            with torch.inference_mode(False):
                self.room = torch.empty(self.wanted, dtype=torch.uint8, device="cpu")
        return self.room

    def keep(self, key: Hashable, plan: Plan) -> None:
        """If it is small enough; where it did not find room, the next one will."""
        wanted, few = plan.scratch.bytes, sum(map(len, plan.parts[0].stretches)) <= BLOCKS
        if few and wanted <= (0 if self.room is None else len(self.room)):
            self.plans[key] = plan
            if len(self.plans) > MOST:
                self.plans.popitem(last=False)[1].scratch.clear()
            return
        plan.scratch.clear()
        if few and wanted <= LARGEST:
            self.forget()
            self.wanted = wanted

    def forget(self) -> None:
        """Free it."""
        while self.plans:
            self.plans.popitem()[1].scratch.clear()
        self.room, self.wanted = None, 0


_threads = threading.local()


def kept() -> Kept:
    """What this thread keeps."""
    if not hasattr(_threads, "kept"):
        _threads.kept = Kept()
    return _threads.kept


def forget() -> None:
    """Free what this thread keeps."""
    kept().forget()


@contextmanager
def planned(q: Tensor, k: Tensor, op: OperationContext, threads: int, back: bool) -> Iterator[list[Part]]:
    """`parts_of` the operation; nobody else has them until the end."""
    key = _key(q, k, op, threads, back)
    dtype = torch.promote_types(q.dtype, torch.float32)
    if key is None or kept().busy:
        scratch = Scratch(dtype, q.device)
        try:
            yield parts_of(q, k, op, scratch, threads, back)
        finally:
            scratch.clear()
        return
    own = kept()
    plan = own.plans.pop(key, None)
    if plan is not None:
        plan.scratch.refill()
    else:
        scratch = Scratch(dtype, q.device, own.make_room())
        plan = Plan(op.hardware, parts_of(q, k, op, scratch, threads, back), scratch)
    own.busy = True
    try:
        yield plan.parts
    finally:
        own.busy = False
        own.keep(key, plan)


def _key(q: Tensor, k: Tensor, op: OperationContext, threads: int, back: bool) -> Hashable | None:
    """None where something else than circuit and shapes makes the parts, or nothing is gained."""
    if torch.compiler.is_compiling() or q.device.type != "cpu" or not type(q) is type(k) is Tensor:
        return None
    positions = op.positions
    if positions.stored is not None or op.chip or noise_of(op) or op.outside is not None:
        return None
    circuit = op.hardware, op.hardware.cell, op.effects, op.gradient, op.token_period
    where = positions.window, positions.columns, positions.key_start
    return *circuit, *where, q.shape, k.shape, q.dtype, threads, back, torch.is_inference_mode_enabled()
