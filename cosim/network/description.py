"""How a model is converted, as plain values: one entry per module, and each hardware once."""

from __future__ import annotations

import base64
import json
import tempfile
import zlib
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from torch import nn

from ...circuits.errors import HardwareError, ModelError
from ...models import Hardware
from ..attention.effects import Effects
from .families import unwrap
from .layer import gain_cell_layers
from .transforms import Transforms

FORMAT = 2
"""Version of the description. Version 1 had one hardware and one setting for all modules."""


def describe(model: nn.Module) -> tuple[dict[str, Any], dict[str, Hardware]]:
    """The conversion of a model.

    Args:
        model: converted model.

    Returns:
        JSON-able entry of each module, and hardware by the name that the entries give it: "hardware" for the
        first, then "hardware-2" and so on.
    """
    hardware: dict[str, Hardware] = {}
    names: dict[str, str] = {}
    modules = {}
    for name, layer in gain_cell_layers(unwrap(model)).items():
        digest = layer.hardware.digest
        if digest not in names:
            names[digest] = f"hardware-{len(names) + 1}" if names else "hardware"
            hardware[names[digest]] = layer.hardware
        modules[name.removesuffix(".gain_cell")] = {
            "hardware": names[digest],
            "window": layer.window,
            "token_period": layer.token_period,
            "effects": asdict(layer.effects),
        } | layer.transforms.entry()
        if layer.softmax_heads:
            modules[name.removesuffix(".gain_cell")]["softmax_heads"] = list(layer.softmax_heads)
    return modules, hardware


def require_entry(name: str, entry: Any, hardware: dict[str, Hardware]) -> None:
    """Check what was read about one module.

    Args:
        name: name of the module.
        entry: its entry.
        hardware: hardware by name.

    Raises:
        ModelError: an entry that `describe` would not make.
    """
    known = {field.name for field in fields(Effects)}
    needed = {"hardware", "window", "token_period", "effects"}
    whole = isinstance(entry, dict) and set(entry) - {"transforms", "softmax_heads"} == needed
    if whole:
        window, period, effects = entry["window"], entry["token_period"], entry["effects"]
        whole = entry["hardware"] in hardware
        whole = whole and (window is None or (type(window) is int and window > 0))
        whole = whole and (period is None or (type(period) in (int, float) and 0 < period < float("inf")))
        whole = whole and isinstance(effects, dict) and set(effects) == known
        whole = whole and all(type(switch) is bool for switch in effects.values())
        heads = entry.get("softmax_heads", [])
        whole = whole and isinstance(heads, list) and all(type(head) is int and head >= 0 for head in heads)
    if not whole or not isinstance(entry.get("transforms", {}), dict):
        raise ModelError(f"the entry of {name} is damaged; save the model again")
    Transforms.of_entry(entry)


def pack(hardware: Hardware) -> str:
    """A hardware's two files as text.

    Args:
        hardware: the hardware.
    """
    found = _packed.get(hardware.digest)
    if found is None:
        with tempfile.TemporaryDirectory() as folder:
            hardware.save_pretrained(folder)
            files = {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir())}
        content = json.dumps({name: base64.b64encode(data).decode() for name, data in files.items()})
        found = base64.b64encode(zlib.compress(content.encode(), 9)).decode()
        _packed[hardware.digest] = found
    return found


def unpack(text: str) -> Hardware:
    """The hardware that `pack` made a text of.

    Args:
        text: text of the two files.

    Raises:
        ModelError: the text is damaged.
    """
    try:
        files = json.loads(zlib.decompress(base64.b64decode(text, validate=True)))
        with tempfile.TemporaryDirectory() as folder:
            for name in ("hardware.json", "hardware.safetensors"):
                (Path(folder) / name).write_bytes(base64.b64decode(files[name], validate=True))
            return Hardware.from_pretrained(folder)
    except (ValueError, KeyError, TypeError, AttributeError, zlib.error, HardwareError) as error:
        raise ModelError(
            f"the hardware beside the weights is damaged ({error}); save the model again"
        ) from error


_packed: dict[str, str] = {}
"""Texts by digest of the hardware: transformers asks for a configuration many times."""
