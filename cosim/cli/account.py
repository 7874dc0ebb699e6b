"""`gaincell account`: energy, latency and retention time of attention on the hardware."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .console import Json, emit_result, note, progress, stdout
from .defaults import MOST_SAMPLES
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
from .quantities import quantity_in
from .whole import HostKind, as_record, chosen_host, compared, whole_tables

if TYPE_CHECKING:
    from ..ledger.ledger import Ledger


def run(
    model: ModelArgument = "demo",
    base: Base = None,
    hardware: HardwareOption = None,
    cell: Annotated[
        str | None, typer.Option(help="Cell curve of the hardware to use, such as table or linear.")
    ] = None,
    text: Annotated[
        Path | None, typer.Option(help="Text file to read [default: held-out side of the demo corpus].")
    ] = None,
    windows: Annotated[
        int,
        typer.Option(min=1, max=MOST_SAMPLES, help="Passages to read; the last token of each is accounted."),
    ] = 16,
    seed: Annotated[int, typer.Option(min=0, help="Choice of the passages.")] = 0,
    per_head: Annotated[bool, typer.Option("--per-head", help="Also show every layer and head.")] = False,
    scalers: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=MOST_SAMPLES,
            help="Scalers of each signal of a head, in a row with the operation: their time adds to the "
            "latency [default: hidden behind other work].",
        ),
    ] = None,
    whole: Annotated[
        bool, typer.Option("--whole", help="Also show whole models on a digital host, over windows.")
    ] = False,
    host_operation: Annotated[
        float,
        typer.Option(
            parser=quantity_in("J"),
            help="Host: energy of an 8-bit multiplication and addition, as of our own scalers.",
        ),
    ] = "0.2p",
    host_byte: Annotated[
        float,
        typer.Option(
            parser=quantity_in("J"), help="Host: energy of a byte of memory; HBM2, published in MICRO 2017."
        ),
    ] = "31p",
    host: Annotated[
        HostKind,
        typer.Option(
            help="Host of --whole: two stated numbers, parts of hwcomponents, or this machine, measured."
        ),
    ] = HostKind.stated,
    host_set: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SIZE=VALUE",
            help="Size of the hwcomponents host, such as node=22n, array=128 or memory=HBM3; repeatable.",
        ),
    ] = None,
    host_python: Annotated[
        str | None, typer.Option(metavar="PATH", help="Python that has hwcomponents [default: this one].")
    ] = None,
    watts: Annotated[
        float | None,
        typer.Option(parser=quantity_in("W"), help="Power of a measured host [default: its energy counter]."),
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option(help="Also write the ledger as a component model of hwcomponents, a file .py."),
    ] = None,
    without: Without = None,
    device: Device = "auto",
    precision: Precision = "auto",
    threads: Threads = None,
    as_json: Json = False,
) -> None:
    """Print the energy of one token in one head by stage, its latency, and how GPUs compare.

    The model reads real text and the hardware's energy model is charged with what its arrays then do, in the
    steady state of a full window. Baselines were measured over 1024 tokens; for the ratios, the same activity
    is taken to a ring of 1024 columns.

    With --whole, the rest of the model runs on a digital host, and so does attention for comparison: for this
    model, for GPT-2 and for the default configuration of Llama (7 B), whose activity is taken to be this
    model's.

    Examples:

        gaincell account demo

        gaincell account demo --hardware leroux2025 --json

        gaincell account out/adapted --hardware out/hardware --per-head

        gaincell account demo --whole --host-byte 5p

        gaincell account demo --whole --host hwcomponents --host-set memory=HBM3

        gaincell account demo --whole --host cpu --watts 65

        gaincell account demo --export out/gain_cell_attention.py
    """
    prepare(threads)
    from ..ledger.whole_model import account_model
    from ..network.checkpoints import locate
    from ..network.documents import joined, open_text

    digital = (
        chosen_host(
            host,
            operation=host_operation,
            byte=host_byte,
            sizes=host_set,
            python=host_python,
            watts=watts,
        )
        if whole
        else None
    )
    content = None if text is None else joined(open_text(text))
    checkpoint, compute = locate(model, base), chosen_compute(device, precision)
    chosen = chosen_hardware(hardware, cell, checkpoint)
    with progress("account", "passages") as update:
        ledger = account_model(
            checkpoint,
            chosen,
            content=content,
            windows=windows,
            seed=seed,
            effects=chosen_effects(without),
            scalers=scalers,
            compute=compute,
            report=lambda item, done, total: update(done, total, item),
        )
    if export is not None:
        from ..ledger.export import export_component

        export_component(ledger, chosen, export)
    models = compared(checkpoint, ledger, chosen, digital) if whole else []
    if as_json:
        heads = heads_of(ledger) if per_head else None
        record = ledger.to_dict() | compute.record() | {"model": model, "heads": heads}
        if whole:
            record["host"] = digital.description
            record["whole"] = [as_record(one) for one in models]
        emit_result(record)
        return
    stdout.print(_stage_table(ledger))
    if per_head:
        stdout.print(_head_table(ledger))
    stdout.print(_ratio_table(ledger))
    if whole:
        for table in whole_tables(models, digital):
            stdout.print(table)
    for remark in _remarks(ledger):
        note(remark)


def heads_of(ledger: Ledger) -> list[dict]:
    """Energy per token (J) of every layer and head."""
    found: dict[tuple[str, int], float] = {}
    for entry in ledger.entries:
        key = (entry.layer, entry.head)
        found[key] = found.get(key, 0.0) + entry.energy_J
    return [{"layer": layer, "head": head, "energy_J": energy} for (layer, head), energy in found.items()]


def _stage_table(ledger: Ledger):
    from rich.table import Table

    head = "one head" if ledger.head_dim is None else f"one head of {ledger.head_dim}"
    title = f"one token, {head}, {ledger.keys:.0f} keys, on {ledger.hardware}"
    table = Table("stage", "pJ", "share", "origin", "band, pJ", title=title)
    for column in (*table.columns[1:3], table.columns[4]):
        column.justify = "right"
    total, bands = ledger.energy_per_token_head_J, ledger.bands()

    def band(stages: list[str]) -> str:
        low, high = (sum(bands[stage][end] for stage in stages) * 1e12 for end in (0, 1))
        return f"{low:,.0f} to {high:,.0f}" if high > low else ""

    for name, (energy, origin) in ledger.stages().items():
        table.add_row(name, f"{energy * 1e12:,.2f}", f"{energy / total:.1%}", origin, band([name]))
    table.add_section()
    table.add_row("all", f"{total * 1e12:,.2f}", "", "", band(list(bands)))
    for origin in sorted({origin for _, origin in ledger.stages().values()}):
        own = {name: energy for name, (energy, other) in ledger.stages().items() if other == origin}
        part = sum(own.values())
        table.add_row("of it", f"{part * 1e12:,.2f}", f"{part / total:.1%}", origin, band(list(own)))
    return table


def _head_table(ledger: Ledger):
    from rich.table import Table

    table = Table("layer", "head", "pJ per token")
    for row in heads_of(ledger):
        layer = row["layer"].removesuffix(".gain_cell")
        table.add_row(layer, str(row["head"]), f"{row['energy_J'] * 1e12:,.2f}")
    return table


def _ratio_table(ledger: Ledger):
    from rich.table import Table

    table = Table(
        "12 heads, 1024 tokens", "energy", "latency", title="baseline over hardware (published baselines)"
    )
    for name, ratio in ledger.ratios().items():
        latency = f"{ratio['latency']:,.0f} x" if "latency" in ratio else "-"
        table.add_row(name, f"{ratio['energy']:,.0f} x", latency)
    return table


def _latency(ledger: Ledger) -> str:
    time, own = ledger.digital_time, f"{ledger.latency_s * 1e9:.1f} ns"
    text = f"latency of one token in one layer: {ledger.layer_s * 1e9:.1f} ns"
    if time is None:
        return text
    added, count = f"{time.total_s * 1e9:.0f} ns", f"{time.scalers} for each signal"
    if time.hidden:
        return f"{text}; scalers, {count}, and sums take {added} more unless other work hides it (--scalers)"
    return f"{text}; operation {own}, scalers, {count}, and sums {added}"


def _remarks(ledger: Ledger) -> list[str]:
    remarks = []
    if ledger.latency_s is not None:
        remarks.append(_latency(ledger))
    if ledger.retention is not None:
        margin = ledger.retention
        lasts = f"for {margin.retention_s * 1e3:,.3g} ms"
        if math.isinf(margin.retention_s):
            lasts = f"beyond the simulated {margin.simulated_s * 1e3:,.3g} ms"
        remarks.append(f"every stored level holds {lasts} and has to for {margin.needed_s * 1e3:,.3g} ms")
    if ledger.area is not None:
        area = ledger.area.of(ledger.sub_tiles) * 1e6
        remarks.append(f"area of one head: {area:.3g} mm2 ({ledger.area.origin})")
    if not ledger.ratios():
        own = "several sizes" if ledger.head_dim is None else ledger.head_dim
        remarks.append(f"no ratios: the baselines have heads of 64, this model has heads of {own}")
    return remarks
