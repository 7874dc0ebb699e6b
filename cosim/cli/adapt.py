"""`gaincell adapt`: pre-trained model -> adapted model and softmax control."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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

if TYPE_CHECKING:
    from ...models import Hardware
    from ..network.adaptation.draws import Draws

TYPICAL = 27.0
"""Temperature of the typical die that --dies adapts to, C."""


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
    seed: Annotated[int, typer.Option(min=0, help="Choice of the training batches and draws.")] = 0,
    dies: Annotated[
        Path | None,
        typer.Option(
            help="Fine-tune through dies between the fitted corners in this folder (`gaincell corners`), not "
            "through the nominal die alone."
        ),
    ] = None,
    chips: Annotated[
        bool, typer.Option("--chips", help="Fine-tune through chips with local mismatch, one per draw.")
    ] = False,
    mismatch: Annotated[
        str | None,
        typer.Option(help="Hardware that describes mismatch, if that of --dies does not, such as generic28."),
    ] = None,
    draw_steps: Annotated[
        int, typer.Option(min=1, max=MOST_SAMPLES, help="Steps that share a drawn die or chip.")
    ] = 1,
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

    With --dies or --chips every step of fine-tuning sees another die of the process, another temperature, or
    another chip's local mismatch; the printed losses are those of the nominal die, by default the set's
    typical one at 27 C. `gaincell yield` measures the result on dies that were not trained on.

    Examples:

        gaincell adapt demo

        gaincell adapt demo --hardware leroux2025 --minutes 10 --out out/leroux

        gaincell adapt my-gpt2 --hardware out/hardware --steps 1000 --json

        gaincell adapt demo --dies out/corners --out out/for-every-die
    """
    if steps is not None and minutes is not None:
        raise typer.BadParameter("give --steps or --minutes, not both")
    if mismatch is not None and not (chips and dies):
        raise typer.BadParameter("--mismatch belongs to --dies with --chips")
    from ...circuits.files import require_folder

    require_folder(out)
    prepare(threads)
    from ..network.adaptation.adapt import Observer, adapt_model
    from ..network.adaptation.fine_tuning import RECIPE

    recipe = replace(
        RECIPE,
        steps=steps or RECIPE.steps,
        learning_rate=learning_rate or RECIPE.learning_rate,
        seed=seed,
    )
    wanted, draws = _wanted(hardware, cell, model, dies, chips, mismatch, draw_steps, seed)
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
            wanted,
            out,
            recipe=recipe,
            minutes=minutes,
            effects=chosen_effects(without),
            draws=draws,
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


def _wanted(
    hardware: str | None,
    cell: str | None,
    model: str,
    dies: Path | None,
    chips: bool,
    mismatch: str | None,
    draw_steps: int,
    seed: int,
) -> tuple[Hardware, Draws | None]:
    """Hardware to adapt to, with --dies by default their typical one at 27 C, and the draws."""
    from ...models import Hardware
    from ...models.dies import DieSet
    from ..network.adaptation.draws import Draws
    from ..network.checkpoints import locate

    fitted = None
    if dies is not None:
        fitted = DieSet.load(dies, None if mismatch is None else Hardware.from_pretrained(mismatch))
    if fitted is None or hardware is not None:
        wanted = chosen_hardware(hardware, cell, locate(model))
    else:
        wanted = fitted.at(0.0, 0.0, TYPICAL)
        wanted = wanted if cell is None else wanted.with_cell(cell)
    if fitted is None and not chips:
        return wanted, None
    return wanted, Draws(wanted, fitted, chips=chips, every=draw_steps, seed=seed)
