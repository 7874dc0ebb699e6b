"""The start of an adaptation that goes on from another one."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from ....circuits.errors import ModelError
from ....models import Hardware
from ...attention.effects import Effects
from ..adapters import load_adapted
from ..checkpoints import digest, locate, shipped_adapters
from ..pretrained import ADAPTER

ADAPTER_FOLDER = "adapter"
"""Folder of the adapter alone, in the result of an adaptation with one."""


def adapted_before(
    start: str, base: str, softmax: nn.Module, hardware: Hardware, effects: Effects, *, additions: bool
) -> nn.Module:
    """The network of an adaptation that is to be continued, on the hardware asked for.

    Args:
        start: folder that an adaptation wrote, an adapter's folder, or the name of a shipped adapter.
        base: directory or hub name of the network that both start from.
        softmax: that network.
        hardware: hardware to go on with, at the token period of its timing.
        effects: its non-idealities.
        additions: whether low-rank additions go on learning, and not all weights.

    Raises:
        ModelError: there is no such adaptation, it began with another network, or it has no additions.
    """
    if additions and (Path(start) / ADAPTER_FOLDER / ADAPTER).is_file():
        start = str(Path(start) / ADAPTER_FOLDER)
    adapter = (Path(start) / ADAPTER).is_file() or start in shipped_adapters()
    checkpoint = locate(start, base if adapter else None)
    if checkpoint.adapted is None:
        raise ModelError(f"{start} holds no adapted network; give a folder that `gaincell adapt` wrote")
    if additions and not adapter:
        raise ModelError(f"all weights of {start} were adapted, and may go on learning only without --lora")
    record = (checkpoint.adaptation or {}).get("settings") or {}
    if not adapter and record.get("weights") != digest(softmax):
        raise ModelError(f"{start} was adapted from another network than {base}; give that network")
    return load_adapted(checkpoint, hardware=hardware, effects=effects)
