"""`gaincell yield`: an adapted network over dies of a process."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .console import Json, emit, note, progress, stdout
from .defaults import CORNERS, MOST_SAMPLES, YIELD
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
from .quantities import quantity_in


def run(
    model: ModelArgument = "demo",
    base: Base = None,
    hardware: Annotated[
        Path, typer.Option(help="Folder of hardware fitted at the corners (`gaincell corners`).")
    ] = CORNERS,
    dies: Annotated[int, typer.Option(min=1, max=MOST_SAMPLES, help="Number of dies.")] = 50,
    temperature: Annotated[
        str | None, typer.Option(metavar="LOW:HIGH", help="Temperatures, Celsius [default: all fitted ones].")
    ] = None,
    nominal: Annotated[float, typer.Option(help="Temperature of the nominal die, Celsius.")] = 27.0,
    vdd: Annotated[
        float | None, typer.Option(parser=quantity_in("V"), help="Supply [default: that of the set].")
    ] = None,
    local: Annotated[bool, typer.Option(help="Draw local mismatch too.")] = True,
    mismatch: Annotated[
        str | None,
        typer.Option(help="Hardware that describes mismatch, if the set does not, such as generic28."),
    ] = None,
    within: Annotated[
        float, typer.Option(min=0, help="Loss above the nominal die's that a good die may have, nats/byte.")
    ] = 0.05,
    text: Annotated[
        Path | None, typer.Option(help="Text file to measure on [default: held-out side of the demo corpus].")
    ] = None,
    tokens: Annotated[int, typer.Option(min=0, help="About how many tokens to predict; 0: all.")] = 4096,
    seed: Annotated[int, typer.Option(min=0, help="Draw of the dies, and choice of the windows.")] = 0,
    without: Without = None,
    noise: Annotated[
        bool, typer.Option("--noise", help="Add the noise of writes, nodes and pulses.")
    ] = False,
    device: Device = "auto",
    precision: Precision = "auto",
    threads: Threads = None,
    out: Annotated[Path, typer.Option(help="Folder of the results by die.")] = YIELD,
    as_json: Json = False,
) -> None:
    """Draw dies between the fitted corners and temperatures, and measure the adapted network on each.

    A die is a strength of n and of p transistors (the corners lie at 3 sigma), a temperature, and local
    mismatch. Prints the share of dies near the nominal loss with its confidence interval, and which parameter
    explains the spread. A run can be interrupted: the same command continues it, and more dies extend it.

    Examples:

        gaincell corners && gaincell yield demo --mismatch generic28

        gaincell yield demo --temperature 0:85 --dies 20 --no-local --json

        gaincell figures yield out/yield
    """
    prepare(threads)
    from ...circuits.files import require_folder
    from ...models import Hardware
    from ...models.dies import DieSet, draw_die
    from ..network.checkpoints import locate
    from ..network.dies import evaluate_dies
    from ..network.documents import joined, open_text

    require_folder(out)
    fitted = DieSet.load(hardware, None if mismatch is None else Hardware.from_pretrained(mismatch))
    span = fitted.temperatures if temperature is None else _span(temperature)
    content = None if text is None else joined(open_text(text))
    with progress("yield", "dies") as update:
        result = evaluate_dies(
            locate(model, base),
            fitted,
            [draw_die(index, temperature=span, seed=seed) for index in range(dies)],
            out=out,
            nominal_temperature=nominal,
            vdd=vdd,
            local=local,
            within=within,
            content=content,
            tokens=tokens or None,
            seed=seed,
            effects=chosen_effects(without, noise),
            compute=chosen_compute(device, precision),
            report=update,
        )
    if as_json:
        emit(result | {"out": str(out)})
        return
    stdout.print(_table(result))
    for remark in _remarks(result):
        note(remark)
    note(f"results by die in {out}; gaincell figures yield {out} draws them")


def _span(text: str) -> tuple[float, float]:
    """Lowest and highest temperature, C, of LOW:HIGH."""
    import math

    try:
        low, high = (float(part) for part in text.split(":"))
    except ValueError:
        low = high = math.nan
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        raise typer.BadParameter(f"--temperature {text}: write LOW:HIGH in Celsius, such as -40:125")
    return low, high


def _table(result: dict):
    from rich.table import Table

    title = f"{len(result['dies'])} dies, {result['tokens']:,} tokens; nats per byte above the nominal die"
    columns = ("die", "n, sigma", "p, sigma", "temperature", "excess")
    table = Table(*columns, *(("of that local",) if result["local"] else ()), title=title)
    for column in table.columns:
        column.justify = "right"
    for die in sorted(result["dies"], key=lambda die: -die["excess"])[:10]:
        where = (f"{die['n']:+.2f}", f"{die['p']:+.2f}", f"{die['temperature']:.0f} C")
        excess = [die["excess"]]
        if result["local"]:
            excess.append(die["excess"] - die["excess_nominal_circuits"])
        table.add_row(str(die["index"]), *where, *(f"{loss:+.4f}" for loss in excess))
    table.caption = "the ten worst dies"
    return table


def _remarks(result: dict) -> list[str]:
    low, high = result["confidence_95"]
    nominal = result["nominal"]
    remarks = [
        f"nominal die, {nominal['temperature']:g} C: {nominal['nats_per_byte']:.4f} nats per byte",
        f"{result['good']} of {len(result['dies'])} dies within {result['within']:g} nats per byte of it: "
        f"{result['share_within']:.0%} (95 % confidence: {low:.0%} to {high:.0%}); mean "
        f"{result['excess_mean']:+.4f}, worst {result['excess_worst']:+.4f}",
    ]
    if result["explained"] is None:
        return [*remarks, "too few dies to say which parameter explains the spread"]
    shares = ", ".join(f"{name} {share:.0%}" for name, share in result["explained"].items())
    return [*remarks, f"share of the loss' variance: {shares}"]
