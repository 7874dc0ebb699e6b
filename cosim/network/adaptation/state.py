"""What an unfinished adaptation leaves in its folder, so that the same command continues it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import nn

from ....circuits.errors import ModelError
from ....circuits.files import as_written, replace_atomically, sealed, write_json
from ....circuits.files import digest as file_digest

SETTINGS = "settings.json"


class RunState:
    """The folder of an unfinished run: a record of its settings, and the results of finished stages."""

    def __init__(self, out: Path, settings: dict[str, Any], fresh: bool) -> None:
        """Open the state of a run; nothing is written before `begin`.

        Args:
            out: folder of the result.
            settings: what decides the result.
            fresh: whether to forget an unfinished run.

        Raises:
            ModelError: the folder holds an unfinished run with other settings, or a damaged one.
        """
        self.folder = out / "state"
        self._settings = settings
        if fresh:
            self.remove()
        known = self.read(SETTINGS)
        if known is not None and known != json.loads(json.dumps(settings)):
            raise ModelError(
                f"{out} holds an unfinished adaptation with other settings; finish it with those, pass "
                "--fresh to start again, or choose another --out"
            )

    def begin(self) -> None:
        """Record the settings: from now on there is something to continue."""
        self.write(SETTINGS, self._settings)

    def remove(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def write(self, name: str, values: dict[str, Any]) -> None:
        """Write a record with its digest."""
        write_json(self.folder / name, sealed(values))

    def read(self, name: str) -> dict[str, Any] | None:
        """A record without its digest; None if there is none.

        Raises:
            ModelError: it is damaged.
        """
        path = self.folder / name
        if not path.is_file():
            return None
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            record = None
        if not isinstance(record, dict) or not as_written(record):
            raise ModelError(f"{path} is damaged; pass --fresh to start again")
        return {key: value for key, value in record.items() if key != "digest"}

    def remembered(self, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The record of this name, which is made once and then read back."""
        known = self.read(name)
        if known is None:
            known = make()
            self.write(name, known)
        return known

    def keep(self, name: str, module: nn.Module, **values: Any) -> None:
        """Write a module's weights, and then the record `values` with their digest.

        Args:
            name: name without an ending.
            module: module whose state is kept.
            values: what else to record.
        """
        from safetensors.torch import save_file

        path = self.folder / f"{name}.safetensors"
        path.parent.mkdir(parents=True, exist_ok=True)
        state = {key: value.detach().cpu().contiguous() for key, value in module.state_dict().items()}
        replace_atomically(path, lambda partial: save_file(state, partial))
        self.write(f"{name}.json", values | {"sha256": file_digest(path)})

    def restore(self, name: str, module: nn.Module) -> dict[str, Any] | None:
        """Give a module the weights that were kept, and return their record; None if none were.

        Raises:
            ModelError: they are damaged.
        """
        record = self.read(f"{name}.json")
        if record is None:
            return None
        from safetensors.torch import load_file

        path = self.folder / f"{name}.safetensors"
        if not path.is_file() or file_digest(path) != record.pop("sha256"):
            raise ModelError(f"{path} is damaged; pass --fresh to start again")
        module.load_state_dict(load_file(path))
        return record
