"""`gaincell cosim`: a model's real activations through the SPICE sub-array, against the surrogates."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .console import Json, emit_result, fail, progress, stdout
from .defaults import MOST_JOBS, MOST_SAMPLES
from .models import (
    Base,
    Device,
    HardwareOption,
    ModelArgument,
    Precision,
    Threads,
    chosen_compute,
    chosen_hardware,
    prepare,
)


def run(
    model: ModelArgument = "demo",
    base: Base = None,
    hardware: HardwareOption = None,
    operations: Annotated[
        int,
        typer.Option(
            min=3, max=MOST_SAMPLES, help="Columns to simulate per product; one takes about a second."
        ),
    ] = 24,
    tokens: Annotated[
        int, typer.Option(min=8, max=MOST_SAMPLES, help="Tokens of text that the model reads.")
    ] = 128,
    text: Annotated[
        Path | None, typer.Option(help="Text to read [default: held-out side of the demo corpus].")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Choice of the operations.")] = 0,
    jobs: Annotated[
        int | None, typer.Option(min=1, max=MOST_JOBS, help="Simulations at once [default: all cores].")
    ] = None,
    technology: Annotated[
        str | None,
        typer.Option(
            help="Path of the technology that --hardware was fitted to, unless it is a shipped one."
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="CSV of every simulated column.")] = None,
    device: Device = "auto",
    precision: Precision = "auto",
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Simulate columns with the pulse widths and stored voltages that the model really produces.

    The model reads text; columns of its K and V arrays are drawn from all layers, heads and positions, and
    each is simulated with all its transistors. Slope, offset, rms and worst error of the surrogates are
    printed, in % of T_max. Exit status 1 when a simulation fails.

    Examples:

        gaincell cosim demo

        gaincell cosim out/adapted --operations 100 --out columns.csv --json
    """
    from ...circuits.files import require_file, write_text

    if out is not None:
        require_file(out)
    prepare(threads)
    from ..network.checkpoints import locate
    from ..network.documents import joined, open_text
    from ..spice_check import simulate_operations, stage_agreement, trace_operations

    checkpoint, compute = locate(model, base), chosen_compute(device, precision)
    chosen = chosen_hardware(hardware, None, checkpoint)
    with progress("cosim", "") as update:
        drawn = trace_operations(
            checkpoint,
            chosen,
            content=None if text is None else joined(open_text(text)),
            tokens=tokens,
            count=operations,
            seed=seed,
            technology=technology,
            compute=compute,
            report=lambda item, done, total: update(done, total, item),
        )
        rows = simulate_operations(drawn, chosen, technology=technology, jobs=jobs, progress=update)
    if out is not None:
        write_text(out, rows.to_csv(index=False))
    stages = [stage_agreement(rows, stage) for stage in (1, 2)]
    failed = int((rows["status"] != "ok").sum())
    complaint = f"{failed} of {len(rows)} columns failed: {_first_message(rows)}" if failed else None
    if as_json:
        emit_result(
            {
                "model": checkpoint.name,
                "hardware": chosen.name,
                **compute.record(),
                "operations": len(rows),
                "failed": failed,
                "stages": [vars(stage) for stage in stages],
                "columns": rows.drop(columns="message").to_dict(orient="records"),
                **({} if complaint is None else {"error": complaint}),
            }
        )
    else:
        stdout.print(_table(stages, checkpoint.name, chosen.name))
    if complaint is not None:
        fail(complaint)


def _first_message(rows) -> str:
    return str(rows.loc[rows["status"] != "ok", "message"].iloc[0])


def _table(stages, model: str, hardware: str):
    from rich.table import Table

    table = Table(
        "product",
        "columns",
        "slope",
        "offset",
        "rms",
        "worst",
        title=f"{model} on {hardware}: SPICE against surrogate",
    )
    names = {1: "first (Q K, then phi)", 2: "second (phi V, signed)"}
    for stage in stages:
        shares = (f"{100 * x:.2f} %" for x in (stage.offset, stage.rms, stage.worst))
        table.add_row(names[stage.stage], str(stage.operations), f"{stage.slope:.4f}", *shares)
    table.caption = "in % of T_max; slope and offset over unclipped columns"
    return table
