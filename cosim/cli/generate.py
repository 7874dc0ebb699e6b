"""`gaincell generate`: text from the fitted hardware."""

from __future__ import annotations

from typing import Annotated

import typer

from .console import Json, emit, note, stdout
from .defaults import MOST_SAMPLES
from .models import (
    Base,
    Device,
    ModelArgument,
    Precision,
    Threads,
    Without,
    chosen_compute,
    chosen_effects,
    prepare,
)

LEAST_TEMPERATURE = 1e-3
"""Smallest temperature above 0: quotients of single precision stay finite."""


def run(
    model: ModelArgument = "demo",
    base: Base = None,
    prompt: Annotated[str, typer.Option(help="Text to continue.")] = "Return the ",
    hardware: Annotated[
        str | None,
        typer.Option(help="Shipped hardware or a folder [default: what the model was adapted to]."),
    ] = None,
    max_new_tokens: Annotated[int, typer.Option(min=1, max=MOST_SAMPLES, help="Longest continuation.")] = 200,
    temperature: Annotated[
        float, typer.Option(min=0, max=1000, help="Of sampling; 0 takes the likeliest token.")
    ] = 0.8,
    seed: Annotated[int, typer.Option(min=0, help="Seed of sampling.")] = 0,
    without: Without = None,
    chip: Annotated[
        int | None, typer.Option(min=0, help="Run on the chip of this seed [default: nominal circuits].")
    ] = None,
    beside: Annotated[
        bool,
        typer.Option(
            "--beside/--alone", help="Show what the network with exact attention writes too, if it is there."
        ),
    ] = True,
    device: Device = "auto",
    precision: Precision = "float32",
    threads: Threads = 1,
    as_json: Json = False,
) -> None:
    """Continue a prompt, one token at a time through the arrays of the fitted hardware, and with softmax.

    Examples:

        gaincell generate demo --prompt "Return a list of "

        gaincell generate out/adapted --temperature 0 --max-new-tokens 80

        gaincell generate demo --hardware ideal --json
    """
    if 0 < temperature < LEAST_TEMPERATURE:
        raise typer.BadParameter(
            f"--temperature {temperature:g} is below {LEAST_TEMPERATURE:g}; 0 takes the likeliest token"
        )
    prepare(threads)
    from ...models import Hardware
    from ..network.checkpoints import locate
    from ..network.generate import generate_text

    checkpoint = locate(model, base)
    conditions = {
        "max_new_tokens": max_new_tokens,
        "temperature": temperature,
        "seed": seed,
        "compute": chosen_compute(device, precision),
    }
    chosen = None if hardware is None else Hardware.from_pretrained(hardware)
    effects = chosen_effects(without)
    result = generate_text(checkpoint, prompt, hardware=chosen, effects=effects, chip=chip, **conditions)
    exact = None
    if beside and checkpoint.softmax is not None and (chosen is None or chosen.kind != "softmax"):
        exact = generate_text(checkpoint, prompt, hardware=Hardware.from_pretrained("ideal"), **conditions)
    if as_json:
        shown = ("text", "new_tokens", "tokens_per_s")
        emit(result | {"softmax": exact and {name: exact[name] for name in shown}})
        return
    for one in (result, exact):
        if one is None:
            continue
        stdout.print(one["text"], soft_wrap=True)
        on = "exact softmax" if one is exact else one["hardware"]
        note(f"{one['new_tokens']} tokens on {on}, {one['tokens_per_s']:.0f} tokens/s")
