"""`gaincell fit`: tables -> hardware and a report of how well it fits."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .console import Json, emit, fail, note, stdout
from .defaults import HARDWARE, TABLES


def run(
    tables: Annotated[Path, typer.Argument(help="Folder of `gaincell characterize`.")] = TABLES,
    out: Annotated[Path, typer.Option(help="Folder for the hardware.")] = HARDWARE,
    name: Annotated[
        str | None, typer.Option(help="Name of the hardware [default: that of the technology].")
    ] = None,
    at: Annotated[
        list[Path] | None,
        typer.Option(help="Tables of the same die at another temperature or supply; repeatable."),
    ] = None,
    periphery: Annotated[
        list[Path] | None,
        typer.Option(
            help="laws.json of `gaincell periphery`, one for each condition; repeatable [default: those in "
            "the package]."
        ),
    ] = None,
    max_failed: Annotated[
        float, typer.Option(min=0, max=1, help="Refuse tables with a larger fraction of failed points.")
    ] = 0.01,
    accept_missed: Annotated[
        bool, typer.Option("--accept-missed", help="Succeed though the die misses a limit.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Fit surrogates to characterization tables and bundle them into hardware.

    Prints the error of every surrogate on points its fit has not seen, and the circuits' figures beside their
    design limits; fit.json in the hardware's folder holds both.

    A die whose zero, balance, full scale or skew misses its limit is an error: a network adapted to the
    typical die does not work on it. The trim of `gaincell characterize` brings a die within the limits.

    The energies of digital circuits come from the laws in the package, where it has some for the circuits and
    the condition, or from --periphery; otherwise they are published constants.

    With --at the hardware can be taken to any temperature and supply between those of its tables:
    `gaincell evaluate MODEL --temperature 85`.

    Examples:

        gaincell fit

        gaincell fit out/27 --at out/cold --at out/hot --out out/hardware

        gaincell fit out/ss85 --out out/ss85-hardware --name generic28-ss85 --json
    """
    from ...circuits.files import require_folder

    require_folder(out)
    (name or "").encode()  # the hardware could not be written
    from ...models.fitting.folder import fit_folder, report_dict
    from ...models.periphery import PeripheryLaws

    laws = [PeripheryLaws.read(path) for path in periphery or ()]
    hardware, report = fit_folder(tables, out, at=at or (), name=name, periphery=laws, max_failed=max_failed)
    missed = [check.name for check in report.die if not check.met]
    for where, found in report.conditions.items():
        missed += [f"{check.name} at {where}" for check in found.die if not check.met]
    complaint = (
        f"the die misses its limits: {'; '.join(missed)}; characterize it with --trim, or accept "
        "that with --accept-missed"
    )
    failed = bool(missed) and not accept_missed
    if as_json:
        error = {"error": complaint} if failed else {}
        trim = None if hardware.trim is None else hardware.trim.model_dump()
        emit({"hardware": str(out), "name": hardware.name, "trim": trim, **report_dict(report), **error})
        if failed:
            fail(complaint)
        return
    stdout.print(_error_table(report))
    stdout.print(_check_table(report.checks, "Circuits against their design limits"))
    stdout.print(_check_table(report.die, "What differs from die to die"))
    for where, found in report.conditions.items():
        stdout.print(_check_table(found.die, f"What differs from die to die, {where}"))
    for skew in report.skews:
        if not skew.small:
            stdout.print(_skew_sentence(skew), soft_wrap=True)
    if report.agreements:
        stdout.print(_agreement_table(report))
    if report.corners:
        stdout.print(_corner_table(report))
    if report.storage:
        stdout.print(_storage_table(report.storage))
    if hardware.trim is not None:
        note(hardware.trim.sentence)
    note(f"hardware in {out}")
    if failed:
        fail(complaint)


def _mark(met: bool, text: str | None = None):
    """A verdict in its colour."""
    from rich.text import Text

    return Text(text or ("met" if met else "missed"), "green" if met else "red")


def _error_table(report):
    from rich.table import Table

    title = "Error on points kept from the fit; numerical: of the simulator, worst"
    table = Table("surrogate", "rms", "worst", "numerical", "", "unseen points", title=title)
    for key, error in report.surrogates.items():
        percent = error.unit.startswith("of ")
        values = (error.rms, error.worst, error.numerical)
        numbers = ("-" if x is None else f"{x:.3%}" if percent else f"{x:.3g}" for x in values)
        table.add_row(key, *numbers, error.unit, str(error.held_out_points))
    return table


def _check_table(checks, title):
    from rich.table import Table

    table = Table("figure", "value", "limit", "unit", "", title=title)
    for check in checks:
        mark = _mark(check.met)
        table.add_row(check.name, f"{check.value:.3g}", f"{check.limit:.3g}", check.unit, mark)
    return table


def _skew_sentence(skew) -> str:
    from ..view.figures.units import quantity

    return (
        f"[designs.{skew.design}]: the pulses have an offset of {quantity(skew.offset, 's')} "
        f"({skew.offset / skew.t_pulse_max:.1%} of T_max); to cancel it set t_skew = {skew.to_set:.4g} "
        f"(now {skew.t_skew:.4g}) s"
    )


def _agreement_table(report):
    from rich.table import Table

    title = "Arrays and chains: simulated against predicted widths, of T_max"
    table = Table("circuit", "columns", "slope", "offset", "rms", "worst", "limit", title=title)
    for name, found in report.agreements.items():
        widths = (f"{width:.2%}" for width in (found.offset, found.rms, found.worst))
        limit = _mark(found.met, f"{found.limit:.1%}")
        table.add_row(name, f"{found.counted}/{found.columns}", f"{found.slope:.4f}", *widths, limit)
    return table


def _corner_table(report):
    from rich.table import Table

    title = "Circuits over corners, temperature and supply"
    table = Table("figure", "nominal", "worst", "limit", "unit", "where it is worst", "", title=title)
    for figure in report.corners:
        where = f"{figure.corner}, {figure.temperature:g} C, {figure.vdd:g} V"
        limit = "" if figure.limit is None else f"{figure.limit:.3g}"
        mark = "" if figure.limit is None else _mark(figure.met)
        numbers = (f"{figure.nominal:.3g}", f"{figure.worst:.3g}", limit)
        table.add_row(figure.name, *numbers, figure.unit, where, mark)
    return table


def _storage_table(storage):
    from rich.table import Table

    from ..view.figures.units import quantity

    def seconds(value):
        return "longer than simulated" if value is None else quantity(value, "s")

    title = "Time until the worst level has moved half a step, bit line at rest; refresh of a sub-array"
    table = Table("write device", "temperature", "holds", "writes back to back", "refresh", title=title)
    for found in storage.refresh:
        busy = "-" if found.period_busy is None else seconds(found.period_busy)
        power = "-" if found.power is None else quantity(found.power, "W")
        table.add_row(found.write_device, f"{found.temperature:g} C", seconds(found.period), busy, power)
    return table
