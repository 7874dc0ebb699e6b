"""`gaincell ablate`: what each non-ideality, layer and head costs a network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .console import Json, emit, note, progress, stdout
from .defaults import ABLATION
from .models import (
    Base,
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
from .quantities import parse_count
from .texts import ContextOption, DatasetConfig, DatasetOption, TextOption, chosen_text

MOST_ROWS = 12
"""Layers and heads that the table shows, the costliest ones."""


def run(
    model: ModelArgument = "demo",
    base: Base = None,
    hardware: HardwareOption = None,
    cell: Annotated[
        str | None, typer.Option(help="Cell curve of the hardware to use, such as table or linear.")
    ] = None,
    text: TextOption = None,
    dataset: DatasetOption = None,
    dataset_config: DatasetConfig = None,
    split: Annotated[str, typer.Option(help="Part of the data set.")] = "test",
    context: ContextOption = None,
    tokens: Annotated[
        int, typer.Option(parser=parse_count, help="About how many tokens to predict; 0: all.")
    ] = 4096,
    seed: Annotated[int, typer.Option(min=0, help="Choice of the windows, and of noise.")] = 0,
    first: Annotated[
        bool, typer.Option("--first", help="Read the first windows instead of a seeded choice.")
    ] = False,
    part: Annotated[
        list[str] | None,
        typer.Option(help="effects, layers or heads; repeat for more [default: all of them]."),
    ] = None,
    row: Annotated[
        str | None, typer.Option(help="Network: adapted or calibrated [default: adapted if there is one].")
    ] = None,
    without: Without = None,
    chip: Annotated[
        int | None, typer.Option(min=0, help="Run on the chip of this seed [default: nominal circuits].")
    ] = None,
    noise: Annotated[
        bool, typer.Option("--noise", help="Add the noise of writes, nodes and pulses, drawn with --seed.")
    ] = False,
    device: Device = "auto",
    precision: Precision = "auto",
    threads: Threads = None,
    out: Annotated[Path, typer.Option(help="Folder of the measurements.")] = ABLATION,
    as_json: Json = False,
) -> None:
    """Print what each non-ideality, each layer and each head costs, in nats per token.

    One by one, an effect is switched off, a layer's heads, or one head, are computed by exact attention. With
    the heads follows the perplexity against the share of heads on arrays, the costliest computed exactly.
    A run can be interrupted: the same command continues it.

    Examples:

        gaincell ablate demo

        gaincell ablate out/smol --text test.txt --context 512 --tokens 10k --first

        gaincell ablate out/smol --text test.txt --part effects --part layers --json

        gaincell ablate my-gpt2 --row calibrated --part heads

        gaincell figures ablation out/ablation
    """
    prepare(threads)
    from ...circuits.files import require_folder
    from ..network.ablation import PARTS, ablate_model
    from ..network.checkpoints import locate

    require_folder(out)
    content = chosen_text(text, dataset, dataset_config, split, tokens)
    checkpoint = locate(model, base)
    with progress("ablate", "measurements") as update:
        result = ablate_model(
            checkpoint,
            chosen_hardware(hardware, cell, checkpoint),
            out=out,
            content=content,
            context=context,
            tokens=tokens or None,
            seed=None if first else seed,
            parts=part or PARTS,
            row=row,
            effects=chosen_effects(without, noise),
            chip=chip,
            compute=chosen_compute(device, precision),
            report=update,
        )
    if as_json:
        emit(result | {"out": str(out)})
        return
    for table in _tables(result):
        stdout.print(table)
    softmax = result["softmax_nats_per_token"]
    beside = "" if softmax is None else f", softmax {softmax:.4f}"
    note(f"{result['row']}: {result['nats_per_token']:.4f} nats per {result['token']}{beside}")
    note(f"measurements in {out}; gaincell figures ablation {out} draws them")


def _tables(result: dict):
    from rich.table import Table

    def made(title: str, *columns: str) -> Table:
        table = Table(*columns, title=title)
        for column in table.columns[1:]:
            column.justify = "right"
        return table

    labels = {
        "effects": ("effect", lambda row: row["effect"]),
        "layers": ("layer", lambda row: row["layer"]),
        "heads": ("head", lambda row: f"{row['layer']} {row['head']}"),
    }
    for part, (heading, label) in labels.items():
        rows = result[part]
        if rows is None:
            continue
        if part != "effects":
            rows = sorted(rows, key=lambda row: -row["cost_nats"])
        cut = f", the {MOST_ROWS} costliest of {len(rows)}" if len(rows) > MOST_ROWS else ""
        table = made(f"{part}{cut}", heading, f"cost, nats/{result['token']}", "±")
        for row in rows[:MOST_ROWS]:
            error = row["standard_error_nats"]
            table.add_row(label(row), f"{row['cost_nats']:+.4f}", "-" if error is None else f"{error:.4f}")
        yield table
    if result["curve"] is not None:
        table = made("heads on arrays", "share", f"perplexity per {result['token']}")
        for row in result["curve"]:
            table.add_row(f"{row['share_on_arrays']:.0%}", f"{row['perplexity']:,.4g}")
        yield table
