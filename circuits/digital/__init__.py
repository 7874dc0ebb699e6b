"""The digital periphery: its Verilog blocks, their Python models, and the tools that run on them."""

from .blocks import Block, Periphery, blocks
from .sequence import Sequence
from .simulation import Stimuli, simulate

__all__ = ["Block", "Periphery", "Sequence", "Stimuli", "blocks", "simulate"]
