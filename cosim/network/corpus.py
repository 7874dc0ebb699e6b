"""Demo corpus: English text that every Python installation contains, as bytes.

Documents are the topics of `pydoc_data` (one each) and the docstrings of the standard library (one document
per source file). Sources are parsed, never imported. The text is never written to disk.

The split is by document, through a hash of the document's name, so that a module lies on the same side in
every Python version. Paragraphs that documents share (the language reference quotes itself at length) occur
once in the whole corpus, so no paragraph of the held-out side is in the training side.
"""

from __future__ import annotations

import ast
import hashlib
import platform
import re
import sysconfig
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

END_OF_DOCUMENT = 0
"""Byte between documents; NUL occurs in no text, so the vocabulary stays 256."""

VOCABULARY = 256
HELD_OUT_FRACTION = 0.06

_SKIPPED_FOLDERS = frozenset(
    {"site-packages", "dist-packages", "test", "tests", "idle_test", "__pycache__", "ensurepip"}
)
_REPEATABLE = 40  # characters: shorter paragraphs ("Usage:", "Return None.") are language, not content


@dataclass(frozen=True)
class Document:
    """One document: a name stable between Python versions, and its text."""

    name: str
    text: str


@dataclass(frozen=True)
class Corpus:
    """Both sides of the split as bytes, documents separated by `END_OF_DOCUMENT`."""

    train: bytes
    held_out: bytes
    train_documents: int
    held_out_documents: int
    python: str
    """Python version whose standard library was read."""

    @property
    def digest(self) -> str:
        """sha256 over both sides: equal digests mean equal text and equal split."""
        return hashlib.sha256(self.train + b"\xff" + self.held_out).hexdigest()

    def summary(self) -> dict[str, object]:
        """What a result must state about the text that it was measured on."""
        return {
            "python": self.python,
            "sha256": self.digest,
            "train_bytes": len(self.train),
            "held_out_bytes": len(self.held_out),
            "train_documents": self.train_documents,
            "held_out_documents": self.held_out_documents,
        }


def encode(text: str | bytes) -> torch.Tensor:
    """Text to token ids: the bytes of its UTF-8 form, shape (n,), int64."""
    data = text.encode("utf-8") if isinstance(text, str) else text
    return torch.from_numpy(np.frombuffer(data, dtype=np.uint8).astype(np.int64))


def decode(ids: Iterable[int] | torch.Tensor) -> str:
    """Token ids to text; bytes that form no UTF-8 become the replacement character."""
    return bytes(int(i) for i in ids).decode("utf-8", errors="replace")


def is_held_out(name: str, fraction: float = HELD_OUT_FRACTION) -> bool:
    """Whether the document of this name belongs to the held-out side."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4]) < fraction * 2**32


def split(
    documents: Iterable[Document], fraction: float = HELD_OUT_FRACTION
) -> tuple[list[Document], list[Document]]:
    """Train and held-out documents, after dropping paragraphs that an earlier document already has."""
    train: list[Document] = []
    held_out: list[Document] = []
    for document in _without_repeats(documents):
        (held_out if is_held_out(document.name, fraction) else train).append(document)
    return train, held_out


@lru_cache(maxsize=1)
def demo_corpus() -> Corpus:
    """The corpus of the running Python: about 2 MB, read afresh in each process."""
    train, held_out = split(stdlib_documents())
    return Corpus(_join(train), _join(held_out), len(train), len(held_out), platform.python_version())


def stdlib_documents() -> list[Document]:
    """Topics and docstrings of the running Python's standard library, ordered by name."""
    root = Path(sysconfig.get_path("stdlib"))
    documents = []
    for path in sorted(root.rglob("*.py")):
        relative = path.relative_to(root)
        if _SKIPPED_FOLDERS.isdisjoint(relative.parts):
            documents += _documents(path, relative.as_posix())
    return sorted(documents, key=lambda d: d.name)


def _documents(path: Path, name: str) -> list[Document]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # invalid escapes in other people's docstrings
            tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, UnicodeDecodeError):  # templates and deliberately broken files
        return []
    if name == "pydoc_data/topics.py":
        return [Document(f"topic/{key}", text) for key, text in _topics(tree).items()]
    text = "\n\n".join(_docstrings(tree))
    return [Document(name, text)] if text else []


def _topics(tree: ast.Module) -> dict[str, str]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict):
            return ast.literal_eval(node.value)
    return {}


def _docstrings(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            text = ast.get_docstring(node)
            if text and text.strip():
                yield text.strip()


def _without_repeats(documents: Iterable[Document]) -> Iterator[Document]:
    seen: set[str] = set()
    for document in documents:
        kept = []
        for paragraph in re.split(r"\n\s*\n", document.text.replace("\0", "")):
            key = " ".join(paragraph.split()).lower()
            if not key or (len(key) >= _REPEATABLE and key in seen):
                continue
            seen.add(key)
            kept.append(paragraph.strip("\n").rstrip())
        if kept:
            yield Document(document.name, "\n\n".join(kept) + "\n")


def _join(documents: Iterable[Document]) -> bytes:
    separator = bytes([END_OF_DOCUMENT])
    return b"".join(document.text.encode("utf-8", "ignore") + separator for document in documents)
