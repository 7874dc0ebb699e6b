"""Translation of a deck for ngspice into VACASK's input: flat, with numbers in place of all parameters.

Sub-circuits are expanded and expressions computed here, because VACASK's rules for parameters differ: the
default of a sub-circuit's parameter cannot be an expression that an instance overrides. Nodes and elements
get the names that ngspice gives them (`x0.xread.dn`, `m.x0.xwn.m0`), so that both simulators save the same
vectors. A card that is not understood is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import DeckError
from .analyses import Analysis, analysis_of, options_of, transient_options
from .cards import Card, read_cards
from .elements import Elements
from .scope import Scope, selected

_VECTOR = re.compile(r"([vi])\(([^()\s,]+)\)")
_INITIAL = re.compile(r"v\(([^()\s,]+)\)\s*=\s*(\S+)")
_NAME = re.compile(r"[\w$.:!()]+")

DEPTH = 50
"""Largest number of sub-circuits inside each other; one that contains itself exceeds it."""


@dataclass(frozen=True)
class Translation:
    """Input for VACASK, and how to read its results."""

    text: str
    """Content of the input file."""
    analysis: Analysis
    """The analysis, whose raw file is `<Analysis.name>.raw`."""


@dataclass(frozen=True)
class _Definition:
    """A sub-circuit."""

    card: Card
    ports: tuple[str, ...]
    defaults: dict[str, str]
    body: list[Card]


def translate(netlist: str) -> Translation:
    """Translate a deck.

    Args:
        netlist: deck with its libraries by absolute paths.

    Raises:
        DeckError: a card that is not understood; the message has the card, its file and line, and the reason.
        TechnologyError: a library has a reference that is refused (see `circuits.library`).
    """
    return _Translator(read_cards(netlist)).result()


class _Translator:
    """The state of one translation."""

    def __init__(self, cards: tuple[Card, ...]) -> None:
        self.definitions: dict[str, _Definition] = {}
        self.top = Scope()
        self.elements = Elements()
        self.options: dict[str, str] = {}
        self.saved: list[str] = []
        self.initial: list[tuple[str, float]] = []
        self.analyses: list[Analysis] = []
        cards = self._without_definitions(cards)
        for card in cards:
            if card.kind == ".param":
                self.top.declare(card)
            elif card.kind == ".hdl":
                self._load(card)
        body = selected(cards, self.top)
        for card in body:
            if card.kind == ".model":
                self.top.add_model(card)
        for card in body:
            try:
                self._take(card)
            except DeckError as error:
                raise _named(error, card) from None

    def result(self) -> Translation:
        """The input file."""
        if len(self.analyses) != 1:
            raise DeckError(
                f"VACASK cannot take a deck with {len(self.analyses)} analyses: it needs exactly one"
            )
        (analysis,) = self.analyses
        if analysis.axis == "time":
            self.options = transient_options(self.options)
        options = " ".join(f"{name}={value}" for name, value in self.options.items())
        control = [f"  options {options}"]
        saved = analysis.saves or self.saved
        control += [f"  save {' '.join(saved[i : i + 8])}" for i in range(0, len(saved), 8)]
        forced = "".join(f', "{node}", {volts!r}' for node, volts in self.initial)
        if forced and not analysis.takes_initial:
            raise DeckError("VACASK cannot take .ic without .tran; initial voltages need a transient")
        control += analysis.lines(f" ic={{{forced[2:]}}}" if forced else "")
        lines = ["translated deck", "ground '0'", 'include "builtins.inc"', *self.elements.declarations()]
        lines += [*self.elements.lines, "control", "  abort always", *control, "endc", ""]
        return Translation("\n".join(lines), analysis)

    def _without_definitions(self, cards: tuple[Card, ...]) -> list[Card]:
        """The cards outside of all sub-circuits, which are collected."""
        outside: list[Card] = []
        current: _Definition | None = None
        for card in cards:
            if card.kind == ".end":
                break
            if card.kind == ".subckt":
                if current is not None:
                    raise card.refused("a sub-circuit inside another one is not understood")
                (_, name, *ports), defaults = card.parts
                ports = [port for port in ports if port != "params:"]
                current = _Definition(card, tuple(ports), defaults, [])
                self.definitions[name] = current
            elif card.kind == ".ends":
                current = None
            else:
                (outside if current is None else current.body).append(card)
        return outside

    def _take(self, card: Card) -> None:
        """Translate one card of the deck's top level."""
        kind = card.kind
        if kind in (".param", ".model", ".title", ".hdl"):
            return
        if not kind.startswith("."):
            self._element(card, self.top, "", {})
        elif kind in (".options", ".option"):
            self.options |= options_of(card)
        elif kind == ".temp":
            self.options["temp"] = repr(self.top.evaluate(card.parts[0][1]))
        elif kind == ".save":
            self.saved += [self._vector(word) for word in card.text.split()[1:]]
        elif kind == ".ic":
            rest = card.text.split(maxsplit=1)[1]
            if _INITIAL.sub("", rest).strip():
                raise DeckError("only voltages v(node)=value can be initial conditions")
            self.initial += [(self._plain(n), self.top.evaluate(v)) for n, v in _INITIAL.findall(rest)]
        else:
            self.analyses.append(analysis_of(card, self.top.evaluate))

    def _load(self, card: Card) -> None:
        """A compiled module, as `Technology.header` writes it."""
        words = card.parts[0]
        if len(words) != 3:
            raise card.refused("it needs a file in quotes and the type of its models")
        self.elements.load(words[1].strip('"'), words[2])

    def _vector(self, word: str) -> str:
        match = _VECTOR.fullmatch(word)
        if match is None:
            raise DeckError(f"{word} is neither the voltage of a node nor the current of a voltage source")
        return f"{match[1]}('{self._plain(match[2])}')"

    def _plain(self, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise DeckError(f"the name {name!r} has a character that VACASK does not allow")
        return "0" if name == "gnd" else name

    def _element(self, card: Card, scope: Scope, path: str, ports: dict[str, str]) -> None:
        """Translate one element; `ports` maps the port names of the sub-circuit `path` to outer nodes."""

        def node(name: str) -> str:
            if name in ports:
                return ports[name]
            plain = self._plain(name)
            return plain if plain == "0" or not path else f"{path}.{plain}"

        words, values = card.parts
        own = self._plain(words[0])
        if card.kind != "x":
            name = f"{card.kind}.{path}.{own}" if path else own
            self.elements.add(card, name, node, scope)
            return
        *outer, target = words[1:]
        definition = self.definitions.get(target)
        if definition is None:
            raise DeckError(f"there is no sub-circuit {target!r}")
        if len(outer) != len(definition.ports):
            raise DeckError(f"{target} has {len(definition.ports)} ports, and {len(outer)} nodes are given")
        given = {name: scope.evaluate(text) for name, text in values.items()}
        # m multiplies every element of the instance unless the sub-circuit has a parameter of this name.
        if given.get("m", 1.0) != 1.0 and "m" not in definition.defaults:
            raise DeckError(f"{target} has no parameter m, by which its elements would be multiplied")
        if strange := given.keys() - definition.defaults.keys() - {"m"}:
            raise DeckError(f"{target} has no parameter {', '.join(sorted(strange))}")
        inner = Scope(scope, dict(definition.defaults), given)
        place = f"{path}.{own}" if path else own
        if place.count(".") > DEPTH:
            raise DeckError(f"{target} contains itself")
        self._expand(definition, inner, place, dict(zip(definition.ports, map(node, outer), strict=True)))

    def _expand(self, definition: _Definition, scope: Scope, path: str, ports: dict[str, str]) -> None:
        for card in definition.body:
            if card.kind == ".param":
                scope.declare(card)
        body = selected(definition.body, scope)
        for card in body:
            if card.kind == ".model":
                scope.add_model(card)
        for card in body:
            if card.kind in (".param", ".model"):
                continue
            try:
                if card.kind.startswith("."):
                    raise DeckError("it is not understood inside a sub-circuit")
                self._element(card, scope, path, ports)
            except DeckError as error:
                raise _named(error, card) from None


def _named(error: DeckError, card: Card) -> DeckError:
    """The error with its card, unless an inner card is named already."""
    return error if str(error).startswith("VACASK") else card.refused(error)
