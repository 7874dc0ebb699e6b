"""Files that a SPICE library loads, found by the rules of ngspice 39, and their copy in another folder.

ngspice reads `.include` line by line: any word that begins with `.inc`, a name with or without quotes, `~/`
for the home directory, a relative name from the folder of the including file. It reads `.lib FILE SECTION`
after it has resolved symbolic links: a relative name counts from the folder of the file that the innermost
`.lib` has opened, and a blank ends the name even within quotes. It follows the `.lib` lines of the sections
in use only; in others, kits refer to files that they do not have. A reference that ngspice would not find, or
that has no unique meaning, is refused, and so are commands. The files found are all that ngspice opens.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from .errors import TechnologyError

COPY = "library"
"""Name of the folder of the copies, which lies beside the folders of the decks."""

_DIRECTIVE = re.compile(rb"^[ \t]*(?:\.(?:inc|lib|endl|control)|@)[^\n]*", re.IGNORECASE | re.MULTILINE)
"""Lines that load a file, run commands, or end the file ("@"). ngspice skips blanks before them."""
_INCLUDE = re.compile(r"""^\S+\s+(?:"([^"]*)"|'([^']*)'|([^\s"';]+))""")
_LIB = re.compile(r"""^\S+[\s"']+([^\s"']+)(?:[\s"']+([^\s"']+))?""")
_CONTINUED = re.compile(rb"\n(?:[ \t\r]*(?:[*#$][^\n]*)?\n)*[ \t]*\+")
_DATA_FILE = re.compile(rb"file[ \t]*=[ \t]*[\"']", re.IGNORECASE)
"""A code model that reads a file of numbers, or runs a program."""
_UNSAFE = re.compile(r"[^\w.+,@%=:~#-]")


@dataclass(frozen=True)
class Reference:
    """One file name in a library file."""

    start: int
    """Position of the name, without quotes, in the file."""
    end: int
    """Position after the name."""
    name: str
    """File name as written."""
    target: Path
    """The file that ngspice opens."""
    line: str
    """File and line of the reference, for messages."""
    section: str | None = None
    """Section that a `.lib` line asks for; None for an `.include` line."""
    within: str | None = None
    """Section that has the line; None outside of all sections."""


@dataclass(frozen=True)
class LibraryFile:
    """One file of a library."""

    path: Path
    """Absolute path, as ngspice opens it."""
    home: Path | None
    """File that the innermost `.lib` has opened, from whose folder `.lib` references count; None for the
    deck."""
    references: tuple[Reference, ...] = field(repr=False)
    """Its references, in the order of the file."""
    place: PurePosixPath | None = None
    """Path of its copy below the folder of `copy_library`."""


_UNUSED = "\0"
"""In place of a section's name: text of a section that is not in use."""

_known: dict[tuple[Path, frozenset[str]], tuple[tuple[LibraryFile, ...], tuple[tuple[int, ...], ...]]] = {}
"""Files and their `signature` by library. One entry per library of the process."""

_digests: dict[tuple[Path, ...], tuple[tuple[tuple[int, ...], ...], str]] = {}
"""Signature and `content_digest` by paths. One entry per library of the process."""


def library_files(library: Path, sections: Iterable[str]) -> tuple[LibraryFile, ...]:
    """Find the library and every file that it loads, directly or indirectly.

    Args:
        library: absolute path of the library.
        sections: names of the sections in use; "" for a library that decks load as a whole by `.include`.

    Returns:
        The files, the library first. The place of a file is its path below the folder that all files share;
        a file that is named by an absolute path, and those that it loads, are below `absolute1`,
        `absolute2`, ...

    Raises:
        TechnologyError: a reference that ngspice would not find or that has no unique meaning, a command, or
            a file that cannot be read. The message names file and line.
    """
    key = (library, frozenset(name.lower() for name in sections))
    known = _known.get(key)
    if known is not None and signature(known[0]) == known[1]:
        return known[0]
    files = _find(*key)
    _known[key] = files, signature(files)
    return files


def signature(files: Iterable[LibraryFile]) -> tuple[tuple[int, ...], ...]:
    """Device, inode, size and time of each file, by which a change is noticed; empty for a missing file."""
    found = []
    for file in files:
        try:
            status = file.path.stat()
        except OSError:
            found.append(())
        else:
            found.append((status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns))
    return tuple(found)


def content_digest(files: Sequence[LibraryFile]) -> str:
    """sha256 of the names and contents of library files; files with a known signature are not read again.

    Args:
        files: from `library_files`.

    Raises:
        OSError: a file cannot be read.
    """
    paths, present = tuple(file.path for file in files), signature(files)
    if _digests.get(paths, ((), ""))[0] != present:
        hasher = hashlib.sha256()
        for path in paths:
            hasher.update(path.name.encode())
            hasher.update(path.read_bytes())
        _digests[paths] = present, hasher.hexdigest()
    return _digests[paths][1]


def _find(library: Path, sections: frozenset[str]) -> tuple[LibraryFile, ...]:
    found: dict[Path, LibraryFile] = {}
    groups: dict[Path, int] = {}
    visited: set[tuple[Path, str | None]] = set()
    # Included text has no section of its own: all its lines count.
    pending: list[tuple[Path, Path | None, int, str | None]] = [
        (library, library if name and "" not in sections else None, 0, name or None)
        for name in sorted(sections)
    ]
    absolute = 0
    while pending:
        path, home, group, section = pending.pop(0)
        if (path, section) in visited:
            continue
        visited.add((path, section))
        if path not in found:
            found[path], groups[path] = LibraryFile(path, home, _references(path, home)), group
        known = found[path]
        if known.home != home and any(reference.section for reference in known.references):
            raise TechnologyError(
                f"{path} has .lib lines and is loaded from {known.home or 'the deck'} and from "
                f"{home or 'the deck'}, so ngspice resolves their names twice; write absolute names"
            )
        for reference in known.references:
            wanted = reference.section
            if wanted and section is not None and reference.within != section:
                continue
            if not reference.target.is_file():
                rest = " (a blank ends the name on a .lib line, even in quotes)" if wanted else ""
                raise TechnologyError(
                    f"{reference.line}: there is no file {reference.name!r}{rest}; correct the reference"
                )
            own = group
            if _is_absolute(reference.name):
                absolute += 1
                own = absolute
            if not wanted and section is not None and reference.within != section:
                wanted, habitat = _UNUSED, home  # ngspice reads the file, but follows none of its .lib lines
            else:
                habitat = reference.target if wanted else home
            pending.append((reference.target, habitat, own, wanted))
    renamed = {library} | {ref.target for file in found.values() for ref in file.references if ref.section}
    places = _places(groups, renamed)
    return tuple(replace(file, place=places[path]) for path, file in found.items())


def _places(groups: dict[Path, int], by_section: set[Path]) -> dict[Path, PurePosixPath]:
    """Places by path. A file that a `.lib` line opens gets a name without blanks and quotes."""
    places: dict[Path, PurePosixPath] = {}
    taken: Counter[str] = Counter()
    for group in dict.fromkeys(groups.values()):
        members = [path for path, own in groups.items() if own == group]
        root = Path(os.path.commonpath([path.parent for path in members]))
        for path in members:
            place = path.relative_to(root).as_posix()
            if path in by_section or '"' in place or "\n" in place:
                place = "/".join(_UNSAFE.sub("_", part) for part in place.split("/"))
            place = f"absolute{group}/{place}" if group else place
            taken[place] += 1
            if taken[place] > 1:
                place = f"{taken[place]}_of_a_name/{place}"
            places[path] = PurePosixPath(place)
    return places


def _is_absolute(name: str) -> bool:
    return name.startswith(("/", "~/"))


def _references(path: Path, home: Path | None) -> tuple[Reference, ...]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise TechnologyError(f"cannot read {path}: {error.strerror or error}") from None

    def where(position: int) -> str:
        number = data.count(b"\n", 0, position) + 1
        return f"{path}, line {number}"

    found = []
    within = None
    stop = len(data)
    for match in _DIRECTIVE.finditer(data):
        text = match[0].decode("latin-1").rstrip("\r")
        line = text.lstrip(" \t")
        start = match.start() + len(text) - len(line)
        if line.startswith("@"):
            stop = match.start()
            break
        if line.lower().startswith(".control"):
            raise TechnologyError(
                f"{where(start)}: a library must not run commands; remove the .control block"
            )
        if line.lower().startswith(".endl"):
            within = None
            continue
        continued = bool(_CONTINUED.match(data, match.end())) or line.rstrip().endswith("\\\\")
        section = line.lower().startswith(".lib")
        words = (_LIB if section else _INCLUDE).match(line)
        if section and words is None:
            continue  # ngspice ignores a .lib line without a name
        if section and words[2] is None and not continued:
            within = words[1].lower()
            continue
        if words is None:
            raise TechnologyError(f"{where(start)}: no file name in {line!r}")
        if section and continued:
            raise TechnologyError(f"{where(start)}: write {line!r} on one line, without a continuation")
        group = 1 if section else next(i for i in (1, 2, 3) if words[i] is not None)
        name = words[group]
        if not section and any(sign in name for sign in (";", "//", "$")):
            raise TechnologyError(
                f"{where(start)}: ngspice does not read {name!r} as a file name; rename the file"
            )
        target = _target(name, home if section and home is not None else path, section, where(start))
        span = (start + words.start(group), start + words.end(group))
        found.append(
            Reference(*span, name, target, where(start), words[2].lower() if section else None, within)
        )
    for match in _DATA_FILE.finditer(data, 0, stop):
        line = data[data.rfind(b"\n", 0, match.start()) + 1 :].split(b"\n", 1)[0].decode("latin-1").strip()
        if not line.startswith(("*", "#")):
            raise TechnologyError(
                f"{where(match.start())}: {line!r} names a data file, which the cache would not notice"
            )
    return tuple(found)


def _target(name: str, source: Path, section: bool, where: str) -> Path:
    """The file that ngspice opens for a name; `source` is the file from whose folder the name counts."""
    written = Path(os.fsdecode(name.encode("latin-1")))
    if name.startswith("~/"):
        try:
            written = written.expanduser()
        except RuntimeError:
            raise TechnologyError(f"{where}: {name!r} needs a home directory; set HOME") from None
    target = source.parent / written
    # ngspice resolves the links of a file that .lib opens, and only those.
    return target.resolve() if section else target.parent.resolve() / target.name


def copy_library(files: Sequence[LibraryFile], folder: Path) -> None:
    """Copy a library, so that ngspice opens the copies only (see `copied_bytes`).

    Args:
        files: from `library_files`.
        folder: folder of the copies.

    Raises:
        OSError: a file cannot be read or written.
    """
    for file, data in zip(files, copied_bytes(files), strict=True):
        copy = folder / file.place
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(data)


def copied_bytes(files: Sequence[LibraryFile]) -> tuple[bytes, ...]:
    """Content of the copy of each file.

    A copy has the bytes of its file, except for references that would not lead to the copy of their target
    (absolute names, `~/`, renamed files): those become relative.

    Args:
        files: from `library_files`.

    Raises:
        OSError: a file cannot be read.
    """
    places = {file.path: file.place for file in files}
    contents = []
    for file in files:
        data = file.path.read_bytes()
        for reference in reversed(file.references):
            if reference.target not in places:
                continue  # in a section that is not used
            wanted = places[reference.target]
            if reference.section:
                base = None if file.home is None else places[file.home].parent
            else:
                base = file.place.parent
            if base is None:
                name = f"../{COPY}/{wanted}"
            elif not _is_absolute(reference.name) and _joined(base, reference.name) == wanted:
                continue
            else:
                name = os.path.relpath(wanted, base)
            data = data[: reference.start] + _quoted(name, data, reference) + data[reference.end :]
        contents.append(data)
    return tuple(contents)


def _quoted(name: str, data: bytes, reference: Reference) -> bytes:
    """A name for the place of a written one, with quotes if it needs them and has none."""
    written = os.fsencode(name)
    bare = data[reference.start - 1 : reference.start] not in (b'"', b"'")
    return b'"' + written + b'"' if bare and not reference.section else written


def _joined(base: PurePosixPath, name: str) -> PurePosixPath:
    return PurePosixPath(os.path.normpath(base / os.fsdecode(name.encode("latin-1"))))
