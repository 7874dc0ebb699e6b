"""Analyses and options of a deck in VACASK's language, and the names that ngspice gives the results."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from ..errors import DeckError
from ..rawfile import Waveforms
from .cards import Card
from .expression import number

NAME = "deck"
"""Name of the analysis in the input file, and of its raw file."""

SWEEP = "swept.(value)"
"""Name of the axis of a sweep, which no node can have."""

_OPTIONS = {
    "reltol": "reltol",
    "vntol": "vntol",
    "chgtol": "chgtol",
    "gmin": "gmin",
    "abstol": "abstol",
    "itl1": "op_itl",
    "itl4": "tran_itl",
    "bypass": "nr_bypass",
}
"""Options of ngspice and their counterparts."""

ABSTOL = 1e-12
"""Smallest abstol of a transient, A. Without a check of the residual it is only the tolerance of the
currents of voltage sources, which at 1e-15 A is below their rounding error and stops a transient. The
voltages of the nodes, and with them what leaks from a cell, have `vntol`. Other analyses check the residual
and take the deck's: where sources fix all voltages, nothing else makes a sub-threshold current converge."""

_METHODS = {"trap": '"trap"', "gear": '"gear2"'}
_TRTOL = 2.0
"""ngspice's default trtol, 7, over VACASK's default tran_lteratio, 3.5: both divide the truncation error."""

_FLOW = re.compile(r"(.+):flow\(br\)")


@dataclass(frozen=True)
class Analysis:
    """One analysis."""

    plot: str
    """Name of the plot as ngspice writes it."""
    axis: str
    """Name of its axis; empty for an operating point."""
    commands: tuple[str, ...]
    """Commands of the control block, in order."""
    takes_initial: bool = False
    """Whether initial conditions can be added to the last command."""
    saves: list[str] = field(default_factory=list)
    """What to save in place of the deck's vectors."""

    def lines(self, initial: str) -> list[str]:
        """Lines of the control block; `initial` is added to the last one."""
        return [f"  {line}" for line in (*self.commands[:-1], self.commands[-1] + initial)]

    def renamed(self, waves: Waveforms) -> Waveforms:
        """The result with the names, plot and axis that ngspice would give it."""
        if self.axis == "frequency":
            return replace(waves, plot=self.plot, axis_name=self.axis, signals=_noise(waves.signals))
        vectors = dict(waves.signals)
        axis = vectors.pop(SWEEP, waves.axis)
        return Waveforms(self.plot, self.axis, axis, {_vector(name): v for name, v in vectors.items()})


def _vector(name: str) -> str:
    match = _FLOW.fullmatch(name)
    return f"v({name})" if match is None else f"i({match[1]})"


def _noise(signals: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Spectra in V per root hertz from the powers that VACASK writes."""
    output, gain = np.abs(signals["onoise"]), np.abs(signals["gain"])
    return {"onoise_spectrum": np.sqrt(output), "inoise_spectrum": np.sqrt(output / gain)}


def options_of(card: Card) -> dict[str, str]:
    """VACASK's options for those of an `.options` card.

    Raises:
        DeckError: an option without a counterpart.
    """
    found = {}
    words, values = card.parts
    if len(words) > 1:
        raise DeckError(f"the option {words[1]} is not understood")
    for name, value in values.items():
        if name == "method":
            if value not in _METHODS:
                raise DeckError(f"the method {value} is not understood; use one of {', '.join(_METHODS)}")
            found["tran_method"] = _METHODS[value]
            continue
        amount = number(value)
        if amount is None:
            raise DeckError(f"the option {name}={value} is not a number")
        if name == "trtol":
            found["tran_lteratio"] = repr(amount / _TRTOL)
        elif name == "minbreak":
            continue  # merges breakpoints closer than this; VACASK keeps them all
        elif name in _OPTIONS:
            whole = name in ("itl1", "itl4", "bypass")
            found[_OPTIONS[name]] = str(int(amount)) if whole else repr(amount)
        else:
            raise DeckError(f"the option {name} is not understood")
    return found


def transient_options(options: dict[str, str]) -> dict[str, str]:
    """Options of a transient, from those that hold for any analysis.

    ngspice has no check of the residual, which at its small abstol stops a transient. Between two
    breakpoints, tran_fbr limits the steps and with them the error of the first one after an edge: at the
    default, 0.25, it is larger than that of ngspice; 0.05 costs a tenth more time.
    """
    found = {"nr_residualcheck": "0", "tran_fbr": "0.05", **options}
    if "abstol" in found:
        found["abstol"] = repr(max(float(found["abstol"]), ABSTOL))
    return found


def analysis_of(card: Card, evaluate: Callable[[str], float]) -> Analysis:
    """The analysis of a card.

    Args:
        card: `.tran`, `.dc`, `.op` or `.noise`.
        evaluate: value of a word.

    Raises:
        DeckError: another card, or words that are not understood.
    """
    words, values = card.parts
    if card.kind == ".op" and len(words) == 1:
        return Analysis("Operating Point", "", (f"analysis {NAME} op",))
    if card.kind == ".tran" and len(words) in (3, 4, 5) and not values:
        step, stop, start, longest = (*map(evaluate, words[1:]), *(0.0, 0.0))[:4]
        command = f"analysis {NAME} tran step={step!r} stop={stop!r} start={start!r}"
        # ngspice's largest step without a given one: a fiftieth of the time or the print step.
        longest = longest or min((stop - start) / 50, step)
        return Analysis(
            "Transient Analysis", "time", (f'{command} maxstep={longest!r} icmode="op"',), takes_initial=True
        )
    if card.kind == ".dc" and len(words) == 5 and words[1].startswith("v"):
        first, last, step = map(evaluate, words[2:])
        instance = f'instance="{words[1]}" parameter="dc"'
        sweep = f"sweep '{SWEEP}' {instance} from={first!r} to={last!r} step={step!r}"
        return Analysis("DC transfer characteristic", "v-sweep", (sweep, f"analysis {NAME} op"))
    if card.kind == ".noise" and len(words) == 8 and words[1] == "v" and words[4] in ("dec", "oct", "lin"):
        count, low, high = map(evaluate, words[5:])
        command = (
            f'analysis {NAME} noise out="{words[2]}" in="{words[3]}" from={low!r} to={high!r} '
            f'mode="{words[4]}" points={int(count)}'
        )
        return Analysis("Noise Spectral Density", "frequency", (command,), saves=[f"n('{words[3]}')"])
    raise DeckError("it is not understood; an analysis is .op, .tran, .dc of one voltage source, or .noise")
