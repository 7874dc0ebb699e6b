"""Parameters and models by scope, looked up as in ngspice: from an instance up through those around it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ..errors import DeckError
from .cards import Card
from .expression import number, parse


@dataclass
class Scope:
    """Parameters of the deck or of one instance of a sub-circuit; values are computed when asked for."""

    outer: Scope | None = None
    """Scope of the instance that has this one; None for that of the deck."""
    texts: dict[str, str] = field(default_factory=dict)
    """Expressions by name."""
    values: dict[str, float] = field(default_factory=dict)
    """Values by name, of those computed."""
    models: dict[str, list[Card]] = field(default_factory=dict)
    """Cards of the models, by name without the number of the bin."""
    pending: set[str] = field(default_factory=set)
    """Names whose value is being computed."""

    def declare(self, card: Card) -> None:
        """Add the parameters of a `.param` card; a later value of a name replaces an earlier one."""
        words, values = card.parts
        if len(words) > 1:
            raise card.refused(f"{words[1]!r} is not a parameter with a value")
        self.texts |= values

    def add_model(self, card: Card) -> None:
        """Add a `.model` card."""
        words = card.text.split(maxsplit=2)
        if len(words) < 3:
            raise card.refused("a model needs a name and a type")
        base, dot, number_of_bin = words[1].rpartition(".")
        name = base if dot and number_of_bin.isdigit() else words[1]
        self.models.setdefault(name, []).append(card)

    def lookup(self, name: str) -> float:
        """Value of a parameter of this scope or of one further out.

        Raises:
            DeckError: an unknown name, or a parameter that depends on itself.
        """
        if name in self.values:
            return self.values[name]
        if name not in self.texts:
            if self.outer is None:
                raise DeckError(f"there is no parameter {name!r}")
            return self.outer.lookup(name)
        if name in self.pending:
            raise DeckError(f"the parameter {name!r} depends on itself")
        self.pending.add(name)
        try:
            self.values[name] = self.evaluate(self.texts[name])
        finally:
            self.pending.discard(name)
        return self.values[name]

    def evaluate(self, text: str) -> float:
        """Value of a number or an expression.

        Raises:
            DeckError: see `expression`.
        """
        plain = number(text)
        return parse(text).value(self.lookup) if plain is None else plain

    def find_models(self, name: str) -> list[Card]:
        """Cards of a model, several for a binned one.

        Raises:
            DeckError: there is no such model.
        """
        if name in self.models:
            return self.models[name]
        if self.outer is None:
            raise DeckError(f"there is no model {name!r}")
        return self.outer.find_models(name)


def selected(cards: Iterable[Card], scope: Scope) -> list[Card]:
    """Cards that the `.if` blocks around them let through.

    Args:
        cards: cards of the deck or of a sub-circuit.
        scope: parameters of the conditions.

    Raises:
        DeckError: a condition that has no value, or blocks that do not match.
    """
    found: list[Card] = []
    # One entry per open block: whether its present branch counts, and whether a branch has counted already.
    blocks: list[tuple[bool, bool]] = []
    for card in cards:
        if card.kind == ".if":
            outer = all(active for active, _ in blocks)
            chosen = outer and _holds(card, scope)
            blocks.append((chosen, chosen or not outer))
        elif card.kind in (".elseif", ".else", ".endif") and not blocks:
            raise card.refused("it has no .if")
        elif card.kind in (".elseif", ".else"):
            done = blocks[-1][1]
            chosen = not done and (card.kind == ".else" or _holds(card, scope))
            blocks[-1] = (chosen, done or chosen)
        elif card.kind == ".endif":
            blocks.pop()
        elif all(active for active, _ in blocks):
            found.append(card)
    return found


def _holds(card: Card, scope: Scope) -> bool:
    try:
        return bool(scope.evaluate(card.text.split(maxsplit=1)[1]))
    except (DeckError, IndexError) as error:
        raise card.refused(error) from None
