"""Whole models of `gaincell account --whole`: which are compared, and their table."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...models import Hardware
    from ..ledger.host import WholeModel
    from ..ledger.ledger import Ledger
    from ..network.checkpoints import Checkpoint


def compared(
    checkpoint: Checkpoint, ledger: Ledger, hardware: Hardware, operation: float, byte: float
) -> list[WholeModel]:
    """The model itself, GPT-2 and Llama's default configuration at several windows.

    Args:
        checkpoint: the model that the ledger is of.
        ledger: its ledger.
        hardware: hardware of the ledger.
        operation: energy of a multiplication and addition on the host, J.
        byte: energy of a byte from the host's memory, J.
    """
    from transformers import AutoConfig, GPT2Config, LlamaConfig

    from ..ledger.host import Host, Work, whole_model

    own = AutoConfig.from_pretrained(checkpoint.softmax or checkpoint.adapted, trust_remote_code=False)
    works = [
        Work.of(name, config)
        for name, config in ((checkpoint.name, own), ("GPT-2", GPT2Config()), ("Llama 7 B", LlamaConfig()))
    ]
    host = Host(operation, byte)
    return whole_model(works, ledger, hardware, host)


def as_record(one: WholeModel) -> dict:
    """Values for JSON.

    Args:
        one: a whole model at one window.
    """
    return {
        "model": one.work.name,
        "keys": one.keys,
        "rest_J": one.rest_J,
        "host_attention_J": one.host_attention_J,
        "attention_J": one.attention_J,
        "attention_gain": one.attention_gain,
        "gain": one.gain,
    }


def whole_table(models: list[WholeModel], operation: float, byte: float):
    """Table of whole models.

    Args:
        models: from `compared`.
        operation: energy of a multiplication and addition on the host, J.
        byte: energy of a byte from the host's memory, J.
    """
    from rich.table import Table

    title = f"whole models per token; host: {operation * 1e12:g} pJ an operation, {byte * 1e12:g} pJ a byte"
    heads = ("model", "keys", "rest, uJ", "host attention, uJ", "gain cells, uJ", "attention gain", "gain")
    table = Table(*heads, title=title)
    for column in table.columns[1:]:
        column.justify = "right"
    for one in models:
        energies = (one.rest_J, one.host_attention_J, one.attention_J)
        cells = [f"{energy * 1e6:,.4g}" for energy in energies]
        table.add_row(
            *(one.work.name, f"{one.keys:,}", *cells), f"{one.attention_gain:,.1f} x", f"{one.gain:,.3g} x"
        )
    return table
