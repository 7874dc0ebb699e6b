"""Results of single measurements as files, so that an interrupted run continues."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...circuits.files import write_json


def key_of(*conditions: Any) -> str:
    """sha256 (hexadecimal) of everything that a result depends on.

    Args:
        conditions: values that JSON has a form for.
    """
    return hashlib.sha256(json.dumps(conditions).encode()).hexdigest()


def kept_result(path: Path, key: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The result in a file, which is made and written if there is none, a damaged one, or another run's.

    Args:
        path: file of the result.
        key: what the result depends on, from `key_of`.
        make: measures the result; JSON-able values.

    Raises:
        OSError: the file cannot be written.
    """
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        if known["key"] == key:
            return known
    except (OSError, ValueError, KeyError, TypeError):
        pass
    found = {"key": key} | make()
    write_json(path, found)
    return found
