"""`gaincell adapt`: pre-trained model -> adapted model and softmax control."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from .console import Json, emit, note, progress, stdout
from .defaults import ADAPTED, MOST_SAMPLES
from .models import (
    Device,
    HardwareOption,
    ModelArgument,
    Precision,
    Threads,
    Without,
    chosen_compute,
    chosen_effects,
    chosen_hardware,
    prepare,
)


def run(
    model: ModelArgument = "demo",
    hardware: HardwareOption = None,
    cell: Annotated[
        str | None, typer.Option(help="Cell curve of the hardware to use, such as table or linear.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the adapted model and its control.")] = ADAPTED,
    steps: Annotated[
        int | None, typer.Option(min=1, max=MOST_SAMPLES, help="Steps of fine-tuning [default: 240].")
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(min=0.01, max=100_000, help="Instead of --steps: about this long, control included."),
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(min=1e-9, max=10, help="Peak learning rate [default: 1e-3].")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Choice of the training batches.")] = 0,
    without: Without = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start again, whatever is in the folder.")] = False,
    device: Device = "auto",
    precision: Precision = "auto",
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Calibrate a model's scalers to the hardware, then fine-tune it through the hardware.

    A softmax control gets the same steps on the same text. A run can be interrupted: the same command
    continues it, and a finished one is not repeated.

    Examples:

        gaincell adapt demo

        gaincell adapt demo --hardware leroux2025 --minutes 10 --out out/leroux

        gaincell adapt my-gpt2 --hardware out/hardware --steps 1000 --json
    """
    if steps is not None and minutes is not None:
        raise typer.BadParameter("give --steps or --minutes, not both")
    from ...circuits.files import require_folder

    require_folder(out)
    prepare(threads)
    from ..network.adaptation.adapt import Observer, adapt_model
    from ..network.adaptation.fine_tuning import RECIPE
    from ..network.checkpoints import locate

    recipe = replace(
        RECIPE,
        steps=steps or RECIPE.steps,
        learning_rate=learning_rate or RECIPE.learning_rate,
        seed=seed,
    )
    phase, total = "", 0

    with progress("adapt", "steps") as update:

        def begin(name: str, steps: int) -> None:
            nonlocal phase, total
            phase, total = name, steps
            update(0, steps, name)

        def shown(done: int, loss: float) -> None:
            update(done, total, phase if math.isnan(loss) else f"{phase} {loss:.3f} nats")

        observer = Observer(begin, shown)
        result = adapt_model(
            model,
            chosen_hardware(hardware, cell, locate(model)),
            out,
            recipe=recipe,
            minutes=minutes,
            effects=chosen_effects(without),
            compute=chosen_compute(device, precision),
            fresh=fresh,
            observer=observer,
        )
    gap = {row: result.held_out["adapted"] - result.held_out[row] for row in ("control", "softmax")}
    if as_json:
        emit({**asdict(result), "adapted_minus_control_nats": gap["control"], "out": str(out)})
        return
    if result.cached:
        note(f"{out} already holds this adaptation")
    for row, nats in result.held_out.items():
        stdout.print(f"{row:>8}  {nats:.3f} nats per token", soft_wrap=True)
    for row, difference in gap.items():
        stdout.print(f"adapted - {row}: {difference:+.3f} nats per token", soft_wrap=True)
    note(f"{result.steps} steps; adapted model in {out}")
