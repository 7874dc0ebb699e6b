"""Inputs of a teacher's attention modules, as files that are mapped into memory."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ....circuits.errors import ModelError
from ..batches import evaluation_mode
from ..compute import Compute, device_of
from .state import RunState

FOLDER = "distil"
OF_THE_CALL = {"hidden_states", "cache", "past_key_values", "use_cache"}
"""Arguments of an attention module that are not kept: its input, and caches."""


@dataclass(frozen=True)
class Call:
    """What an attention module is called with besides its input: position embeddings and masks."""

    args: tuple
    kwargs: dict[str, Any]

    def run(self, module: nn.Module, x: Tensor) -> Tensor:
        """Output of a module for inputs (B, T, width)."""
        out = module(x, *self.args, **self.kwargs)
        return out[0] if isinstance(out, tuple) else out


def inputs_file(state: RunState, index: int) -> Path:
    """File of the inputs of the module of this number."""
    return state.folder / FOLDER / f"inputs-{index}.npy"


@torch.no_grad()
def cache_inputs(
    teacher: nn.Module,
    modules: dict[str, nn.Module],
    windows: Tensor,
    state: RunState,
    progress: Callable[[int, int], None] = lambda done, total: None,
    *,
    precision: str = "float32",
) -> dict[str, Call]:
    """Write the inputs of every module, (windows, context, width) in float16; returns its other arguments.

    Cached inputs of an interrupted run are kept, the other arguments are recorded again.
    """
    cached = state.read(f"{FOLDER}/inputs.json") is not None
    files: dict[str, np.ndarray] = {}
    calls: dict[str, Call] = {}
    number = 0

    def hook(name: str, index: int) -> Callable[..., None]:
        def keep(module: nn.Module, args: tuple, kwargs: dict[str, Any]) -> None:
            x = args[0] if args else kwargs["hidden_states"]
            other = {key: value for key, value in kwargs.items() if key not in OF_THE_CALL}
            call = Call(_detached(args[1:]), _detached(other))
            if name not in calls:
                calls[name] = call
                if not cached:
                    shape = (len(windows), *x.shape[1:])
                    if not files:
                        _require_room(inputs_file(state, index).parent, 2 * len(modules) * math.prod(shape))
                    files[name] = np.lib.format.open_memmap(
                        inputs_file(state, index), mode="w+", dtype=np.float16, shape=shape
                    )
            elif not _equal(call, calls[name]):
                raise ModelError(
                    f"{name} is called with more than its input and positions, so it cannot be trained by "
                    "itself; leave the layer-wise stage out with --distil 0"
                )
            if not cached:
                files[name][number] = x[0].to(torch.float16).cpu().numpy()

        return keep

    handles = [
        module.register_forward_pre_hook(hook(name, index), with_kwargs=True)
        for index, (name, module) in enumerate(modules.items())
    ]
    try:
        device = device_of(teacher)
        # The network without its last layer, whose logits nothing needs.
        body = getattr(teacher, "base_model", teacher)
        with evaluation_mode(teacher), Compute(device.type, precision).autocast():
            # The arguments of a second window show whether they depend on the text.
            for number in range(2 if cached else len(windows)):
                body(input_ids=windows[number : number + 1].to(device), use_cache=False)
                progress(number + 1, len(windows))
    finally:
        for handle in handles:
            handle.remove()
    for file in files.values():
        file.flush()
    if not cached:
        state.write(f"{FOLDER}/inputs.json", {"windows": len(windows)})
    return calls


def _require_room(folder: Path, size: int) -> None:
    """ModelError unless a folder, which is made, has room for so many bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if size > free:
        raise ModelError(
            f"the inputs of the layers take {size / 1e9:.1f} GB and {folder} has {free / 1e9:.1f} GB free; "
            "choose another --out, or leave the layer-wise stage out with --distil 0"
        )


def _detached(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.detach()
    if isinstance(value, tuple | list):
        return type(value)(_detached(part) for part in value)
    if isinstance(value, dict):
        return {key: _detached(part) for key, part in value.items()}
    return value


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, Call):
        return _equal(one.args, other.args) and _equal(one.kwargs, other.kwargs)
    if isinstance(one, Tensor):
        return isinstance(other, Tensor) and torch.equal(one, other)
    if isinstance(one, tuple | list):
        return len(one) == len(other) and all(_equal(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    return one is other or one == other
