"""Text that a user brings: files, folders and data sets, as documents in a fixed order.

A text is read once, document by document, and split into a training and a held-out side by document, so that
no document is on both. Documents are joined by a blank line, as in Hugging Face's recipe for perplexity.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import torch
from torch import Tensor

from ...circuits.errors import ModelError
from .corpus import HELD_OUT_FRACTION, Document
from .remote_code import reason_of
from .tokenizer import Tokenizer

SUFFIXES = (".txt", ".md", ".jsonl", ".parquet")
"""Endings of the files that are read from a folder."""
SEPARATOR = "\n\n"
"""Between documents."""
COLUMN = "text"
"""Field of a row that holds its text."""
ROWS = 64
"""Neighbouring rows of a table that lie on one side of the split: often they are lines of one document."""
LEAST_DOCUMENTS = 20
"""With fewer documents, the end of each is held out."""


@dataclass(frozen=True)
class TextSource:
    """A text that can be read from its beginning, any number of times."""

    name: str
    """What a record says of it."""
    documents: Callable[[], Iterator[Document]]
    """Its documents in their order. Rows that share a name lie on the same side of the split."""


@dataclass(frozen=True)
class Sides:
    """A text as tokens, split into two sides."""

    train: Tensor
    """Shape (n,), int64."""
    held_out: Tensor
    """Shape (m,), int64."""
    summary: dict[str, Any]
    """What a result states about its text: source, sizes, rule of the split, sha256 of both sides."""


def open_text(path: Path) -> TextSource:
    """A file, or all text files of a folder and its sub-folders in the order of their paths.

    Args:
        path: file or folder; `.txt` and `.md` are one document each, `.jsonl` and `.parquet` one per row.

    Raises:
        ModelError: there is nothing to read.
    """
    if path.is_dir():
        names = (p.relative_to(path) for p in path.rglob("*") if p.suffix in SUFFIXES and p.is_file())
        found = sorted(name for name in names if not any(part.startswith(".") for part in name.parts))
        if not found:
            raise ModelError(f"{path} has no text; give a folder with files of {', '.join(SUFFIXES)}")
        return TextSource(str(path), lambda: (d for name in found for d in _read(path / name, str(name))))
    if not path.exists():
        raise ModelError(f"there is no text {path}; give a file or a folder with {', '.join(SUFFIXES)}")
    return TextSource(str(path), lambda: _read(path, path.name))


def open_dataset(name: str, config: str | None = None, split: str = "train") -> TextSource:
    """A data set of the hub, or of a folder, streamed by the `datasets` library.

    Args:
        name: name or folder of the data set.
        config: its configuration; None: the only one.
        split: part of it, such as "train".

    Raises:
        ModelError: the library is missing, or it cannot open the data set.
    """
    try:
        import datasets
    except ImportError as error:
        raise ModelError(
            "reading a data set needs the package datasets: pip install gaincell[text]"
        ) from error
    datasets.disable_progress_bars()
    title = " ".join(part for part in (name, config, split) if part)

    def refused(error: Exception) -> ModelError:
        return ModelError(
            f"cannot read the data set {title!r} ({reason_of(error)}); correct its name, --dataset-config or "
            "--split, or, where this machine does not reach the hub, give files with --text"
        )

    def documents() -> Iterator[Document]:
        try:
            for number, row in enumerate(rows):
                yield Document(f"{number // ROWS}", _text_of(row, title))
        except ModelError:
            raise
        except Exception as error:  # network, archives and parsers: no common base class
            raise refused(error) from error

    try:
        rows = datasets.load_dataset(name, config, split=split, streaming=True)
    except Exception as error:
        raise refused(error) from error
    return TextSource(title, documents)


def joined(source: TextSource, most: int | None = None) -> str:
    """The documents of a text, with a blank line between them.

    Args:
        source: text to read.
        most: bytes after which reading stops; None: all.
    """
    parts, size = [], 0
    for document in source.documents():
        parts.append(document.text)
        size += len(document.text.encode()) + len(SEPARATOR)
        if most is not None and size >= most:
            break
    return SEPARATOR.join(parts)


def read_sides(source: TextSource, tokenizer: Tokenizer, most: int | None = None) -> Sides:
    """Read a text as tokens and split it.

    With `LEAST_DOCUMENTS` or more documents, `HELD_OUT_FRACTION` of them are held out, chosen by a hash of
    their names; with fewer, the last part of each.

    Args:
        source: text to read.
        tokenizer: tokenizer of the network.
        most: tokens after which reading stops; None: all.

    Raises:
        ModelError: the text cannot be read or is empty.
    """
    units: dict[str, list[Tensor]] = {}
    documents = tokens = 0
    blank = True
    for document in source.documents():
        ids = tokenizer.encode(document.text + SEPARATOR)
        units.setdefault(document.name, []).append(ids)
        documents, tokens = documents + 1, tokens + len(ids)
        blank = blank and not document.text.strip()
        if most is not None and tokens >= most:
            break
    if blank:
        raise ModelError(f"{source.name} holds no text; give another one")
    whole = {name: torch.cat(parts) for name, parts in units.items()}
    if len(whole) >= LEAST_DOCUMENTS:
        ranked = sorted(whole, key=lambda name: hashlib.sha256(name.encode("utf-8", "replace")).digest())
        chosen = set(ranked[: max(1, round(HELD_OUT_FRACTION * len(ranked)))])
        sides = [[ids for name, ids in whole.items() if (name in chosen) == out] for out in (False, True)]
        rule = f"{len(chosen)} of {len(whole)} documents or groups of {ROWS} rows"
    else:
        cuts = {name: round((1 - HELD_OUT_FRACTION) * len(ids)) for name, ids in whole.items()}
        sides = [
            [ids[: cuts[name]] for name, ids in whole.items()],
            [ids[cuts[name] :] for name, ids in whole.items()],
        ]
        rule = f"the last {HELD_OUT_FRACTION:.0%} of each document"
    train, held_out = (torch.cat(side) for side in sides)
    content = hashlib.sha256()
    for side in (train, held_out):
        content.update(side.numpy().tobytes() + b"\xff")
    summary = {
        "source": source.name,
        "sha256": content.hexdigest(),
        "documents": documents,
        "held_out": rule,
        "train_tokens": len(train),
        "held_out_tokens": len(held_out),
    }
    return Sides(train, held_out, summary)


def _read(path: Path, name: str) -> Iterator[Document]:
    try:
        if path.suffix == ".parquet":
            rows: Iterable[str] = _rows_of_parquet(path)
        elif path.suffix == ".jsonl":
            rows = _rows_of_jsonl(path)
        else:
            yield Document(name, path.read_text(encoding="utf-8"))
            return
        for number, text in enumerate(rows):
            yield Document(f"{name}#{number // ROWS}", text)
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"cannot read {path} as UTF-8 text ({error}); give another file") from error


def _rows_of_jsonl(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise ModelError(f"line {number} of {path} is no JSON ({error}); correct it") from error
            yield row if isinstance(row, str) else _text_of(row, f"line {number} of {path}")


def _rows_of_parquet(path: Path) -> Iterator[str]:
    try:
        with pyarrow.parquet.ParquetFile(path) as table:
            if COLUMN not in table.schema_arrow.names:
                known = ", ".join(table.schema_arrow.names)
                raise ModelError(f"{path} has no column {COLUMN!r} but {known}; rename the one with the text")
            for batch in table.iter_batches(columns=[COLUMN]):
                for row in batch.to_pylist():
                    yield _text_of(row, str(path))
    except pyarrow.ArrowException as error:
        raise ModelError(f"{path} is no Parquet file ({reason_of(error)}); give another file") from error


def _text_of(row: Any, where: str) -> str:
    text = row.get(COLUMN) if isinstance(row, dict) else None
    if not isinstance(text, str):
        known = f" but {', '.join(map(str, row))}" if isinstance(row, dict) else ""
        raise ModelError(f"{where} has no text in a field {COLUMN!r}{known}; rename the one with the text")
    return text
