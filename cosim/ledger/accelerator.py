"""A digital accelerator with parts of the component library hwcomponents, as a host of whole models.

An array of multipliers with adders and registers, a buffer beside it and a memory outside, 8-bit words and
32-bit sums. Weights, and keys and values of attention on this host, pass from the memory through the buffer
to the array, once per token; inputs and sums are read from the buffer and written to it.

Sources, all through hwcomponents (Andrulis et al., CiMLoop, ISPASS 2024): multiplier, adder and register of
Aladdin (Shao et al., ISCA 2014) at 40 nm, scaled by Stillmaker and Baas, Integration 58, 74 (2017); the
buffer by CACTI 7 (Balasubramonian et al., TACO 2017); the memory as stated in hwcomponents-cacti.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

from ...circuits.errors import HostError
from .host import Cost, Work

SCRIPT = Path(__file__).with_name("component_costs.py")
"""Program that asks hwcomponents."""
MEMORIES = ("HBM2", "HBM3", "HBM4", "LPDDR4", "LPDDR", "DDR3")
"""Memories of hwcomponents-cacti."""
SUM_BYTES = 4
"""Bytes of a sum that does not stay in the array."""
CYCLE = 1e-9
"""Time of one multiplication in every multiplier, s: the period that Aladdin's parts are stated for."""
SECONDS = 300
"""Time after which the library is given up, s."""


@dataclass(frozen=True)
class Accelerator:
    """Sizes of the accelerator."""

    node: float = 28e-9
    """Technology node, m."""
    array: int = 64
    """Rows, and columns, of multipliers."""
    buffer: int = 512 * 1024
    """Size of the buffer, bytes."""
    line: int = 64
    """Bytes of one access of the buffer."""
    memory: str = "HBM2"
    """Memory outside, one of `MEMORIES`."""
    bandwidth: float = 614e9
    """Bytes that the memory gives, per second: two stacks of HBM2 at 2.4 Gb/s a pin. It sets the time, and so
    the energy of leakage. The library's rates of memories other than HBM are those of older parts."""

    def __post_init__(self) -> None:
        if not 7e-9 <= self.node <= 130e-9:
            raise HostError(
                f"host: node={self.node:g} m is not from 7n to 130n, which hwcomponents scales to"
            )
        for name in ("array", "buffer", "line"):
            if getattr(self, name) < 1 or getattr(self, name) != int(getattr(self, name)):
                raise HostError(f"host: {name}={getattr(self, name):g} must be a whole number above 0")
        if not self.bandwidth > 0:
            raise HostError(f"host: bandwidth={self.bandwidth:g} must be above 0 bytes per second")
        if self.buffer % self.line:
            raise HostError(f"host: buffer={self.buffer} is no multiple of line={self.line} bytes")
        if self.memory not in MEMORIES:
            raise HostError(f"host: memory={self.memory!r} is none of {', '.join(MEMORIES)}")

    @classmethod
    def of(cls, sizes: dict[str, Any]) -> Accelerator:
        """The default accelerator with some other sizes.

        Args:
            sizes: name of a field -> its value.

        Raises:
            HostError: an unknown name, or a value of the wrong kind or out of its range.
        """
        known = {field.name: field.type for field in fields(cls)}
        for name, value in sizes.items():
            if name not in known:
                raise HostError(f"host: no size {name!r}; there are {', '.join(known)}")
            if isinstance(value, str) != (name == "memory") or value is None or isinstance(value, bool):
                raise HostError(f"host: {name}={value!r} is not of the kind of {getattr(cls, name)!r}")
        whole = {"array", "buffer", "line"}
        return cls(**{n: int(v) if n in whole and v == int(v) else v for n, v in sizes.items()})


@dataclass(frozen=True)
class LibraryHost:
    """The accelerator, with the costs of its parts by hwcomponents."""

    accelerator: Accelerator = Accelerator()
    """Its sizes."""
    python: str = sys.executable
    """Interpreter that has hwcomponents."""

    @cached_property
    def parts(self) -> dict[str, Any]:
        """Costs of the parts, see `component_costs.costs`.

        Raises:
            HostError: the library is missing or fails.
        """
        return _asked(self.accelerator, self.python)

    @property
    def description(self) -> str:
        """Sizes, and the library's version."""
        own, version = self.accelerator, self.parts["versions"]["hwcomponents"]
        return (
            f"{own.array} x {own.array} multipliers at {own.node * 1e9:g} nm, {own.buffer / 1024:g} KiB, "
            f"{own.memory} (hwcomponents {version})"
        )

    def rest(self, work: Work) -> Cost:
        """Linear layers from their matrices; one operation and two accesses of the buffer for each logit.

        Args:
            work: the network.
        """
        products = inputs = sums = 0
        for (outputs, length), count in work.matrices.items():
            products += count * outputs * length
            read, spilt = self._passes(outputs, length)
            inputs += count * read
            sums += count * spilt
        return self._cost(
            products=products + work.vocabulary,
            streamed=work.weights + work.embedded,
            reads=work.weights + work.embedded + inputs + sums + work.vocabulary,
            writes=work.weights + work.embedded + sums + work.vocabulary,
        )

    def attention(self, work: Work, keys: int) -> Cost:
        """Scores and sums of all heads; a group of query heads reads its keys and values from memory once.

        Args:
            work: the network.
            keys: number of keys.
        """
        heads, dimension = work.layers * work.heads, work.head_dim
        score_inputs, score_sums = self._passes(keys, dimension)
        value_inputs, value_sums = self._passes(dimension, keys)
        products = heads * 2 * keys * dimension
        streamed = work.layers * work.kv_heads * 2 * keys * dimension
        sums = heads * (score_sums + value_sums)
        return self._cost(
            products=products,
            streamed=streamed,
            reads=products + heads * (score_inputs + value_inputs) + sums,
            writes=streamed + sums,
        )

    def _passes(self, outputs: int, length: int) -> tuple[int, int]:
        """Bytes of inputs that are read, and of results and sums that are written and as often read again."""
        side = self.accelerator.array
        partial = -(-length // side) - 1
        return -(-outputs // side) * length, outputs * (1 + SUM_BYTES * partial)

    def _cost(self, products: int, streamed: int, reads: int, writes: int) -> Cost:
        """Cost of multiplications, of bytes from memory, and of bytes that the buffer reads and writes."""
        parts, multipliers = self.parts, self.accelerator.array**2
        seconds = max(streamed / self.accelerator.bandwidth, products / multipliers * CYCLE)
        return Cost(
            products * parts["mac_J"]
            + streamed * parts["memory_J"]
            + reads * parts["buffer_read_J"]
            + writes * parts["buffer_write_J"]
            + seconds * (multipliers * parts["mac_W"] + parts["buffer_W"]),
            seconds,
        )


def _asked(accelerator: Accelerator, python: str) -> dict[str, Any]:
    asked = asdict(accelerator)
    for unasked in ("array", "bandwidth"):
        del asked[unasked]
    try:
        done = subprocess.run(
            [python, str(SCRIPT), json.dumps(asked)], capture_output=True, text=True, timeout=SECONDS
        )
        answer = json.loads(done.stdout)
    except (OSError, subprocess.TimeoutExpired, ValueError) as error:
        raise HostError(
            f"{python} did not answer about hwcomponents ({type(error).__name__}); give --host-python an "
            "interpreter that has it"
        ) from error
    match answer.get("error"):
        case None:
            return answer
        case "import":
            raise HostError(
                f"{python} lacks {answer['detail']}; install hwcomponents-library and hwcomponents-neurosim, "
                "which need Python 3.12, and give their interpreter to --host-python"
            )
        case "CACTI":
            raise HostError(
                "CACTI of hwcomponents-cacti failed, possibly as it was built for a newer system; build it "
                f"with `make -B opt` in that package's folder `cacti` ({answer['detail'][:120]})"
            )
        case _:
            raise HostError(f"hwcomponents failed: {answer['detail'][:200]}")
