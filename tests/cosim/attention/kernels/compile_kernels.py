"""Compile the Triton kernels for an absent GPU:  compile_kernels.py CAPABILITY [HARDWARE [D [GRADIENT]]]

Prints the size of each kernel's binary and the shared memory of a program, both in bytes. It is a script
because it must run in a process without Triton's interpreter.
"""

import sys

import torch
from triton.backends.compiler import GPUTarget
from triton.runtime import driver

from gaincell.cosim import Effects
from gaincell.cosim.attention.api import place_keys
from gaincell.cosim.attention.kernels.triton import attention as triton_attention
from gaincell.cosim.attention.kernels.triton import operators as triton_operators
from gaincell.cosim.attention.kernels.triton.backward import cells_kernel, pulses_kernel
from gaincell.cosim.attention.kernels.triton.forward import forward_kernel
from gaincell.cosim.attention.stages import OperationContext
from gaincell.models import Hardware


class AbsentGpu:
    """Driver of a GPU that is not present."""

    def __init__(self, capability: int) -> None:
        self.target = GPUTarget("cuda", capability, 32)

    def get_current_target(self) -> GPUTarget:
        return self.target

    def get_current_device(self) -> int:
        return 0

    def get_current_stream(self, device: int) -> int:
        return 0


def main(capability: str, name: str = "leroux2025", depth: str = "64", gradient: str = "exact") -> None:
    driver.set_active(AbsentGpu(int(capability)))
    triton_operators._precision = lambda like: "tf32x3"
    hardware = Hardware.from_pretrained(name).model_copy(update={"rows": int(depth)})
    q, k = torch.rand(1, 2, 96, int(depth)), torch.rand(1, 1, 96, int(depth))
    positions = place_keys(q, k, k, hardware, window=None, key_start=0, attention_mask=None)
    op = OperationContext(hardware, Effects(), positions, None, None, None, 0, 1, gradient)
    given = triton_attention._arguments(triton_attention._operands(q, k, k, op), op)
    pulses, edges, keys, values = given[:4]
    operation = triton_operators.OperatorArguments(*given)
    operands, blocks = operation.operands(), {**operation.blocks, **triton_operators.LAUNCH}
    for kernel, arguments in (
        (forward_kernel, (pulses, edges, pulses, *operands, 1)),
        (pulses_kernel, (pulses, edges, pulses, pulses, *operands)),
        (cells_kernel, (pulses, edges, pulses, keys, values, *operands)),
    ):
        compiled = kernel.warmup(*arguments, grid=(1, 1, 1), **blocks)
        print(kernel.fn.__name__, "cubin", len(compiled.asm["cubin"]), "shared", compiled.metadata.shared)


if __name__ == "__main__":
    main(*sys.argv[1:])
