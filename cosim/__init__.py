"""What it is for: the attention layer, model conversion, adaptation, evaluation, ledger and reports.

Names are imported on first use, so that `gaincell --help` does not wait for torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .accounting import account
    from .attention import SubTile, Trace, gain_cell_attention, trace_attention
    from .cache import LevelCache
    from .conversion import convert
    from .effects import Effects
    from .layer import GainCellAttention, gain_cell_layers, put_on_chip, record_traces
    from .ledger import BASELINES, Baseline, Hold, Ledger, LedgerEntry
    from .levels import levels_of, volts_of
    from .pretrained import from_pretrained, is_converted, save_pretrained

_HOME = {
    "BASELINES": "ledger",
    "Baseline": "ledger",
    "Effects": "effects",
    "GainCellAttention": "layer",
    "Hold": "ledger",
    "Ledger": "ledger",
    "LedgerEntry": "ledger",
    "LevelCache": "cache",
    "SubTile": "attention",
    "Trace": "attention",
    "account": "accounting",
    "convert": "conversion",
    "from_pretrained": "pretrained",
    "gain_cell_attention": "attention",
    "gain_cell_layers": "layer",
    "is_converted": "pretrained",
    "levels_of": "levels",
    "put_on_chip": "layer",
    "record_traces": "layer",
    "save_pretrained": "pretrained",
    "trace_attention": "attention",
    "volts_of": "levels",
}

__all__ = [
    "BASELINES",
    "Baseline",
    "Effects",
    "GainCellAttention",
    "Hold",
    "Ledger",
    "LedgerEntry",
    "LevelCache",
    "SubTile",
    "Trace",
    "account",
    "convert",
    "from_pretrained",
    "gain_cell_attention",
    "gain_cell_layers",
    "is_converted",
    "levels_of",
    "put_on_chip",
    "record_traces",
    "save_pretrained",
    "trace_attention",
    "volts_of",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
