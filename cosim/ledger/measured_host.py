"""This machine as a host of whole models: its time and energy for one token, measured with random weights."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache

import torch
from torch import nn

from ...circuits.errors import HostError
from .host import Cost, Work
from .meters import Meter, Nvml, Rapl, StatedPower

BYTES = 2**28
"""Least size of the matrices of one measurement, if a model has as many: beyond most caches."""
LEAST_SECONDS = 0.5
"""Least time of one measurement, s: energy counters advance in steps of up to 0.1 s."""


class MeasuredHost:
    """A machine that computes one token of one sequence: linear layers as vector times matrix.

    Every matrix shape of a model is measured on its own with as many matrices as the model has, or as exceed
    the caches; so are one layer of attention, embedding and sampling. The energy is that of the whole package
    while it computes, with its idle power. Norms, activations and the program around a model are not in it.
    """

    def __init__(self, device: torch.device, meter: Meter, name: str, least: float = LEAST_SECONDS) -> None:
        """Args:
        device: the device; float32 on a processor, float16 on a GPU.
        meter: its energy.
        name: what tables call it.
        least: least time of one measurement, s.
        """
        self._device, self._meter, self._least = device, meter, least
        self._dtype = torch.float16 if device.type == "cuda" else torch.float32
        threads = f", {torch.get_num_threads()} threads" if device.type == "cpu" else ""
        precision = str(self._dtype).removeprefix("torch.")
        self.description = f"{name}, measured ({precision}{threads}; {meter.description})"
        self._shape = cache(self._measured_shape)

    def rest(self, work: Work) -> Cost:
        """Sum of the measured matrices, of one embedding and of drawing one token.

        Args:
            work: the network.
        """
        shapes = [(self._shape(*shape, count), count) for shape, count in work.matrices.items()]
        small = self._measured(*self._embedding_and_sampling(work))
        joules = sum(cost.joules * count for cost, count in shapes) + small.joules
        return Cost(joules, sum(cost.seconds * count for cost, count in shapes) + small.seconds)

    def attention(self, work: Work, keys: int) -> Cost:
        """One layer's softmax attention, measured, times the layers.

        Args:
            work: the network.
            keys: number of keys.
        """
        size = 2 * work.kv_heads * keys * work.head_dim * self._dtype.itemsize
        caches = [
            self._random(2, 1, work.kv_heads, keys, work.head_dim)
            for _ in range(min(work.layers, -(-BYTES // size)))
        ]
        query = self._random(1, work.heads, 1, work.head_dim)
        grouped = work.heads != work.kv_heads

        def one_pass() -> None:
            for key, value in caches:
                nn.functional.scaled_dot_product_attention(query, key, value, enable_gqa=grouped)

        one = self._measured(one_pass, len(caches))
        return Cost(one.joules * work.layers, one.seconds * work.layers)

    def _measured_shape(self, outputs: int, inputs: int, count: int) -> Cost:
        """Cost of one vector times a matrix (outputs, inputs), of which a model has `count`."""
        copies = min(count, -(-BYTES // (outputs * inputs * self._dtype.itemsize)))
        matrices = [self._random(outputs, inputs) for _ in range(copies)]
        vector = self._random(1, inputs)

        def one_pass() -> None:
            for matrix in matrices:
                nn.functional.linear(vector, matrix)

        return self._measured(one_pass, copies)

    def _embedding_and_sampling(self, work: Work) -> tuple[Callable[[], None], int]:
        """One token's row of an embedding, and one draw from the distribution of the logits."""
        table = self._random(max(work.vocabulary, 1), max(work.embedded, 1))
        logits, token = self._random(1, max(work.vocabulary, 1)), torch.zeros(1, dtype=torch.long)
        token = token.to(self._device)

        def one_pass() -> None:
            nn.functional.embedding(token, table)
            torch.multinomial(logits.softmax(-1), 1)

        return one_pass, 1

    def _random(self, *shape: int) -> torch.Tensor:
        # Numbers from 0 to 1: no denormal number, which would take longer.
        return torch.rand(*shape, device=self._device, dtype=self._dtype)

    @torch.no_grad()
    def _measured(self, one_pass: Callable[[], None], parts: int) -> Cost:
        """Mean cost of a part of a pass, over passes that last for the least time."""
        one_pass()
        self._finish()
        passes, began, joules = 0, time.perf_counter(), self._meter.joules()
        while (seconds := time.perf_counter() - began) < self._least or not passes:
            one_pass()
            self._finish()
            passes += 1
        return Cost((self._meter.joules() - joules) / passes / parts, seconds / passes / parts)

    def _finish(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)


def this_processor(watts: float | None = None) -> MeasuredHost:
    """The processor of this machine.

    Args:
        watts: its power, W; None: RAPL's counters.

    Raises:
        HostError: neither a counter nor a power.
    """
    meter = Rapl() if watts is None else StatedPower(watts)
    return MeasuredHost(torch.device("cpu"), meter, "this processor")


def this_gpu(watts: float | None = None) -> MeasuredHost:
    """The first NVIDIA GPU of this machine.

    Args:
        watts: its power, W; None: NVML's counter.

    Raises:
        HostError: there is no GPU, or neither a counter nor a power.
    """
    if not torch.cuda.is_available():
        raise HostError("no NVIDIA GPU that torch can use; take --host cpu, hwcomponents or stated")
    meter = Nvml() if watts is None else StatedPower(watts)
    return MeasuredHost(torch.device("cuda", 0), meter, torch.cuda.get_device_name(0))
