"""VACASK as a second simulator: decks for ngspice, translated to its input."""

from .engine import VACASK
from .translate import Translation, translate

__all__ = ["VACASK", "Translation", "translate"]
