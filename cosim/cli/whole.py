"""Whole models of `gaincell account --whole`: their host, which are compared, and their tables."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from ...models import Hardware
    from ..ledger.host import Host, WholeModel
    from ..ledger.ledger import Ledger
    from ..network.checkpoints import Checkpoint


class HostKind(StrEnum):
    """Hosts of whole models."""

    stated = "stated"
    hwcomponents = "hwcomponents"
    cpu = "cpu"
    gpu = "gpu"


def chosen_host(
    kind: HostKind,
    *,
    operation: float,
    byte: float,
    sizes: list[str] | None,
    python: str | None,
    watts: float | None,
) -> Host:
    """The host that the command line asks for.

    Args:
        kind: its kind.
        operation: energy of a multiplication and addition of a stated host, J.
        byte: energy of a byte from a stated host's memory, J.
        sizes: texts of the form `size=value`, sizes of the accelerator of hwcomponents.
        python: interpreter that has hwcomponents; None: the present one.
        watts: power of a measured host, W; None: its counter.

    Raises:
        HostError: the host is not there.
        typer.BadParameter: an option that belongs to another kind of host.
    """
    library = kind is HostKind.hwcomponents
    for option, given, meant in (
        ("--host-set", sizes, library),
        ("--host-python", python, library),
        ("--watts", watts, kind in (HostKind.cpu, HostKind.gpu)),
    ):
        if given and not meant:
            raise typer.BadParameter(f"{option} does not belong to --host {kind}")
    if library:
        from ..ledger.accelerator import Accelerator, LibraryHost

        accelerator = Accelerator.of(_sizes(sizes or []))
        return LibraryHost(accelerator) if python is None else LibraryHost(accelerator, python)
    if kind is HostKind.stated:
        from ..ledger.host import StatedHost

        return StatedHost(operation, byte)
    from ..ledger.measured_host import this_gpu, this_processor

    return (this_processor if kind is HostKind.cpu else this_gpu)(watts)


def _sizes(texts: list[str]) -> dict[str, float | str]:
    """Sizes of an accelerator from texts such as `node=22n`."""
    from .knobs import size_value

    found = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not (sign and name.strip() and value.strip()):
            raise typer.BadParameter(f"{text!r} is not size=value, such as node=22n")
        found[name.strip()] = size_value(value.strip())
    return found


def compared(checkpoint: Checkpoint, ledger: Ledger, hardware: Hardware, host: Host) -> list[WholeModel]:
    """The model itself, GPT-2 and Llama's default configuration at several windows.

    Args:
        checkpoint: the model that the ledger is of.
        ledger: its ledger.
        hardware: hardware of the ledger.
        host: the host of everything but attention.
    """
    from transformers import AutoConfig, GPT2Config, LlamaConfig

    from ..ledger.host import Work, whole_model

    own = AutoConfig.from_pretrained(checkpoint.softmax or checkpoint.adapted, trust_remote_code=False)
    works = [
        Work.of(name, config)
        for name, config in ((checkpoint.name, own), ("GPT-2", GPT2Config()), ("Llama 7 B", LlamaConfig()))
    ]
    return whole_model(works, ledger, hardware, host)


def as_record(one: WholeModel) -> dict:
    """Values for JSON.

    Args:
        one: a whole model at one window.
    """
    return {
        "model": one.work.name,
        "keys": one.keys,
        "rest_J": one.rest.joules,
        "host_attention_J": one.host_attention.joules,
        "attention_J": one.attention.joules,
        "attention_gain": one.attention_gain,
        "gain": one.gain,
        "rest_s": one.rest.seconds,
        "host_attention_s": one.host_attention.seconds,
        "attention_s": one.attention.seconds,
        "speed_up": one.speed_up,
    }


def whole_tables(models: list[WholeModel], host: Host) -> list:
    """Table of energies, and one of times where the host has them.

    Args:
        models: from `compared`.
        host: the host that they are compared on.
    """
    energies = [
        (
            *(f"{part.joules * 1e6:.3g}" for part in (one.rest, one.host_attention, one.attention)),
            *(f"{one.attention_gain:.3g} x", f"{one.gain:.3g} x"),
        )
        for one in models
    ]
    heads = ("rest", "host attention", "gain cells", "attention gain", "gain")
    tables = [_table(f"uJ of one token; host: {host.description}", heads, models, energies)]
    if models[0].speed_up is not None:
        times = [
            (
                *(f"{part.seconds * 1e6:.3g}" for part in (one.rest, one.host_attention, one.attention)),
                f"{one.speed_up:.3g} x",
            )
            for one in models
        ]
        heads = ("rest", "host attention", "gain cells", "gain")
        tables.append(_table("us of one token, one after the other", heads, models, times))
    return tables


def _table(title: str, heads: tuple[str, ...], models: list[WholeModel], cells: list[tuple[str, ...]]):
    from rich.table import Table

    table = Table("model", "keys", *heads, title=title)
    for column in table.columns[1:]:
        column.justify = "right"
    for one, own in zip(models, cells, strict=True):
        table.add_row(one.work.name, f"{one.keys:,}", *own)
    return table
