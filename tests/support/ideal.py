"""Ideal elements in place of a circuit's transistors, so that a deck has results in closed form."""

import re
from dataclasses import replace

from gaincell.circuits.runner import Simulation


def with_ideal(simulation: Simulation, subcircuit: str, *lines: str) -> Simulation:
    """Replace the body of a sub-circuit in a deck by `lines`; its ports and parameters stay."""
    head = rf"^\.subckt {subcircuit} [^\n]*\n(?:\+[^\n]*\n)*"
    pattern = re.compile(rf"({head}).*?^\.ends {subcircuit}$", re.IGNORECASE | re.MULTILINE | re.DOTALL)
    body = "\n".join(lines)
    deck, count = pattern.subn(lambda m: f"{m[1]}{body}\n.ends {subcircuit}", simulation.netlist)
    assert count == 1, f"{subcircuit} is defined {count} times"
    return replace(simulation, netlist=deck)
