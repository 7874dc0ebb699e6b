"""Elements and models in VACASK's language."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import DeckError
from .cards import Card
from .expression import Expression, parse
from .scope import Scope

_BSIM4 = ("spice/bsim4v8.osdi", "sp_bsim4v8")
"""The port of ngspice's own BSIM4 code. The other bsim4v8.osdi of VACASK is Berkeley's Verilog-A, which reads
k1 and k2 differently and gives 2 to 4 times the current with cards made for ngspice."""

_MOS = {"1": ("spice/mos1.osdi", "sp_mos1"), "14": _BSIM4, "54": _BSIM4}
"""Module file and module of a transistor's model by its level."""

_PASSIVE = {
    "r": ("spice/resistor.osdi", "sp_resistor", "r"),
    "c": ("spice/capacitor.osdi", "sp_capacitor", "c"),
    "l": ("spice/inductor.osdi", "sp_inductor", "l"),
}
_BIN = ("lmin", "lmax", "wmin", "wmax")
_PULSE = ("val0", "val1", "delay", "rise", "fall", "width", "period")
_WAVEFORMS = ("sin", "exp", "sffm", "am", "trnoise", "trrandom", "external", "port")
_SWITCH = """subckt {name} (p n cp cn)
parameters ron=1 roff=1e12 vt=0
b (p n) i=v(p,n)/(v(cp,cn)>vt ? ron : roff)
ends"""

Node = Callable[[str], str]


class Elements:
    """The elements translated so far, with the modules and models that they need."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._modules: dict[str, None] = {}
        self._models: dict[tuple[str, tuple[tuple[str, str], ...]], str] = {}
        self._blocks: dict[str, str] = {}
        self._compiled: dict[str, str] = {}

    def declarations(self) -> list[str]:
        """Lines that load modules and define models and sub-circuits."""
        found = [f'load "{file}"' for file in self._modules]
        for (module, values), name in self._models.items():
            shown = " ".join(f"{key}={value}" for key, value in values)
            found.append(f"model {name} {module} ({shown})" if shown else f"model {name} {module}")
        return found + list(self._blocks.values())

    def load(self, file: str, kind: str) -> None:
        """Take models of a type from a compiled Verilog-A module of the same name."""
        self._compiled[kind] = file

    def add(self, card: Card, name: str, node: Node, scope: Scope) -> None:
        """Translate one element.

        Args:
            card: its card.
            name: its name in ngspice.
            node: name in ngspice of a node of the card.
            scope: parameters and models.

        Raises:
            DeckError: a card that is not understood.
        """
        writers = {"v": self._source, "i": self._source, "m": self._transistor, "n": self._transistor}
        writers |= {"e": self._controlled, "g": self._controlled}
        writers |= {"f": self._current_controlled, "h": self._current_controlled}
        writers |= {"s": self._switch, "b": self._behaviour, "r": self._passive, "c": self._passive}
        writers |= {"l": self._passive}
        if card.kind not in writers:
            raise DeckError("elements of this kind are not understood")
        writers[card.kind](card, name, node, scope)

    def _write(self, name: str, nodes: list[str], master: str, values: dict[str, str]) -> None:
        shown = " ".join(f"{key}={value}" for key, value in values.items())
        places = " ".join(f"'{place}'" for place in nodes)
        self.lines.append(f"'{name}' ({places}) {master} {shown}".rstrip())

    def _model(self, file: str, module: str, values: dict[str, str]) -> str:
        """Name of a model; equal ones are one."""
        self._modules[file] = None
        key = (module, tuple(values.items()))
        return self._models.setdefault(key, f"model{len(self._models)}")

    def _passive(self, card: Card, name: str, node: Node, scope: Scope) -> None:
        words, values = card.parts
        if len(words) != 4 or values:
            raise DeckError("it needs two nodes and a value, and nothing else")
        file, module, parameter = _PASSIVE[card.kind]
        value = repr(scope.evaluate(words[3]))
        self._write(name, list(map(node, words[1:3])), self._model(file, module, {}), {parameter: value})

    def _controlled(self, card: Card, name: str, node: Node, scope: Scope) -> None:
        words, values = card.parts
        if len(words) != 6 or values:
            raise DeckError("it needs four nodes and a gain, and nothing else")
        master = {"e": "vcvs", "g": "vccs"}[card.kind]
        self._write(name, list(map(node, words[1:5])), master, {"gain": repr(scope.evaluate(words[5]))})

    def _current_controlled(self, card: Card, name: str, node: Node, scope: Scope) -> None:
        words, values = card.parts
        if len(words) != 5 or values or "." in name:
            raise DeckError("it needs two nodes, a source and a gain, at the top of the deck")
        master, gain = {"f": "cccs", "h": "ccvs"}[card.kind], repr(scope.evaluate(words[4]))
        self._write(name, list(map(node, words[1:3])), master, {"ctlinst": f'"{words[3]}"', "gain": gain})

    def _source(self, card: Card, name: str, node: Node, scope: Scope) -> None:
        words, values = card.parts
        if len(words) < 4 or values:
            raise DeckError("it needs two nodes and a value, and nothing else")
        nodes, rest = list(map(node, words[1:3])), list(words[3:])
        master = {"v": "vsource", "i": "isource"}[card.kind]
        if rest[0] in ("pwl", "pulse"):
            numbers = [repr(scope.evaluate(word)) for word in rest[1:]]
            given = {"type": f'"{rest[0]}"'}
            if rest[0] == "pwl" and numbers and len(numbers) % 2 == 0:
                given["wave"] = f"[{', '.join(numbers)}]"
            elif rest[0] == "pulse" and len(numbers) == len(_PULSE):
                given |= dict(zip(_PULSE, numbers, strict=True))
            else:
                raise DeckError(f"{rest[0]} with {len(numbers)} numbers is not understood")
            self._write(name, nodes, master, given)
            return
        given = {}
        if rest[0] in _WAVEFORMS:
            raise DeckError(f"the waveform {rest[0]} is not understood; a source is dc, ac, pwl or pulse")
        if rest[0] != "dc" and rest[0] != "ac":
            given["dc"] = repr(scope.evaluate(rest.pop(0)))
        while rest:
            key = {"dc": "dc", "ac": "mag"}.get(rest[0])
            if key is None or len(rest) < 2:
                raise DeckError(f"{rest[0]!r} is not understood; a source is dc, ac, pwl or pulse")
            given[key] = repr(scope.evaluate(rest[1]))
            rest = rest[2:]
        self._write(name, nodes, master, given)

    def _transistor(self, card: Card, name: str, node: Node, scope: Scope) -> None:
        words, values = card.parts
        if len(words) != 6:
            raise DeckError("a transistor needs four nodes and a model")
        sizes = {key: scope.evaluate(text) for key, text in values.items()}
        (file, module), given = self._chosen(words[5], sizes, scope)
        model = self._model(file, module, given)
        shown = {"$mfactor" if key == "m" else key: repr(value) for key, value in sizes.items()}
        self._write(name, list(map(node, words[1:5])), model, shown)

    def _chosen(self, name: str, sizes: dict[str, float], scope: Scope):
        """Module and values of the model of a transistor, of the bin that fits if it has several cards."""
        cards = scope.find_models(name)
        if len(cards) > 1 or "lmin" in cards[0].parts[1]:
            cards = [card for card in cards if _fits(card, sizes, scope)]
            if not cards:
                raise DeckError(f"the model {name} has no bin for w={sizes.get('w')} l={sizes.get('l')}")
        card = cards[0]
        words, texts = card.parts
        try:
            return _module(words[2], dict(texts), scope, self._compiled)
        except DeckError as error:
            raise card.refused(error) from None

    def _switch(self, card: Card, name: str, node: Node, scope: Scope) -> None:
        words, values = card.parts
        if len(words) not in (6, 7) or values or words[6:] not in ((), ("on",), ("off",)):
            raise DeckError("a switch needs four nodes and a model")
        model = scope.find_models(words[5])[0]
        (_, _, kind, *more), texts = model.parts
        given = {key: scope.evaluate(text) for key, text in texts.items()}
        if kind != "sw" or more or given.pop("vh", 0.0) != 0.0 or given.keys() - {"ron", "roff", "vt"}:
            raise model.refused("a switch needs a model sw with ron, roff and vt, without hysteresis")
        self._blocks.setdefault("switch", _SWITCH.format(name="switch"))
        self._write(name, list(map(node, words[1:5])), "switch", {k: repr(v) for k, v in given.items()})

    def _behaviour(self, card: Card, name: str, node: Node, scope: Scope) -> None:
        """A sub-circuit around VACASK's behavioural source: one for all sources of the same expression."""
        head, sign, body = card.text.partition("=")
        words = head.split()
        if len(words) != 4 or not sign or words[3] not in ("i", "v"):
            raise DeckError("a behavioural source needs two nodes and i=... or v=..., and nothing else")
        ports: dict[str, str] = {words[1]: "p"}
        ports.setdefault(words[2], "n")
        parameters: dict[str, str] = {}

        def spelled_name(parameter: str) -> str:
            if parameter == "temper":
                return "$temp"
            parameters[f"k_{parameter}"] = repr(scope.lookup(parameter))
            return f"k_{parameter}"

        def spelled_probe(tree: tuple) -> str:
            if tree[1] != "v" or not all(isinstance(part, tuple) and part[0] == "name" for part in tree[2:]):
                raise DeckError("only voltages v(node) and v(node,node) are understood in an expression")
            return f"v({', '.join(ports.setdefault(part[1], f'q{len(ports)}') for part in tree[2:])})"

        expression: Expression = parse(body)
        text = f"b (p n) {words[3]}={expression.spelled(spelled_name, spelled_probe)}"
        if "n" not in ports.values():
            raise DeckError("both of its nodes are the same")
        known = self._blocks.get(text)
        block = known.split()[1] if known else f"behaviour{len(self._blocks)}"
        head = f"subckt {block} ({' '.join(ports.values())})"
        declared = [f"parameters {' '.join(f'{key}=0' for key in parameters)}"] if parameters else []
        self._blocks[text] = "\n".join([head, *declared, text, "ends"])
        self._write(name, list(map(node, ports)), block, parameters)


def _fits(card: Card, sizes: dict[str, float], scope: Scope) -> bool:
    """Whether a bin is for a width and length, its limits included."""
    low_l, high_l, low_w, high_w = (scope.evaluate(card.parts[1][key]) for key in _BIN)
    width = sizes["w"] / sizes.get("nf", 1.0)
    close = 1e-9
    return low_l * (1 - close) <= sizes["l"] <= high_l * (1 + close) and (
        low_w * (1 - close) <= width <= high_w * (1 + close)
    )


def _module(
    kind: str, texts: dict[str, str], scope: Scope, compiled: dict[str, str]
) -> tuple[tuple[str, str], dict[str, str]]:
    """Module and values of a model card; `compiled` has the files of further modules by type.

    Raises:
        DeckError: a type, level or version that VACASK does not have.
    """
    if kind in compiled:
        return (compiled[kind], kind), {key: repr(scope.evaluate(text)) for key, text in texts.items()}
    if kind not in ("nmos", "pmos"):
        raise DeckError(
            f"models of the type {kind} are not understood; compile its Verilog-A code with openvaf-r and "
            "name the file in `modules` of the technology"
        )
    level = f"{scope.evaluate(texts.pop('level', '1')):g}"
    if level not in _MOS:
        raise DeckError(f"level={level} is not understood; it has levels {', '.join(_MOS)}")
    version = texts.pop("version", "4.8")
    if _MOS[level] is _BSIM4 and not version.startswith("4.8"):
        raise DeckError(f"its BSIM4 is version 4.8, and the card is for version {version}; use ngspice")
    for key in _BIN:
        texts.pop(key, None)
    values = {key: repr(scope.evaluate(text)) for key, text in texts.items()}
    return _MOS[level], {"type": "1" if kind == "nmos" else "-1", **values}
