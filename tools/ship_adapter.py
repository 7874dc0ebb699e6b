"""Copy an adapter that `gaincell adapt --lora` wrote into the package, under the public name of its network.

    python tools/ship_adapter.py out/smol/adapter NAME --base OWNER/NETWORK [--source "where its weights are"]

It is then a MODEL of all commands: `gaincell evaluate NAME --base FOLDER --text test.txt`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from gaincell.circuits.errors import ModelError
from gaincell.circuits.files import sealed, write_json
from gaincell.cosim.network.adapters import renamed
from gaincell.cosim.network.checkpoints import ADAPTATION, ADAPTERS, read_record

LARGEST = 20e6
"""Size that a shipped adapter may have, bytes."""


def ship(folder: Path, out: Path, base: str, source: str | None) -> None:
    """Copy an adapter and its record, without the paths of the machine that trained it.

    Args:
        folder: folder of the adapter.
        out: folder to write.
        base: hub name of the network below it.
        source: where else the same weights are found.

    Raises:
        ModelError: there is no record, or the adapter is too large or damaged.
    """
    record = read_record(folder)
    size = sum(path.stat().st_size for path in folder.iterdir())
    if record is None or size > LARGEST:
        raise ModelError(f"{folder} has {size / 1e6:.1f} MB and needs adaptation.json and at most 20 MB")
    renamed(folder, out, base=base, source=source)
    corpus = record["corpus"]
    if "source" in corpus:
        corpus["source"] = Path(corpus["source"]).name
    write_json(out / ADAPTATION, sealed(record | {"model": base, "corpus": corpus}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("name")
    parser.add_argument("--base", required=True)
    parser.add_argument("--source")
    asked = parser.parse_args()
    ship(asked.folder, ADAPTERS / asked.name, asked.base, asked.source)
