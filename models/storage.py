"""Saved hardware: a readable hardware.json beside a safetensors file with the numeric arrays.

The JSON has {"tensor": key} in place of each array. It contains the sha256 of the tensor file and one over
its own content, so that a damaged or edited file is refused instead of being read as other numbers. It is
written last, so that an interrupted save is detected instead of being read as a mixture of two saves.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from ..circuits.errors import HardwareError
from ..circuits.files import write_atomically, write_json

FORMAT = 3
"""Version of the layout of the files."""
_JSON, _TENSORS = "hardware.json", "hardware.safetensors"
_KEYS = {"format", "sha256", "tensors_sha256", "hardware"}


def write_bundle(directory: Path, values: dict[str, Any]) -> None:
    """Write nested plain values and arrays; each of the two files is replaced atomically.

    Args:
        directory: folder to write to; it is made if necessary.
        values: nested dictionaries, lists and tuples of JSON-able values and arrays.

    Raises:
        ValueError: a number that is not finite.
        OSError: the folder or a file cannot be written.
    """
    tensors: dict[str, np.ndarray] = {}
    # As it will be read: JSON has no tuples, and only texts as keys.
    tree = json.loads(json.dumps(_detach(values, "", tensors), allow_nan=False))
    blob = safetensors.numpy.save(tensors)
    tensors_digest = hashlib.sha256(blob).hexdigest()
    head = {
        "format": FORMAT,
        "sha256": _content_digest(tensors_digest, tree),
        "tensors_sha256": tensors_digest,
    }
    write_atomically(directory / _TENSORS, blob)
    write_json(directory / _JSON, head | {"hardware": tree})


def read_bundle(directory: Path, complaint: Callable[[Any], str | None]) -> dict[str, Any]:
    """The nested values given to `write_bundle`.

    Args:
        directory: folder that `write_bundle` wrote to.
        complaint: says what is wrong with values, None if they look right. It is asked for the message about
            a JSON that was changed by hand; the values may be anything.

    Returns:
        The values; tuples have become lists.

    Raises:
        HardwareError: a file is missing, damaged, edited, of another format, or from another save.
    """
    path = directory / _JSON
    if not path.is_file():
        raise HardwareError(f"{directory} holds no {_JSON}; point to a directory made by `gaincell fit`")
    try:
        document = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
        blob = (directory / _TENSORS).read_bytes()
        tensors = safetensors.numpy.load(blob)
        if not isinstance(document, dict) or type(document.get("format")) is not int:
            raise HardwareError(f"{path} is not what gaincell writes; save the hardware again")
        if document["format"] != FORMAT:
            raise HardwareError(
                f"{path} has format {document['format']}, this version reads {FORMAT}; fit it again"
            )
        if document["tensors_sha256"] != hashlib.sha256(blob).hexdigest():
            raise HardwareError(
                f"{directory}: {_TENSORS} does not belong to {_JSON}; save the hardware again"
            )
        whole = _content_digest(document["tensors_sha256"], document["hardware"])
        values = _attach(document["hardware"], tensors)
        if document["sha256"] != whole or document.keys() != _KEYS:
            raise HardwareError(
                f"{path} is not as it was saved ({complaint(values) or 'its sha256 differs'}); save the "
                "hardware again, and change it in Python, with Hardware.model_copy and save_pretrained"
            )
        return values
    except (OSError, ValueError, KeyError, RecursionError, SafetensorError) as error:
        raise HardwareError(f"{directory} is damaged ({error}); save the hardware again") from error


def _content_digest(tensors_digest: str, tree: Any) -> str:
    """sha256 (hexadecimal) over the content, whatever its layout. The order of keys is content: that of a box
    is the order of a call's arguments.

    Raises:
        ValueError: a number that is not finite.
    """
    content = json.dumps([tensors_digest, tree], separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(content.encode()).hexdigest()


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number")


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
        if node.keys() == {"tensor"} and isinstance(node["tensor"], str):
            return tensors[node["tensor"]]
        return {name: _attach(child, tensors) for name, child in node.items()}
    if isinstance(node, list):
        return [_attach(child, tensors) for child in node]
    return node
