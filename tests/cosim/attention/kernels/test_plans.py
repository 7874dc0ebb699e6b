"""What is kept from call to call changes nothing, and is freed."""

import gc
import threading
import weakref
from dataclasses import replace

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from gaincell.cosim import gain_cell_attention
from gaincell.cosim.attention.kernels.torch import lean, plans
from gaincell.cosim.attention.kernels.torch.workspace import Scratch

from .cases import CIRCUITS, Case

CASES = [
    Case("published", queries=100, keys=100),
    Case("published", queries=300, keys=300, window=90),
    Case("published", queries=70, keys=130, batch=2, heads=(4, 2), gradient="fixed-slope"),
    Case("published", queries=100, keys=100, off=("decay",)),
    Case("published, fitted converters", queries=100, keys=100),
    Case("published", batch=6, queries=300, keys=300, padding=40, gradient="fixed-slope"),
    Case("fast decay", queries=100, keys=100),
    Case("fitted", queries=80, keys=80),
]


@pytest.fixture(autouse=True)
def nothing_kept():
    plans.forget()
    yield
    plans.forget()


def equal(a, b):
    (out, gradients), (other, others) = a, b
    return torch.equal(out, other) and all(map(torch.equal, gradients, others))


def test_operations_in_turn_give_what_each_gives_alone():
    alone = []
    for case in CASES:
        plans.forget()
        alone.append(case.run("torch"))
    plans.forget()
    for _ in range(3):
        for case, expected in zip(CASES, alone, strict=True):
            assert equal(case.run("torch"), expected), case


def test_what_a_plan_keeps_does_not_grow():
    case = CASES[2]
    hardware, x = case.hardware(), [x.requires_grad_() for x in case.inputs()]

    def kept():
        for _ in range(3):
            out = gain_cell_attention(*x, hardware, implementation="torch", gradient="fixed-slope")
            torch.autograd.grad(out.sum(), x)
        return [len(plan.scratch._kept) for plan in plans.kept().plans.values()]

    before = kept()
    assert len(before) == 2
    assert kept() == before


def test_tensors_that_are_none_keep_nothing():
    x = [torch.rand(1, 1, 20, 16)] * 3
    for _ in range(2):
        with FakeTensorMode() as mode:
            gain_cell_attention(*map(mode.from_tensor, x), CIRCUITS["published"], implementation="torch")
    assert not plans.kept().plans
    with torch.device("meta"):
        for _ in range(3):
            out = gain_cell_attention(*x, CIRCUITS["published"], implementation="torch")
    assert out.isfinite().all()


def test_the_same_room_serves_all():
    hardware = CIRCUITS["published"]
    for _ in range(4):
        for length in (50, 90):
            x = [torch.rand(1, 2, length, 32).requires_grad_() for _ in range(3)]
            gain_cell_attention(*x, hardware, implementation="torch").sum().backward()
    kept = list(plans.kept().plans.values())
    assert len(kept) == 4
    assert len(plans.kept().room) == max(plan.scratch.bytes for plan in kept) <= plans.LARGEST


def test_of_many_shapes_a_few_are_kept_and_of_large_ones_none():
    for length in range(10, 25):
        x = [torch.rand(1, 1, length, 16)] * 3
        for _ in range(2):
            gain_cell_attention(*x, CIRCUITS["published"], implementation="torch")
    assert 0 < len(plans.kept().plans) <= plans.MOST
    plans.forget()
    x = [torch.rand(1, 1, 4096, 64)] * 3
    for window in (None, 5):
        for _ in range(2):
            gain_cell_attention(*x, CIRCUITS["published"], implementation="torch", window=window)
    assert not plans.kept().plans and plans.kept().room is None


def test_after_a_failure_all_is_as_before(monkeypatch):
    case = CASES[0]
    expected = case.run("torch")

    def fail(*arguments):
        raise RuntimeError("no more")

    with monkeypatch.context() as patch:
        patch.setattr(lean, "add_blocks", fail)
        with pytest.raises(RuntimeError, match="no more"):
            case.run("torch")
    assert equal(case.run("torch"), expected)


def test_threads_have_their_own():
    hardware = CIRCUITS["published"]
    inputs = [[torch.rand(1, 2, 100 + i, 32) for _ in range(3)] for i in range(3)]
    expected = [gain_cell_attention(*x, hardware, implementation="torch") for x in inputs]
    found = {}

    def work(i):
        found[i] = [gain_cell_attention(*inputs[i], hardware, implementation="torch") for _ in range(30)]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, out in enumerate(expected):
        for own in found[i]:
            torch.testing.assert_close(own, out, rtol=0, atol=1e-6)


def test_memory_goes_with_its_thread():
    x, rooms = [torch.rand(1, 1, 30, 16)] * 3, []

    def work():
        for _ in range(2):
            gain_cell_attention(*x, CIRCUITS["published"], implementation="torch")
        rooms.append(weakref.ref(plans.kept().room))

    gc.collect()
    gc.disable()
    try:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        assert rooms[0]() is None
    finally:
        gc.enable()


def test_what_inference_mode_made_is_not_learned_from():
    case = CASES[0]
    x = case.inputs()
    with torch.inference_mode():
        for _ in range(3):
            ahead = gain_cell_attention(*x, case.hardware(), implementation="torch")
    for _ in range(3):
        out, _ = replace(case, off=()).run("torch", quantise=True)
    assert torch.equal(out, ahead)


def test_cleared_memory_waits_for_no_collection():
    gc.collect()
    gc.disable()
    try:
        scratch = Scratch(torch.float32, torch.device("cpu"))
        buffer = weakref.ref(scratch.take("sum", (3, 4)))
        scratch.keep("itself", lambda: scratch)
        assert buffer() is not None
        scratch.clear()
        assert buffer() is None
    finally:
        gc.enable()
