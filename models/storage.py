"""A hardware bundle on disk: readable JSON beside a safetensors file with the numeric arrays.

An array is replaced in the JSON by {"tensor": key}. The JSON names the sha256 of the tensor file and is
written last, so an interrupted save is recognised instead of being read as a mixture of two bundles.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from ..circuits.errors import HardwareError

FORMAT = 2
_JSON, _TENSORS = "hardware.json", "hardware.safetensors"


def write_bundle(directory: Path, values: dict[str, Any]) -> None:
    """Write nested plain values and arrays as a bundle; each file is replaced atomically."""
    directory.mkdir(parents=True, exist_ok=True)
    tensors: dict[str, np.ndarray] = {}
    tree = _detach(values, "", tensors)
    blob = safetensors.numpy.save(tensors)
    head = {"format": FORMAT, "tensors_sha256": hashlib.sha256(blob).hexdigest()}
    text = json.dumps(head | {"hardware": tree}, indent=1, ensure_ascii=False) + "\n"
    replace_file(directory / _TENSORS, blob)
    replace_file(directory / _JSON, text.encode())


def read_bundle(directory: Path) -> dict[str, Any]:
    """The nested values given to `write_bundle`. Raises `HardwareError` when the bundle is not whole."""
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


def replace_file(path: Path, data: bytes) -> None:
    """Write a file so that a reader sees the old content or the new, never a part."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


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
