"""Logic functions in Liberty's syntax: as truth values and as Verilog."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

from ..errors import ToolError

_TOKEN = re.compile(r"\s*([A-Za-z_][\w.]*|[01]|[!&|^*+()'])")

Tree = tuple
"""Node: ("pin", name), ("not", tree), ("and" | "or" | "xor", tree, tree), ("0",), ("1",)."""


@lru_cache(maxsize=4096)
def parsed(text: str) -> Tree:
    """Syntax tree of a function. Precedence: `'` and `!`, `^`, `&`, `*` and blank, `|` and `+`.

    Args:
        text: the function, not empty.

    Raises:
        ToolError: it is no function of Liberty.
    """
    tokens, place = [], 0
    while place < len(text.rstrip()):
        match = _TOKEN.match(text, place)
        if match is None:
            raise ToolError(f"{text!r} is no logic function; write the library with: gaincell liberty")
        tokens.append(match[1])
        place = match.end()
    try:
        tree, rest = _either(tokens)
    except IndexError:
        rest = ["end"]
    if rest:
        raise ToolError(f"{text!r} is no logic function; write the library with: gaincell liberty")
    return tree


def _either(tokens: list[str]) -> tuple[Tree, list[str]]:
    tree, tokens = _both(tokens)
    while tokens and tokens[0] in "|+":
        right, tokens = _both(tokens[1:])
        tree = ("or", tree, right)
    return tree, tokens


def _both(tokens: list[str]) -> tuple[Tree, list[str]]:
    tree, tokens = _different(tokens)
    while tokens and tokens[0] not in "|+)^'":
        right, tokens = _different(tokens[1:] if tokens[0] in "&*" else tokens)
        tree = ("and", tree, right)
    return tree, tokens


def _different(tokens: list[str]) -> tuple[Tree, list[str]]:
    tree, tokens = _factor(tokens)
    while tokens and tokens[0] == "^":
        right, tokens = _factor(tokens[1:])
        tree = ("xor", tree, right)
    return tree, tokens


def _factor(tokens: list[str]) -> tuple[Tree, list[str]]:
    first, rest = tokens[0], tokens[1:]
    if first == "!":
        tree, rest = _factor(rest)
        tree = ("not", tree)
    elif first == "(":
        tree, rest = _either(rest)
        if rest[0] != ")":
            raise IndexError
        rest = rest[1:]
    elif first in "01":
        tree = (first,)
    elif first[0].isalpha() or first[0] == "_":
        tree = ("pin", first)
    else:
        raise IndexError
    while rest and rest[0] == "'":
        tree, rest = ("not", tree), rest[1:]
    return tree, rest


def holds(tree: Tree, levels: Mapping[str, int]) -> bool:
    """Truth of a function.

    Args:
        tree: the function.
        levels: level of each pin.

    Raises:
        KeyError: a pin without level.
    """
    kind, *parts = tree
    if kind == "pin":
        return bool(levels[parts[0]])
    if kind == "not":
        return not holds(parts[0], levels)
    if kind in "01":
        return kind == "1"
    left, right = (holds(part, levels) for part in parts)
    return {"and": left and right, "or": left or right, "xor": left != right}[kind]


def verilog(tree: Tree) -> str:
    """A function as a Verilog expression."""
    kind, *parts = tree
    if kind == "pin":
        return str(parts[0])
    if kind == "not":
        return f"~{verilog(parts[0])}"
    if kind in "01":
        return f"1'b{kind}"
    sign = {"and": "&", "or": "|", "xor": "^"}[kind]
    return f"({verilog(parts[0])} {sign} {verilog(parts[1])})"


def pins(tree: Tree) -> Iterator[str]:
    """Pins that a function names."""
    kind, *parts = tree
    if kind == "pin":
        yield parts[0]
    for part in parts:
        if isinstance(part, tuple):
            yield from pins(part)
