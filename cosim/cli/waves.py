"""`gaincell waves`: simulate one operation, show and export its waveforms."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from .console import Json, emit, fail, stderr, stdout
from .defaults import WAVES
from .quantities import quantity_in


class OperationName(StrEnum):
    """What can be simulated."""

    CELL_READ = "cell-read"
    CELL_WRITE = "cell-write"
    CONVERSION = "conversion"
    SIGNED_CONVERSION = "signed-conversion"
    COUNTED_CONVERSION = "counted-conversion"
    COLUMN = "column"
    CHAIN = "chain"


def run(
    operation: Annotated[OperationName, typer.Argument(help="What to simulate.")],
    out: Annotated[
        list[Path] | None,
        typer.Option(
            help="File to write; .html .png .pdf .svg .csv .raw .vcd .cir; repeat for more "
            "[default: OPERATION.html in out/waves]."
        ),
    ] = None,
    technology: Annotated[
        str, typer.Option(help="Shipped technology, or path of a TOML file.")
    ] = "generic28",
    corner: Annotated[str, typer.Option(help="Process corner of the technology.")] = "tt",
    temperature: Annotated[float, typer.Option(help="Temperature, Celsius.")] = 27.0,
    vdd: Annotated[
        float | None, typer.Option(parser=quantity_in("V"), help="Supply [default: the technology's].")
    ] = None,
    v_store: Annotated[
        list[float] | None,
        typer.Option(parser=quantity_in("V"), help="cell-read: stored voltage; repeat to compare."),
    ] = None,
    v_bl: Annotated[
        float | None, typer.Option(parser=quantity_in("V"), help="cell-read: clamped bit line.")
    ] = None,
    t_pulse: Annotated[
        float | None, typer.Option(parser=quantity_in("s"), help="cell-read: pulse width.")
    ] = None,
    v_target: Annotated[
        list[float] | None,
        typer.Option(parser=quantity_in("V"), help="cell-write: level to write; repeat to compare."),
    ] = None,
    v_before: Annotated[
        float | None, typer.Option(parser=quantity_in("V"), help="cell-write: what the cell held.")
    ] = None,
    write_device: Annotated[str | None, typer.Option(help="cell-write: cmos or oxide.")] = None,
    charge: Annotated[
        list[float] | None,
        typer.Option(parser=quantity_in("C"), help="conversions: charge to convert; repeat to compare."),
    ] = None,
    signed: Annotated[
        bool | None, typer.Option("--signed", help="column: read by the signed converter.")
    ] = None,
    size: Annotated[
        int | None, typer.Option(help="chain: tokens and dimensions, at most 16; 16 takes minutes.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="column, chain: random contents.")] = None,
    simulator: Annotated[str, typer.Option(help="ngspice or vacask.")] = "ngspice",
    as_json: Json = False,
) -> None:
    """Simulate one operation of the circuits in SPICE and export its waveforms.

    Operations: cell-read, cell-write, conversion, signed-conversion, counted-conversion (with the counter in
    gates; needs Yosys), column, chain. Numbers take suffixes as in SPICE: 10n, 200f. A .raw file opens in
    ngspice and gaw, a .vcd file in GTKWave.

    Examples:

        gaincell waves cell-read --v-store 0.8 --t-pulse 10n

        gaincell waves cell-read --v-store 0 --v-store 450m --v-store 0.9 --out read.png --out read.csv

        gaincell waves signed-conversion --charge 100f --charge -60f --corner ss --out conversion.pdf

        gaincell waves chain --size 4 --seed 1 --out chain.html --out chain.raw --json
    """
    from ...characterization.procedure import Context
    from ...circuits.files import require_file
    from ...circuits.technology import Technology
    from ..view.waves import export, record, require_format

    options = {
        "v_store": v_store,
        "v_bl": v_bl,
        "t_pulse": t_pulse,
        "v_target": v_target,
        "v_before": v_before,
        "write_device": write_device,
        "charge": charge,
        "signed": signed,
        "size": size,
        "seed": seed,
    }
    if not -273.15 < temperature <= 1000:
        raise typer.BadParameter(f"--temperature {temperature:g} is out of range; above -273.15, to 1000 C")
    if vdd is not None and not 0 < vdd <= 20:
        raise typer.BadParameter(f"--vdd {vdd:g} is out of range; above 0, to 20 V")
    files = out or [WAVES / f"{operation}.html"]
    for file in files:
        require_format(file)
        require_file(file)
    context = Context(Technology.load(technology), corner, temperature, vdd=vdd)
    chosen = _operation(operation, context, {k: v for k, v in options.items() if v not in (None, [])})
    with stderr.status(f"simulating {chosen.title}"):
        recording = record(chosen, context, simulator)
    for file in files:
        export(recording, file)
    if as_json:
        emit(recording.to_dict() | {"files": [str(file) for file in files]})
        return
    stdout.print(_table(recording))
    where = f"{simulator}, {technology}, {corner}, {temperature:g} C, {context.condition.vdd:g} V"
    points = len(recording.waveforms.axis)
    stderr.print(f"{where}; {points} time points in {recording.seconds:.1f} s", highlight=False)
    for file in files:
        stderr.print(f"wrote {file}", highlight=False, soft_wrap=True)


def _operation(name: str, context: Any, options: dict[str, Any]):
    import inspect

    from ..view.waves import WAVE_OPERATIONS

    build = WAVE_OPERATIONS[name]
    accepted = [p for p in inspect.signature(build).parameters if p != "context"]
    for option in options:
        if option not in accepted:
            known = ", ".join(f"--{p.replace('_', '-')}" for p in accepted)
            fail(f"--{option.replace('_', '-')} does not apply to {name}; it takes {known}", 2)
    return build(context, **options)


def _table(recording):
    from rich.table import Table

    from ..view.figures.units import quantity

    rows, columns = recording.rows, recording.columns
    shown = [name for name in recording.scalars() if name in columns]
    table = Table(*shown, title=recording.operation.title)
    for column in table.columns:
        column.justify = "right"
    for row in rows[shown].to_dict("records"):
        units = (columns[name].partition(":")[0] for name in shown)
        table.add_row(
            *(_cell(row[n], "" if u == "-" else u, quantity) for n, u in zip(shown, units, strict=True))
        )
    return table


def _cell(value: Any, unit: str, quantity) -> str:
    if isinstance(value, str | bool) or not unit:
        return str(value)
    return quantity(value, unit, 4)
