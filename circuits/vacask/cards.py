"""Cards of a deck and of the libraries that it loads: logical lines, with their words and their origin."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ..errors import DeckError
from ..library import LibraryFile, library_files, signature

_WORD = re.compile(r"""\{[^}]*\}|'[^']*'|"[^"]*"|[^\s=(){}',"]+|[=(),]""")
_COMMENT = re.compile(r"(?:;|(?<=\s)\$(?=\s|$)|//).*$")
_LOADS = re.compile(r"^\.(lib|include|inc)\s+\"([^\"]+)\"(?:\s+(\S+))?\s*$", re.IGNORECASE)

_known: dict[tuple[Path, str], tuple[tuple[tuple[int, ...], ...], tuple[Card, ...]]] = {}
"""Cards of libraries with their `signature`, by library and section: as many as a process loads."""


@dataclass(frozen=True)
class Card:
    """One logical line of a netlist in lower case, its continuation lines joined."""

    text: str
    """The line, without comments."""
    origin: str
    """`deck` or the name of the library's file, and the number of the line."""

    @cached_property
    def kind(self) -> str:
        """First word of a directive (`.tran`), or the letter of an element."""
        if not self.text.startswith("."):
            return self.text[:1]
        word = self.text.split(maxsplit=1)[0]
        return ".param" if word.startswith(".para") else word  # ngspice looks at these five letters only

    @cached_property
    def parts(self) -> tuple[tuple[str, ...], dict[str, str]]:
        """Words without brackets, and values by name of all `name=value` pairs, as written."""
        words = [word for word in _WORD.findall(self.text) if word not in ("(", ")", ",")]
        positional, values, i = [], {}, 0
        while i < len(words):
            if words[i] == "=":
                raise self.refused("a name is missing before `=`")
            if i + 1 < len(words) and words[i + 1] == "=":
                if i + 2 >= len(words) or words[i + 2] == "=":
                    raise self.refused(f"{words[i]} has no value")
                values[words[i]] = words[i + 2]
                i += 3
            else:
                positional.append(words[i])
                i += 1
        return tuple(positional), values

    def refused(self, reason: object) -> DeckError:
        """Error that names the card: `reason` is a clause."""
        shown = self.text if len(self.text) <= 100 else f"{self.text[:97]}..."
        return DeckError(f"VACASK cannot take the card {shown!r} ({self.origin}): {reason}")


def read_cards(netlist: str) -> tuple[Card, ...]:
    """Cards of a deck without its title, with those of the libraries in place of the lines that load them.

    Args:
        netlist: deck with libraries by absolute paths, as `Technology.header` writes them.

    Raises:
        DeckError: a line that loads a library in another way.
        TechnologyError: a library has a reference that is refused (see `circuits.library`).
    """
    found: list[Card] = []
    _, _, body = netlist.partition("\n")
    for text, number in _logical_lines(body, first=2):
        if text[:4].lower() not in (".lib", ".inc"):
            # The name of a file keeps its letters.
            kept = text if text[:4].lower() == ".hdl" else text.lower()
            found.append(Card(kept, f"deck, line {number}"))
            continue
        match = _LOADS.match(text)
        if match is None or not Path(match[2]).is_absolute():
            raise Card(text, f"deck, line {number}").refused("name a library by its absolute path in quotes")
        found += _library_cards(Path(match[2]), (match[3] or "").lower())
    return tuple(found)


def _library_cards(library: Path, section: str) -> tuple[Card, ...]:
    files = library_files(library, [section])
    state = signature(files)
    known = _known.get((library, section))
    if known is None or known[0] != state:
        by_path = {file.path: file for file in files}
        known = state, tuple(_section_cards(by_path, library, section or None))
        _known[library, section] = known
    return known[1]


def _section_cards(files: Mapping[Path, LibraryFile], path: Path, section: str | None) -> Iterator[Card]:
    """Cards of one section of a file, or of a whole file that is included."""
    data = path.read_bytes()
    references = {data.count(b"\n", 0, ref.start) + 1: ref for ref in files[path].references}
    within = None
    for text, number in _logical_lines(data.decode("latin-1"), first=1):
        word = text.split(maxsplit=1)[0].lower()
        reference = references.get(number)
        active = section is None or within == section
        if word == ".lib" and (reference is None or reference.section is None):
            within = text.split()[1].strip("\"'").lower()
        elif word == ".endl":
            within = None
        elif active and reference is not None:
            yield from _section_cards(files, reference.target, reference.section)
        elif active:
            yield Card(text.lower(), f"{path.name}, line {number}")


def _logical_lines(text: str, first: int) -> Iterator[tuple[str, int]]:
    """Lines without comments, continuations joined, each with the number of its first line."""
    pending: list[str] = []
    start = 0
    for number, line in enumerate(text.splitlines(), start=first):
        bare = line.strip()
        if not bare or bare[0] in "*#$":
            continue
        if ("$" in bare or ";" in bare or "//" in bare) and not bare.lower().startswith((".lib", ".inc")):
            bare = _COMMENT.sub("", line).strip()
            if not bare:
                continue
        if bare.startswith("+"):
            pending.append(bare[1:])
            continue
        if pending:
            yield " ".join(pending), start
        pending, start = [bare], number
    if pending:
        yield " ".join(pending), start
