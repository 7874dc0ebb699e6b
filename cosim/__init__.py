"""What it is for: the attention layer, model conversion, adaptation, evaluation, ledger and reports.

Names are imported on first use, so that `gaincell --help` does not wait for torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .attention.api import SubTile, Trace, gain_cell_attention, trace_attention
    from .attention.effects import Effects
    from .attention.levels import levels_of, volts_of
    from .ledger.accounting import account
    from .ledger.ledger import BASELINES, Baseline, Ledger, LedgerEntry, RetentionMargin
    from .network.conversion import convert
    from .network.kv_cache import LevelCache, level_cache
    from .network.layer import GainCellAttention, gain_cell_layers, put_on_chip, record_traces
    from .network.pretrained import from_pretrained, is_converted, save_pretrained

_HOME = {
    "BASELINES": "ledger.ledger",
    "Baseline": "ledger.ledger",
    "Effects": "attention.effects",
    "GainCellAttention": "network.layer",
    "RetentionMargin": "ledger.ledger",
    "Ledger": "ledger.ledger",
    "LedgerEntry": "ledger.ledger",
    "LevelCache": "network.kv_cache",
    "SubTile": "attention.api",
    "Trace": "attention.api",
    "account": "ledger.accounting",
    "convert": "network.conversion",
    "from_pretrained": "network.pretrained",
    "gain_cell_attention": "attention.api",
    "gain_cell_layers": "network.layer",
    "is_converted": "network.pretrained",
    "level_cache": "network.kv_cache",
    "levels_of": "attention.levels",
    "put_on_chip": "network.layer",
    "record_traces": "network.layer",
    "save_pretrained": "network.pretrained",
    "trace_attention": "attention.api",
    "volts_of": "attention.levels",
}

__all__ = [
    "BASELINES",
    "Baseline",
    "Effects",
    "GainCellAttention",
    "Ledger",
    "LedgerEntry",
    "LevelCache",
    "RetentionMargin",
    "SubTile",
    "Trace",
    "account",
    "convert",
    "from_pretrained",
    "gain_cell_attention",
    "gain_cell_layers",
    "is_converted",
    "level_cache",
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
