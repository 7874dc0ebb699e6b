"""Expressions of SPICE netlists: parsed, evaluated to numbers, or spelled in VACASK's language.

Source of the rules: ngspice 39 manual, sections 2.1.4 (numbers), 2.10.1 (.param) and 5.1 (B sources).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from ..errors import DeckError

_SCALES = {
    "t": 1e12,
    "g": 1e9,
    "meg": 1e6,
    "k": 1e3,
    "mil": 25.4e-6,
    "m": 1e-3,
    "u": 1e-6,
    "n": 1e-9,
    "p": 1e-12,
    "f": 1e-15,
}
"""Scale factors. ngspice 39 has none for `a`: the letter of `1A` is a unit."""
_NUMBER = re.compile(r"(\d+\.?\d*(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?)([a-z]*)")
_TOKEN = re.compile(
    rf"\s*(?:(?P<number>{_NUMBER.pattern})|(?P<name>[a-z_][\w.]*)|(?P<sign>\*\*|[<>=!]=|&&|\|\||\S))"
)

FUNCTIONS: dict[str, Callable[..., float]] = {
    "abs": abs,
    "sqrt": math.sqrt,
    "exp": math.exp,
    "ln": math.log,
    "log": math.log,
    "log10": math.log10,
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "tanh": math.tanh,
    "min": min,
    "max": max,
    "floor": math.floor,
    "ceil": math.ceil,
    "int": math.trunc,
}
"""Functions that have one meaning in ngspice's parameters, in its B sources and in VACASK."""

_BINARY: dict[str, tuple[int, Callable[[float, float], float]]] = {
    "||": (1, lambda a, b: float(bool(a) or bool(b))),
    "&&": (2, lambda a, b: float(bool(a) and bool(b))),
    "==": (3, lambda a, b: float(a == b)),
    "!=": (3, lambda a, b: float(a != b)),
    "<": (4, lambda a, b: float(a < b)),
    ">": (4, lambda a, b: float(a > b)),
    "<=": (4, lambda a, b: float(a <= b)),
    ">=": (4, lambda a, b: float(a >= b)),
    "+": (5, lambda a, b: a + b),
    "-": (5, lambda a, b: a - b),
    "*": (6, lambda a, b: a * b),
    "/": (6, lambda a, b: a / b),
    "**": (8, lambda a, b: math.pow(a, b)),
}
"""Binary operators with their precedence."""

_UNARY = 7
"""Precedence of a sign: below that of the power."""


@dataclass(frozen=True)
class Expression:
    """A parsed expression.

    A node of its tree is a number, or a tuple: ("name", name), ("call", function, arguments...),
    (operator, operands...).
    """

    tree: float | tuple

    def value(self, lookup: Callable[[str], float]) -> float:
        """Evaluate it.

        Args:
            lookup: value of a name; raises `DeckError` for an unknown one.

        Raises:
            DeckError: an unknown name or function, or an operation without a result.
        """
        try:
            return float(_value(self.tree, lookup))
        except (ArithmeticError, ValueError, TypeError) as error:
            raise DeckError(f"the expression has no value ({error})") from None

    def spelled(self, name: Callable[[str], str], probe: Callable[[tuple], str]) -> str:
        """Write it in VACASK's language.

        Args:
            name: spelling of a name.
            probe: spelling of v(...) or i(...), from its tree.

        Raises:
            DeckError: an unknown function.
        """
        return _spelled(self.tree, name, probe)


def number(text: str) -> float | None:
    """Value of a SPICE number with its scale factor and unit, such as `10n`; None for other text."""
    match = re.fullmatch(rf"([+-]?)(?:{_NUMBER.pattern})", text.lower())
    return None if match is None else (-1.0 if match[1] == "-" else 1.0) * _scaled(match[2], match[3])


def _scaled(digits: str, letters: str) -> float:
    for name in ("meg", "mil"):
        if letters.startswith(name):
            return float(digits) * _SCALES[name]
    # One division for a negative power of ten: 780n is then the number nearest to it, as in ngspice.
    scale = _SCALES.get(letters[:1], 1.0)
    return float(digits) / round(1 / scale) if scale < 1 else float(digits) * scale


@lru_cache(maxsize=65536)
def parse(text: str) -> Expression:
    """Parse an expression, with or without its braces or quotes.

    Raises:
        DeckError: text that is not an expression.
    """
    bare = text.strip().lower()
    if (bare.startswith("{") and bare.endswith("}")) or (bare.startswith("'") and bare.endswith("'")):
        bare = bare[1:-1]
    parser = _Parser(bare)
    tree = parser.ternary()
    if parser.kind is not None:
        raise DeckError(f"{parser.word!r} is not understood in the expression {text!r}")
    return Expression(tree)


class _Parser:
    """Recursive descent over the tokens of one expression."""

    def __init__(self, text: str) -> None:
        self.text, self.position = text, 0
        self.advance()

    def advance(self) -> None:
        match = _TOKEN.match(self.text, self.position)
        if match is None:
            self.kind, self.word = None, ""
            return
        self.kind, self.word, self.position = match.lastgroup, match[match.lastgroup], match.end()

    def take(self, sign: str) -> None:
        if self.word != sign:
            raise DeckError(f"{sign!r} is missing in the expression {self.text!r}")
        self.advance()

    def ternary(self):
        condition = self.binary(1)
        if self.word != "?":
            return condition
        self.advance()
        chosen = self.ternary()
        self.take(":")
        return ("?:", condition, chosen, self.ternary())

    def binary(self, lowest: int):
        left = self.unary()
        while True:
            sign = "**" if self.word == "^" else self.word
            if self.kind != "sign" or sign not in _BINARY or _BINARY[sign][0] < lowest:
                return left
            self.advance()
            left = (sign, left, self.binary(_BINARY[sign][0] + 1))

    def unary(self):
        if self.kind == "sign" and self.word in "+-!":
            sign = self.word
            self.advance()
            operand = self.binary(_UNARY)
            return operand if sign == "+" else (f"{sign}x", operand)
        return self.primary()

    def primary(self):
        kind, word = self.kind, self.word
        self.advance()
        if kind == "number":
            digits, letters = _NUMBER.fullmatch(word).groups()
            return _scaled(digits, letters)
        if word == "(":
            inner = self.ternary()
            self.take(")")
            return inner
        if kind != "name":
            raise DeckError(f"a value is missing in the expression {self.text!r}")
        if self.word != "(":
            return ("name", word)
        self.advance()
        arguments = [self.ternary()]
        while self.word == ",":
            self.advance()
            arguments.append(self.ternary())
        self.take(")")
        return ("call", word, *arguments)


def _value(tree, lookup: Callable[[str], float]) -> float:
    if not isinstance(tree, tuple):
        return tree
    kind, *parts = tree
    if kind == "name":
        return lookup(parts[0])
    if kind == "?:":
        return _value(parts[1] if _value(parts[0], lookup) else parts[2], lookup)
    if kind == "call":
        return _function(parts[0])(*(_value(part, lookup) for part in parts[1:]))
    values = [_value(part, lookup) for part in parts]
    if kind == "-x":
        return -values[0]
    return float(not values[0]) if kind == "!x" else _BINARY[kind][1](*values)


def _function(name: str) -> Callable[..., float]:
    if name not in FUNCTIONS:
        raise DeckError(f"the function {name}() is not understood; use one of {', '.join(FUNCTIONS)}")
    return FUNCTIONS[name]


def _spelled(tree, name: Callable[[str], str], probe: Callable[[tuple], str]) -> str:
    if not isinstance(tree, tuple):
        return repr(float(tree))
    kind, *parts = tree
    if kind == "name":
        return name(parts[0])
    if kind == "call" and parts[0] in ("v", "i"):
        return probe(tree)
    if kind == "call":
        _function(parts[0])
        return f"{parts[0]}({', '.join(_spelled(part, name, probe) for part in parts[1:])})"
    words = [_spelled(part, name, probe) for part in parts]
    if kind == "?:":
        return f"({words[0]} ? {words[1]} : {words[2]})"
    return f"({kind[0]}{words[0]})" if kind in ("-x", "!x") else f"({words[0]}{kind}{words[1]})"
