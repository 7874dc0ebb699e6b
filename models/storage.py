"""Saved hardware: a readable hardware.json beside a safetensors file with the numeric arrays.

The JSON has {"tensor": key} in place of each array. It contains the sha256 of the tensor file and is written
last, so an interrupted save is detected instead of being read as a mixture of two saves.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from ..circuits.errors import HardwareError
from ..circuits.files import write_atomically, write_json

FORMAT = 2
"""Version of the layout of the files."""
_JSON, _TENSORS = "hardware.json", "hardware.safetensors"


def write_bundle(directory: Path, values: dict[str, Any]) -> None:
    """Write nested plain values and arrays; each of the two files is replaced atomically.

    Args:
        directory: folder to write to; it is made if necessary.
        values: nested dictionaries, lists and tuples of JSON-able values and arrays.

    Raises:
        OSError: the folder or a file cannot be written.
    """
    tensors: dict[str, np.ndarray] = {}
    tree = _detach(values, "", tensors)
    blob = safetensors.numpy.save(tensors)
    head = {"format": FORMAT, "tensors_sha256": hashlib.sha256(blob).hexdigest()}
    write_atomically(directory / _TENSORS, blob)
    write_json(directory / _JSON, head | {"hardware": tree})


def read_bundle(directory: Path) -> dict[str, Any]:
    """The nested values given to `write_bundle`.

    Args:
        directory: folder that `write_bundle` wrote to.

    Returns:
        The values; tuples have become lists.

    Raises:
        HardwareError: a file is missing, damaged, of another format, or from another save.
    """
    path = directory / _JSON
    if not path.is_file():
        raise HardwareError(f"{directory} holds no {_JSON}; point to a directory made by `gaincell fit`")
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        blob = (directory / _TENSORS).read_bytes()
        tensors = safetensors.numpy.load(blob)
        if document["format"] != FORMAT:
            raise HardwareError(
                f"{path} has format {document['format']}, this version reads {FORMAT}; fit it again"
            )
        if document["tensors_sha256"] != hashlib.sha256(blob).hexdigest():
            raise HardwareError(
                f"{directory}: {_TENSORS} does not belong to {_JSON}; save the hardware again"
            )
        return _attach(document["hardware"], tensors)
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise HardwareError(f"{directory} is damaged ({error}); save the hardware again") from error


def _detach(node: Any, key: str, tensors: dict[str, np.ndarray]) -> Any:
    if isinstance(node, np.ndarray):
        tensors[key] = np.ascontiguousarray(node)
        return {"tensor": key}
    if isinstance(node, dict):
        return {name: _detach(child, f"{key}.{name}".lstrip("."), tensors) for name, child in node.items()}
    if isinstance(node, (list, tuple)):
        return [_detach(child, f"{key}.{index}", tensors) for index, child in enumerate(node)]
    return node


def _attach(node: Any, tensors: dict[str, np.ndarray]) -> Any:
    if isinstance(node, dict):
        if node.keys() == {"tensor"}:
            return tensors[node["tensor"]]
        return {name: _attach(child, tensors) for name, child in node.items()}
    if isinstance(node, list):
        return [_attach(child, tensors) for child in node]
    return node
