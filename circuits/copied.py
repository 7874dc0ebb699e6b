"""Decks that load copies of their libraries, in folders of this process.

ngspice cuts the name of a `.lib` line at a blank, and looks for a relative name in its working folder first.
The copies have relative names without blanks, and nothing else is where a relative reference could lead.
"""

from __future__ import annotations

import re
import tempfile
import threading
from pathlib import Path

from .library import COPY, LibraryFile, copy_library, library_files, signature
from .workspace import workspace

_LOADS = re.compile(
    r'^\.(?P<kind>lib|include) "(?P<file>/.+)"(?: (?P<section>[^"\s]+))?$', re.IGNORECASE | re.MULTILINE
)
"""Lines of `Technology.header` that load a library by its absolute path."""

_changing = threading.Lock()


def with_copied_libraries(netlist: str) -> tuple[str, Path | None]:
    """Let a deck load copies of its libraries.

    Args:
        netlist: deck with libraries by absolute paths, as `Technology.header` writes them.

    Returns:
        The deck, and the folder below which it must be run; None for a deck that loads no library by its
        absolute path.

    Raises:
        TechnologyError: a library has a reference that is refused (see `library`).
    """
    loads = [match for match in _LOADS.finditer(netlist) if Path(match["file"]).is_file()]
    if not loads:
        return netlist, None
    wanted: dict[str, set[str]] = {}
    for match in loads:
        wanted.setdefault(match["file"], set()).add(match["section"] or "")
    libraries = {name: library_files(Path(name).resolve(), found) for name, found in wanted.items()}
    place = _copied(libraries)
    for position, (name, files) in enumerate(libraries.items()):
        sub = "" if position == 0 else f"{position}/"
        netlist = netlist.replace(f'"{name}"', f'"../{COPY}/{sub}{files[0].place}"')
    return netlist, place


def _copied(libraries: dict[str, tuple[LibraryFile, ...]]) -> Path:
    """Folder in which `COPY` holds the libraries, made once for each content."""
    key = tuple((files, signature(files)) for files in libraries.values())
    with _changing:
        space = workspace()
        known = space.made.get(key)
        if known is None or not known.is_dir():
            known = Path(tempfile.mkdtemp(prefix="library-", dir=space.folder))
            for position, files in enumerate(libraries.values()):
                sub = known / COPY
                copy_library(files, sub if position == 0 else sub / str(position))
            space.made[key] = known
        return known
