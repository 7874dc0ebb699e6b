"""Arguments shared by the commands that run a language model on hardware."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .defaults import HARDWARE
from .quantities import quantity_in

if TYPE_CHECKING:
    from ...models import Hardware
    from ..attention.effects import Effects
    from ..network.checkpoints import Checkpoint
    from ..network.compute import Compute

ModelArgument = Annotated[
    str,
    typer.Argument(help="`demo`, a folder that adapt wrote, or a folder or name that transformers loads."),
]
Base = Annotated[
    str | None,
    typer.Option(
        help="Of an adapter: folder or name of the network that it belongs to [default: the name it states]."
    ),
]
HardwareOption = Annotated[
    str | None,
    typer.Option(
        help=f"Shipped hardware or a folder that fit wrote [default: {HARDWARE} if it exists, else the "
        "hardware the model was adapted to, else generic28]."
    ),
]
Temperature = Annotated[
    float | None,
    typer.Option(
        help="Temperature of the hardware, Celsius, between those it was fitted at [default: its own]."
    ),
]
Supply = Annotated[
    float | None,
    typer.Option(
        parser=quantity_in("V"),
        help="Supply of the hardware, between those it was fitted at [default: its own].",
    ),
]
Threads = Annotated[int | None, typer.Option(min=1, max=1024, help="CPU threads; all cores when not given.")]
Device = Annotated[
    str, typer.Option(help="Where the network runs: auto (a GPU if there is one), cpu or cuda.")
]
Precision = Annotated[
    str,
    typer.Option(
        help="Matrix products of the digital network: float32, bfloat16, or auto for bfloat16 where the "
        "processor computes it natively."
    ),
]
Without = Annotated[
    list[str] | None, typer.Option(help="Switch one non-ideality off, such as column; repeat for more.")
]


def prepare(threads: int | None) -> None:
    """Set up torch and transformers for a command: threads, and no other progress bars."""
    import torch
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    if threads is not None:
        torch.set_num_threads(threads)


def chosen_compute(device: str, precision: str) -> Compute:
    """Device and precision that --device and --precision ask for."""
    from ..network.compute import choose_compute

    return choose_compute(device, precision)


def chosen_hardware(
    name: str | None,
    cell: str | None,
    checkpoint: Checkpoint,
    *,
    temperature: float | None = None,
    vdd: float | None = None,
) -> Hardware:
    """The hardware that --hardware, --cell, --temperature and --vdd ask for."""
    from ...models import Hardware

    if name is not None:
        hardware = Hardware.from_pretrained(name)
    elif HARDWARE.is_dir():
        hardware = Hardware.from_pretrained(HARDWARE)
    elif checkpoint.adapted is not None:
        from ..network.pretrained import saved_hardware

        hardware = saved_hardware(checkpoint.adapted)
    else:
        hardware = Hardware.from_pretrained("generic28")
    hardware = hardware if cell is None else hardware.with_cell(cell)
    return hardware if temperature is None and vdd is None else hardware.at(temperature, vdd)


def chosen_effects(without: list[str] | None, noise: bool = False) -> Effects:
    """The standard effects, with noise if asked for, without those that --without names."""
    from dataclasses import fields, replace

    from ..attention.effects import STANDARD, Effects

    known = [field.name for field in fields(Effects) if field.type == "bool"]
    if unknown := set(without or ()) - set(known):
        raise typer.BadParameter(
            f"--without {', '.join(sorted(unknown))}: known effects are {', '.join(known)}"
        )
    return replace(STANDARD, noise=noise).without(*(without or ()))
